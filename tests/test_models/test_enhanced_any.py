"""Any data preprocessor gets enhanced images, by composition."""

from __future__ import annotations

import pytest
import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.structures import InstanceData

from mmsdag.models import EnhancedDataPreprocessor
from mmsdag.registry import MODELS

GAMMA = dict(type='mmsdag.GammaEnhancer')


@MODELS.register_module(force=True)
class OwnDataPreprocessor(BaseDataPreprocessor):
    """A user's own: gives back what it gets."""

    scale = 7

    def forward(self, data, training=False):
        return dict(data, training=training)


def image(height: int = 6, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 90, (3, height, 8), generator=generator).to(torch.uint8)


def brightened(x: torch.Tensor) -> torch.Tensor:
    """Gamma 2.2, by hand."""
    return ((x / 255) ** (1 / 2.2) * 255).round().to(torch.uint8)


def build(inner: dict, **options) -> EnhancedDataPreprocessor:
    return EnhancedDataPreprocessor(inner, enhancer=GAMMA, **options)


def test_users_own_gets_enhanced_images_and_the_rest():
    own = build(dict(type='mmsdag.OwnDataPreprocessor'))
    out = own(dict(inputs=[image(), image(9)], data_samples=[1, 2]), True)
    assert (out['data_samples'], out['training'], own.scale) == ([1, 2], True, 7)
    assert all(map(torch.equal, out['inputs'], [brightened(image()), brightened(image(9))]))


@pytest.mark.parametrize('shape', [(6,), (2, 3)])
def test_clips_keep_their_shape(shape):
    clip = torch.stack([image(seed=i) for i in range(6)]).view(*shape, 3, 6, 8)
    out = build(dict(type='mmsdag.OwnDataPreprocessor'))(dict(inputs=clip))
    assert torch.equal(out['inputs'], brightened(clip))


@pytest.mark.parametrize('training', [True, False])
def test_multi_branch_equals_its_own_output_of_enhanced_images(training):
    mmdet = pytest.importorskip('mmdet.structures')
    inner = dict(
        type='mmdet.MultiBranchDataPreprocessor',
        data_preprocessor=dict(
            type='mmdet.DetDataPreprocessor',
            mean=[1.0, 2.0, 3.0],
            std=[4.0, 5.0, 6.0],
            bgr_to_rgb=True,
            pad_size_divisor=32,
        ),
    )

    def samples(*shown):
        return [
            mmdet.DetDataSample(metainfo=dict(img_shape=(6, 8))) if there else None
            for there in shown
        ]

    def batch(change):
        if not training:
            return dict(inputs=[change(image())], data_samples=samples(1))
        return dict(
            inputs=dict(sup=[change(image()), None], unsup=[None, change(image(seed=1))]),
            data_samples=dict(sup=samples(1, 0), unsup=samples(0, 1)),
        )

    found = build(inner)(batch(lambda x: x), training)['inputs']
    stock = MODELS.build(inner)(batch(brightened), training)['inputs']
    if not training:
        found, stock = dict(all=found), dict(all=stock)
    assert found.keys() == stock.keys()
    assert all(torch.equal(found[key], stock[key]) for key in stock)


def test_track_preprocessor_gets_enhanced_frames():
    mmdet = pytest.importorskip('mmdet.structures')
    inner = dict(type='mmdet.TrackDataPreprocessor', mean=[1.0] * 3, std=[2.0] * 3)
    clip = torch.stack([image(seed=i) for i in range(2)])

    def batch(inputs):
        sample = mmdet.TrackDataSample(
            video_data_samples=[mmdet.DetDataSample(metainfo=dict(img_shape=(6, 8)))] * 2
        )
        return dict(inputs=[inputs], data_samples=[sample])

    found = build(inner)(batch(clip))['inputs']
    assert torch.equal(found, MODELS.build(inner)(batch(brightened(clip)))['inputs'])


def test_boxinst_makes_its_pseudo_masks_of_enhanced_images():
    pytest.importorskip('skimage')
    mmdet = pytest.importorskip('mmdet.structures')
    inner = dict(
        type='mmdet.BoxInstDataPreprocessor',
        mean=[1.0] * 3,
        std=[2.0] * 3,
        mask_stride=2,
        bottom_pixels_removed=0,
    )

    def pseudo_masks(preprocessor, picture):
        sample = mmdet.DetDataSample(
            metainfo=dict(img_shape=(6, 8)),
            gt_instances=InstanceData(bboxes=torch.tensor([[1, 1, 6, 4]])),
        )
        out = preprocessor(dict(inputs=[picture], data_samples=[sample]), training=True)
        return (out['inputs'], out['data_samples'][0].gt_instances.pairwise_masks)

    # A dark ramp: its colors are alike only before it is brightened.
    ramp = torch.arange(8, dtype=torch.uint8).expand(3, 6, 8)
    found = pseudo_masks(build(inner), ramp)
    stock = MODELS.build(inner)
    assert all(map(torch.equal, found, pseudo_masks(stock, brightened(ramp))))
    assert not torch.equal(found[1], pseudo_masks(stock, ramp)[1])


def test_what_is_not_a_data_preprocessor_is_refused():
    with pytest.raises(TypeError, match='GammaEnhancer, not a BaseData'):
        build(GAMMA)


def test_unknown_channel_order_is_refused():
    with pytest.raises(ValueError, match="channel_order='gbr'"):
        build(dict(type='mmsdag.OwnDataPreprocessor'), channel_order='gbr')


def test_an_empty_batch_is_refused():
    own = build(dict(type='mmsdag.OwnDataPreprocessor'))
    with pytest.raises(ValueError, match='inputs of EnhancedData.* empty'):
        own(dict(inputs=[]))
