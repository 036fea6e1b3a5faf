"""Stock recognizers of mmdet and mmseg behind an enhancer, by one dict."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.guided_training import SDAG_NET, frozen_net, save_sdag
from mmdet.structures import DetDataSample
from mmengine.config import Config, ConfigDict
from mmengine.logging import MessageHub
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from mmsdag.models import ZeroDCENet, runner
from mmsdag.models.data_preprocessors.enhancement import window_by_color, window_by_metainfo
from mmsdag.registry import MODELS
from mmsdag.utils.model_index import model_names

YOLOX = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'
RETINANET = 'mmdet::retinanet/retinanet_r18_fpn_1x_coco.py'
YOLOV3 = 'mmdet::yolo/yolov3_mobilenetv2_8xb24-320-300e_coco.py'
PSPNET = 'mmseg::pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py'
GAMMA = dict(type='mmsdag.GammaEnhancer')


@MODELS.register_module(force=True)
class Unchanged(nn.Module):
    """Gives back what it gets, and keeps the shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple] = []

    def enhance(self, x: Tensor) -> Tensor:
        self.shapes.append(tuple(x.shape))
        return x


@MODELS.register_module(force=True)
class NoRed(nn.Module):
    """Takes the first of RGB away."""

    def enhance(self, x: Tensor) -> Tensor:
        return x * x.new_tensor([0.0, 1.0, 1.0])[:, None, None]


@MODELS.register_module(force=True)
class LearnedGain(nn.Module):
    """One weight that is learnt."""

    def __init__(self, gain: float = 1.5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain

    def enhance(self, x: Tensor) -> Tensor:
        return self(x)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def first_iteration():
    """What YOLOX's batch augmentation reads."""
    MessageHub.get_current_instance().update_info('iter', 0)


@pytest.fixture(scope='session')
def configs(tmp_path_factory):
    """Leaf configs on top of stock ones; their ``model``."""
    folder = tmp_path_factory.mktemp('configs')
    loaded: dict[str, Config] = {}

    def load(base: str, **override) -> Config:
        key = repr((base, override))
        if key not in loaded:
            path = folder / f'{len(loaded)}.py'
            model = dict(data_preprocessor=override) if override else {}
            path.write_text(f'_base_ = {base!r}\nmodel = {model!r}\n')
            loaded[key] = Config.fromfile(path)
        return copy.deepcopy(loaded[key].model)

    return load


def enhanced_type(base: str) -> str:
    return (
        'mmsdag.EnhancedDetDataPreprocessor'
        if base.startswith('mmdet')
        else 'mmsdag.EnhancedSegDataPreprocessor'
    )


@pytest.fixture
def preprocessor(configs):
    """Build a config's data preprocessor, stock or with an enhancer."""

    def build(base: str, enhancer=None, **options):
        override = dict(options)
        if enhancer is not None:
            override.update(type=enhanced_type(base), enhancer=enhancer)
        with DefaultScope.overwrite_default_scope(base.split('::')[0]):
            return MMENGINE_MODELS.build(configs(base, **override).data_preprocessor)

    return build


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory) -> str:
    """A small Zero-DCE with random weights."""
    torch.manual_seed(3)
    return save(ZeroDCENet(channels=4), tmp_path_factory.mktemp('enhancer') / 'zero_dce.pth')


def save(network: nn.Module, path: Path) -> str:
    torch.save(
        {
            'state_dict': {
                f'generator.{name}': value * 2 for name, value in network.state_dict().items()
            }
        },
        path,
    )
    return str(path)


ZERO_DCE = dict(type='mmsdag.ZeroDCENet', channels=4)


def image(height: int, width: int, seed: int = 0) -> Tensor:
    """(3, H, W), uint8, dark; without margins of one color."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 90, (3, height, width), generator=generator, dtype=torch.uint8)


def by_hand(image: Tensor) -> Tensor:
    """``x ** (1 / 2.2)`` in numpy, rounded to 8 bits."""
    levels = image.numpy().astype(np.float64) / 255
    return torch.from_numpy(np.rint(levels ** (1 / 2.2) * 255).astype(np.uint8))


def det_sample(shape, **meta) -> DetDataSample:
    sample = DetDataSample(
        metainfo=dict(
            img_shape=shape,
            ori_shape=shape,
            scale_factor=(1.0, 1.0),
            img_path='a.png',
            flip=False,
            flip_direction=None,
            **meta,
        )
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[4.0, 4.0, 40.0, 40.0]]), labels=torch.tensor([2])
    )
    return sample


def seg_sample(shape, **meta) -> SegDataSample:
    sample = SegDataSample(
        metainfo=dict(
            img_shape=shape,
            ori_shape=shape,
            img_path='a.png',
            flip=False,
            flip_direction=None,
            **meta,
        )
    )
    sample.gt_sem_seg = PixelData(data=torch.arange(shape[0] * shape[1]).reshape(1, *shape) % 19)
    return sample


def batch_for(base: str, images) -> dict:
    make = det_sample if base.startswith('mmdet') else seg_sample
    return dict(inputs=list(images), data_samples=[make(tuple(i.shape[1:])) for i in images])


BASES = pytest.mark.parametrize('base', [YOLOX, RETINANET, YOLOV3, PSPNET])


@BASES
def test_a_trained_model_is_called_by_its_name(base, preprocessor):
    images = [image(40, 64)]
    named = preprocessor(base, 'zero_dce.sdag')
    trained = model_names()['zero_dce.sdag']
    by_files = preprocessor(base, str(trained.config), checkpoint=str(trained.checkpoint))
    found, expected = (p(batch_for(base, images)) for p in (named, by_files))
    assert torch.equal(found['inputs'], expected['inputs'])


@BASES
@pytest.mark.parametrize('training', [False, True])
def test_an_enhancer_that_changes_nothing_gives_the_stock_tensors(base, training, preprocessor):
    images = [image(40, 64), image(40, 64, 1)]
    if training and base.startswith('mmdet'):
        images.append(image(64, 33, 2))
    stock, ours = preprocessor(base), preprocessor(base, dict(type='mmsdag.Unchanged'))
    expected = stock(batch_for(base, images), training)
    found = ours(batch_for(base, images), training)
    assert found['inputs'].dtype == torch.float32
    torch.testing.assert_close(found['inputs'], expected['inputs'], rtol=0, atol=0)
    for one, other in zip(found['data_samples'], expected['data_samples']):
        assert one.metainfo == other.metainfo


@pytest.mark.slow
@BASES
def test_it_gives_what_images_enhanced_beforehand_give(base, preprocessor):
    images = [image(40, 64), image(40, 64, 1)]
    expected = preprocessor(base)(batch_for(base, [by_hand(i) for i in images]))
    found = preprocessor(base, GAMMA)(batch_for(base, images))
    torch.testing.assert_close(found['inputs'], expected['inputs'])


@pytest.mark.parametrize(
    'options, red',
    [
        (dict(bgr_to_rgb=True), 0),
        (dict(bgr_to_rgb=False), 2),
        (dict(bgr_to_rgb=False, rgb_to_bgr=True), 2),
    ],
)
def test_the_enhancer_sees_rgb_whatever_the_recognizer_wants(options, red, preprocessor):
    ours = preprocessor(RETINANET, dict(type='mmsdag.NoRed'), mean=None, std=None, **options)
    out = ours(batch_for(RETINANET, [image(32, 32) + 1]))['inputs'][0]
    assert (out[red] == 0).all()
    assert all((out[i] > 0).all() for i in range(3) if i != red)


def test_a_stacked_batch_is_taken_too(preprocessor):
    images = torch.stack([image(32, 32), image(32, 32, 1)])
    data = batch_for(YOLOX, images)
    found = preprocessor(YOLOX, GAMMA)(data)['inputs']
    stacked = preprocessor(YOLOX, GAMMA)({**data, 'inputs': images})['inputs']
    torch.testing.assert_close(stacked, found)


@pytest.mark.parametrize(
    'test_cfg, shape', [(dict(size=(48, 80)), (48, 80)), (dict(size_divisor=32), (64, 64))]
)
def test_segmentation_still_pads_for_testing(test_cfg, shape, preprocessor):
    out = preprocessor(PSPNET, GAMMA, test_cfg=test_cfg)(batch_for(PSPNET, [image(40, 60)]))
    assert out['inputs'].shape[-2:] == shape
    # Normalized images are padded by pad_val itself.
    assert (out['inputs'][..., 40:, :] == 0).all()


def padded(image: Tensor, bottom: int, right: int, value: float) -> Tensor:
    return nn.functional.pad(image, (0, right, 0, bottom), value=value)


def padded_batch(content: Tensor, bottom: int, right: int, value: float = 114) -> dict:
    """What YOLOX's Resize, from twice the size, and Pad make of an image."""
    data = batch_for(YOLOX, [padded(content, bottom, right, value)])
    height, width = content.shape[1:]
    data['data_samples'][0].set_metainfo(
        dict(ori_shape=(2 * height, 2 * width), scale_factor=(0.5, 0.5))
    )
    return data


@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
@pytest.mark.parametrize('value', [114, 0])
def test_what_the_pipeline_padded_stays_as_it_is(value, dtype, preprocessor):
    content = image(20, 32)
    # Equal margins of an enhanced image, then the padding.
    expected = padded(by_hand(content).float(), 12, 0, value)
    data = padded_batch(content.to(dtype), 12, 0, value)
    found = preprocessor(YOLOX, GAMMA)(data)['inputs'][0]
    atol = 0 if dtype == torch.uint8 else 0.5001
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)
    assert (found[:, 20:] == value).all()


def test_padding_is_enhanced_where_that_is_wanted(preprocessor):
    data = padded_batch(image(20, 32), 12, 0)
    found = preprocessor(YOLOX, GAMMA, padding_value=None)(data)['inputs'][0]
    # 255 * (114 / 255) ** (1 / 2.2) = 176.9
    assert (found[:, 20:] == 177).all()


def test_the_enhancer_does_not_see_the_padding(preprocessor):
    ours = preprocessor(YOLOX, dict(type='mmsdag.Unchanged'))
    ours(padded_batch(image(20, 30), 12, 2))
    assert ours.enhancer.shapes == [(1, 3, 20, 30)]


@pytest.mark.parametrize('size', [(480, 640), (333, 500), (375, 1242)])
@pytest.mark.parametrize('package', ['mmcv', 'mmdet'])
def test_content_is_found_behind_the_stock_resize_and_pad(package, size):
    import mmdet.datasets.transforms  # noqa: F401
    from mmcv.transforms import TRANSFORMS

    results = dict(img=image(*size).permute(1, 2, 0).numpy(), ori_shape=size)
    for step in (
        dict(type='Resize', scale=(416, 416), keep_ratio=True),
        dict(type='Pad', size=(416, 416), pad_val=dict(img=114)),
    ):
        scope = '' if package == 'mmcv' else f'{package}.'
        shape = results['img'].shape[:2]
        results = TRANSFORMS.build(dict(step, type=scope + step['type']))(results)
    assert results['img_shape'] == (416, 416)  # which Pad overwrites
    canvas = torch.from_numpy(results['img']).permute(2, 0, 1)
    assert window_by_metainfo(canvas, results) == tuple(map(slice, shape))


CANVAS = padded(image(20, 30), 12, 2, 114)


@pytest.mark.parametrize(
    'metainfo, window',
    [
        (dict(img_shape=(20, 30)), (20, 30)),
        (dict(img_shape=(20, 30, 3), pad_shape=(32, 32)), (20, 30)),
        # Resized to 20 x 60, cropped to 20 x 32.
        (dict(ori_shape=(40, 120), scale_factor=(0.5, 0.5)), (20, 32)),
        (dict(img_shape=(32, 32)), None),
        (dict(ori_shape=(32, 32)), None),
        (dict(ori_shape=(64, 64), scale_factor=(0.5, 0.5)), None),
        # Of the first image of a mosaic: there is an image outside of it, too.
        (dict(ori_shape=(10, 10), scale_factor=(1.0, 1.0)), None),
        (dict(), None),
        (None, None),
    ],
)
def test_metainfo_tells_the_content(metainfo, window):
    expected = None if window is None else tuple(map(slice, window))
    assert window_by_metainfo(CANVAS, metainfo) == expected


def test_an_image_of_one_color_is_no_padding(preprocessor):
    flat = torch.full((3, 32, 32), 20, dtype=torch.uint8)
    for how in ('metainfo', 20):
        found = preprocessor(YOLOX, GAMMA, padding_value=how)(batch_for(YOLOX, [flat]))['inputs']
        # 255 * (20 / 255) ** (1 / 2.2) = 80.2
        assert (found == 80).all()


def test_margins_are_found_on_every_side():
    canvas = torch.full((3, 10, 12), 114.0)
    canvas[:, 2:7, 3:11] = 5.0
    assert window_by_color(canvas, 114) == (slice(2, 7), slice(3, 11))


def test_borders_of_a_photograph_itself_are_enhanced(preprocessor):
    ours = preprocessor(YOLOX, dict(type='mmsdag.Unchanged'))
    for value in (0, 2, 114, 255):
        ours(batch_for(YOLOX, [padded(image(20, 30), 12, 2, value)]))
    assert ours.enhancer.shapes == [(1, 3, 32, 32)] * 4


def test_a_color_is_looked_for_where_that_is_asked_for(preprocessor):
    ours = preprocessor(YOLOX, dict(type='mmsdag.Unchanged'), padding_value=114)
    for value in (113, 114):
        ours(batch_for(YOLOX, [padded(image(20, 30), 12, 2, value)]))
    assert ours.enhancer.shapes == [(1, 3, 32, 32), (1, 3, 20, 30)]


def test_padding_may_have_a_color_of_its_own(preprocessor):
    ours = preprocessor(YOLOX, dict(type='mmsdag.Unchanged'), padding_value=(103, 116, 123))
    canvas = torch.tensor([103, 116, 123], dtype=torch.uint8).reshape(3, 1, 1).repeat(1, 32, 32)
    canvas[:, :20, :30] = image(20, 30)
    ours(batch_for(YOLOX, [canvas]))
    assert ours.enhancer.shapes == [(1, 3, 20, 30)]


def test_images_of_one_size_go_through_together(preprocessor):
    ours = preprocessor(RETINANET, dict(type='mmsdag.Unchanged'))
    shapes = [(32, 40), (40, 32), (32, 40)]
    ours(batch_for(RETINANET, [image(*s, i) for i, s in enumerate(shapes)]))
    assert sorted(ours.enhancer.shapes) == [(1, 3, 40, 32), (2, 3, 32, 40)]


@pytest.mark.parametrize('chunk_size, counts', [(1, [1] * 3), (2, [2, 1]), (8, [3])])
def test_no_more_images_than_chunk_size_go_through_together(chunk_size, counts, preprocessor):
    ours = preprocessor(RETINANET, dict(type='mmsdag.Unchanged'), chunk_size=chunk_size)
    images = [image(32, 40, i) for i in range(3)]
    out = ours(batch_for(RETINANET, images))['inputs']
    assert [shape[0] for shape in ours.enhancer.shapes] == counts
    expected = preprocessor(RETINANET)(batch_for(RETINANET, images))
    torch.testing.assert_close(out, expected['inputs'])


@pytest.mark.parametrize('trainable, limit', [(False, '_CPU_PIXELS'), (True, '_PIXELS')])
def test_by_default_a_chunk_holds_a_limited_number_of_pixels(
    trainable, limit, preprocessor, monkeypatch
):
    monkeypatch.setattr(runner, limit, 2 * 32 * 40 + 1)
    ours = preprocessor(
        RETINANET,
        dict(type='mmsdag.GammaEnhancer', trainable=trainable),
        trainable=trainable,
        round_to_uint8=False,
    )
    counts = []
    run = ours.runner.run
    monkeypatch.setattr(
        ours.runner, 'run', lambda batch: (counts.append(len(batch)), run(batch))[1]
    )
    ours(batch_for(RETINANET, [image(32, 40, i) for i in range(3)]))
    assert counts == [2, 1]


def test_a_chunk_that_a_gpu_cannot_hold_is_halved(preprocessor, monkeypatch):
    ours = preprocessor(RETINANET, dict(type='mmsdag.Unchanged'))
    seen = []

    def enhance(x):
        if len(x) > 1:
            raise torch.cuda.OutOfMemoryError('no memory')
        seen.append(len(x))
        return x

    monkeypatch.setattr(ours.enhancer, 'enhance', enhance)
    images = [image(32, 40, i) for i in range(5)]
    out = ours(batch_for(RETINANET, images))['inputs']
    expected = preprocessor(RETINANET)(batch_for(RETINANET, images))
    torch.testing.assert_close(out, expected['inputs'])
    assert seen == [1] * 5


def test_one_image_that_a_gpu_cannot_hold_is_an_error(preprocessor, monkeypatch):
    ours = preprocessor(RETINANET, dict(type='mmsdag.Unchanged'))

    def enhance(x):
        raise torch.cuda.OutOfMemoryError('no memory')

    monkeypatch.setattr(ours.enhancer, 'enhance', enhance)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        ours(batch_for(RETINANET, [image(32, 40)]))


def test_colors_out_of_range_do_not_become_nan(preprocessor):
    # As photometric augmentations leave them.
    wild = image(32, 32).float() * 5 - 100
    out = preprocessor(YOLOX, GAMMA)(batch_for(YOLOX, [wild]))['inputs']
    assert out.isfinite().all()
    assert out.min() >= 0 and out.max() <= 255


def test_floating_point_images_are_not_rounded(preprocessor):
    found = preprocessor(YOLOX, GAMMA)(batch_for(YOLOX, [image(32, 32).float() + 0.25]))['inputs']
    assert (found != found.round()).any()


def test_rounding_can_be_left_out(preprocessor):
    exact = preprocessor(YOLOX, GAMMA, round_to_uint8=False)(batch_for(YOLOX, [image(32, 32)]))[
        'inputs'
    ][0]
    assert (exact != exact.round()).any()
    torch.testing.assert_close(exact, by_hand(image(32, 32)).float(), rtol=0, atol=0.5001)


def test_bfloat16_stays_within_a_few_levels(preprocessor, checkpoint):
    exact, rough = (
        preprocessor(YOLOX, ZERO_DCE, checkpoint=checkpoint, amp_dtype=amp_dtype)(
            batch_for(YOLOX, [image(32, 32)])
        )['inputs']
        for amp_dtype in (None, 'bfloat16')
    )
    assert 0 < (exact - rough).abs().max() <= 4


def test_it_follows_the_recognizer_to_its_device(preprocessor, checkpoint):
    # 'meta' stands for a GPU.
    ours = preprocessor(YOLOX, ZERO_DCE, checkpoint=checkpoint)
    out = ours.to('meta')(batch_for(YOLOX, [image(32, 32)]))['inputs']
    assert out.device.type == 'meta'


def test_resizing_after_enhancement_is_the_pipelines(preprocessor):
    from mmdet.datasets.transforms import Resize

    small = Resize(scale=(48, 40), keep_ratio=True)(
        dict(img=by_hand(image(48, 64)).permute(1, 2, 0).numpy())
    )
    # 64 x 48 fits into 48 x 40 as 48 x 36.
    assert small['img'].shape == (36, 48, 3)
    ours = preprocessor(YOLOX, GAMMA, resize_to=(48, 40), pad_size_divisor=1)
    data = batch_for(YOLOX, [image(48, 64)])
    boxes = data['data_samples'][0].gt_instances.bboxes.clone()
    for _ in range(2):  # what the loader gave is left as it is
        out = ours(data)
    expected = torch.from_numpy(small['img']).permute(2, 0, 1).float()
    torch.testing.assert_close(out['inputs'][0], expected, rtol=0, atol=0)
    sample = out['data_samples'][0]
    assert sample.img_shape == (36, 48)
    assert sample.scale_factor == small['scale_factor'] == (0.75, 0.75)
    torch.testing.assert_close(sample.gt_instances.bboxes, boxes * 0.75)


def test_resizing_as_on_a_gpu_differs_by_a_level_at_most(preprocessor):
    by_cv2, by_torch = (
        preprocessor(YOLOX, GAMMA, resize_to=(48, 40), round_to_uint8=rounds).enhance(
            [image(48, 64)]
        )[0]
        for rounds in (True, False)
    )
    assert 0 < (by_cv2 - by_torch).abs().max() <= 1.5


def test_resized_a_trainable_enhancer_keeps_its_gradient(preprocessor):
    ours = preprocessor(YOLOX, dict(type='mmsdag.LearnedGain'), trainable=True, resize_to=(16, 16))
    ours(batch_for(YOLOX, [image(32, 32)]))['inputs'].sum().backward()
    assert ours.enhancer.gain.grad > 0


def test_resizing_masks_is_refused(preprocessor):
    data = batch_for(YOLOX, [image(32, 32)])
    data['data_samples'][0].gt_instances.masks = torch.zeros(1, 32, 32)
    with pytest.raises(ValueError, match='does not resize masks'):
        preprocessor(YOLOX, GAMMA, resize_to=(16, 16))(data)


@pytest.fixture
def recognizer(configs):
    """Build a stock recognizer, with an enhancer or without."""

    def build(base: str, enhancer=None, **options):
        override = dict(options)
        if base == PSPNET:
            override['size'] = (64, 64)  # of training images
        if enhancer is not None:
            override.update(type=enhanced_type(base), enhancer=enhancer)
        torch.manual_seed(0)
        model = MMENGINE_MODELS.build(configs(base, **override))
        return revert_sync_batchnorm(model)

    return build


def predictions(base: str, samples) -> list[Tensor]:
    if base.startswith('mmdet'):
        return [s.pred_instances.bboxes for s in samples]
    return [s.seg_logits.data for s in samples]


@pytest.mark.parametrize('base', [YOLOX, RETINANET, PSPNET])
def test_a_stock_recognizer_predicts_from_enhanced_images(base, recognizer):
    images = [image(64, 64), image(64, 64, 1)]
    stock, ours = recognizer(base), recognizer(base, GAMMA)
    ours.load_state_dict(stock.state_dict(), strict=True)
    for model in (stock, ours):
        # Scores of random weights are low.
        model.eval().test_cfg['score_thr'] = 0.0
    expected = stock.test_step(batch_for(base, [by_hand(i) for i in images]))
    found = ours.test_step(batch_for(base, images))
    for one, other in zip(predictions(base, found), predictions(base, expected)):
        assert one.numel()
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize('base', [YOLOX, RETINANET, PSPNET])
def test_a_stock_recognizer_trains_on_enhanced_images(base, recognizer, checkpoint):
    model = recognizer(base, ZERO_DCE, checkpoint=checkpoint).train()
    data = model.data_preprocessor(batch_for(base, [image(64, 64), image(64, 64, 1)]), True)
    assert not data['inputs'].requires_grad
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    enhancer = model.data_preprocessor.enhancer
    assert all(p.grad is None for p in enhancer.parameters())


def test_frozen_it_is_no_part_of_the_recognizer(recognizer, checkpoint):
    stock = recognizer(YOLOX)
    model = recognizer(YOLOX, ZERO_DCE, checkpoint=checkpoint)
    assert model.state_dict().keys() == stock.state_dict().keys()
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in stock.named_parameters()]
    enhancer = model.train().data_preprocessor.enhancer
    assert not enhancer.training
    assert not any(p.requires_grad for p in enhancer.parameters())


def test_frozen_its_copies_enhance_too(preprocessor, checkpoint):
    # Averaged models (EMA) are deep copies.
    ours = preprocessor(YOLOX, ZERO_DCE, checkpoint=checkpoint)
    data = batch_for(YOLOX, [image(32, 32)])
    expected = ours(data)['inputs']
    torch.testing.assert_close(copy.deepcopy(ours)(data)['inputs'], expected)


@pytest.mark.parametrize('base', [YOLOX, PSPNET])
def test_trainable_it_learns_with_the_recognizer(base, recognizer, checkpoint):
    model = recognizer(base, ZERO_DCE, checkpoint=checkpoint, trainable=True).train()
    wrapper = build_optim_wrapper(
        model, dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    )
    before = copy.deepcopy(model.data_preprocessor.enhancer.state_dict())
    model.train_step(batch_for(base, [image(64, 64), image(64, 64, 1)]), wrapper)
    after = model.data_preprocessor.enhancer.state_dict()
    for name, value in before.items():
        assert not torch.equal(value, after[name]), name
    assert 'data_preprocessor.enhancer.conv1.weight' in model.state_dict()


def test_trainable_padding_and_sizes_keep_the_gradient(preprocessor):
    ours = preprocessor(YOLOX, dict(type='mmsdag.LearnedGain'), trainable=True)
    contents = [image(20, 32), image(32, 16, 1)]
    batches = (padded_batch(contents[0], 12, 0), padded_batch(contents[1], 0, 16))
    out = ours({key: [batch[key][0] for batch in batches] for key in batches[0]})['inputs']
    out.sum().backward()
    # No value is clamped: the images are below 90, times 1.5.
    assert ours.enhancer.gain.grad.item() == pytest.approx(
        sum(c.double().sum().item() for c in contents), rel=1e-5
    )


def test_trainable_it_is_not_trained_by_testing(preprocessor):
    ours = preprocessor(YOLOX, dict(type='mmsdag.LearnedGain'), trainable=True)
    with torch.no_grad():
        out = ours(batch_for(YOLOX, [image(32, 32)]))['inputs']
    assert not out.requires_grad


def test_initializing_the_recognizer_leaves_the_enhancer_alone(configs, checkpoint):
    model = MMENGINE_MODELS.build(
        configs(
            YOLOX,
            type=enhanced_type(YOLOX),
            enhancer=ZERO_DCE,
            checkpoint=checkpoint,
            trainable=True,
        )
    )
    model.init_cfg = dict(type='Constant', layer='Conv2d', val=0.5)
    model.init_weights()
    expected = torch.load(checkpoint, weights_only=True)['state_dict']
    found = model.data_preprocessor.enhancer.state_dict()
    for name, value in found.items():
        assert torch.equal(value, expected[f'generator.{name}'])


def test_without_a_checkpoint_trainable_weights_are_initialized(preprocessor):
    ours = preprocessor(YOLOX, ZERO_DCE, trainable=True)
    # N(0, 0.02), as its authors initialize Zero-DCE.
    assert ours.enhancer.conv5.weight.std().item() == pytest.approx(0.02, rel=0.2)


def tta_batch(base: str, one: Tensor) -> dict:
    """An image and its mirror image, as TestTimeAug gives them."""
    make = det_sample if base.startswith('mmdet') else seg_sample
    samples = [make(tuple(one.shape[1:])) for _ in range(2)]
    samples[1].set_metainfo(dict(flip=True, flip_direction='horizontal'))
    return dict(inputs=[[one], [one.flip(-1)]], data_samples=[[sample] for sample in samples])


@pytest.mark.parametrize(
    'base, wrapper',
    [
        (
            YOLOX,
            dict(
                type='DetTTAModel',
                tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.5), max_per_img=100),
            ),
        ),
        (PSPNET, dict(type='SegTTAModel')),
    ],
)
def test_test_time_augmentation_works(base, wrapper, recognizer):
    stock, ours = recognizer(base), recognizer(base, GAMMA)
    ours.load_state_dict(stock.state_dict())
    results = []
    for model, picture in ((ours, image(64, 64)), (stock, by_hand(image(64, 64)))):
        with DefaultScope.overwrite_default_scope(base.split('::')[0]):
            wrapped = MMENGINE_MODELS.build(ConfigDict(wrapper, module=model))
        (sample,) = wrapped.eval().test_step(tta_batch(base, picture))
        results.append(sample.pred_instances.scores if base == YOLOX else sample.pred_sem_seg.data)
    torch.testing.assert_close(*results)


def test_guidance_reaches_a_trainable_enhancer(tmp_path, recognizer, preprocessor):
    from mmengine.runner import Runner

    torch.manual_seed(1)
    path = save_sdag(tmp_path)
    net = frozen_net(path).eval()
    images = [image(32, 64), image(64, 64, 1)]

    class Scenes(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int) -> dict:
            return dict(
                inputs=images[index], data_samples=det_sample(tuple(images[index].shape[1:]))
            )

    seen = []
    model = recognizer(RETINANET, dict(type='mmsdag.LearnedGain'), trainable=True)
    model.backbone.init_cfg = None
    model.register_forward_hook(lambda m, args, out: seen.append(dict(out)))
    runner = Runner(
        model=model,
        work_dir=str(tmp_path),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            dataset=Scenes(),
            collate_fn=dict(type='pseudo_collate'),
            sampler=dict(type='InfiniteSampler', shuffle=False),
        ),
        train_cfg=dict(by_epoch=False, max_iters=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.0)),
        default_hooks=dict(checkpoint=None),
        custom_hooks=[
            dict(
                type='mmsdag.SDAGGuidanceHook',
                checkpoint=str(path),
                sdag=SDAG_NET,
                amp_dtype=None,
                loss_weight=3.0,
                target='data_preprocessor.enhancer',
            )
        ],
        log_processor=dict(by_epoch=False),
        default_scope='mmdet',
        experiment_name=tmp_path.name,
    )
    runner.train()
    # Each pixel counts alike: two thirds of them are in the second image.
    errors = []
    for one in images:
        enhanced = one.flip(0)[None].float() / 255 * 1.5
        with torch.no_grad():
            errors.append((net(enhanced) - enhanced).abs().mean().item())
    expected = 3 * (errors[0] / 3 + errors[1] * 2 / 3)
    added = runner.message_hub.get_scalar('train/loss_sdag').current()
    assert added == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    'override, error, message',
    [
        (dict(enhancer=ZERO_DCE), ValueError, 'has weights, but there is no'),
        (dict(enhancer=ZERO_DCE, checkpoint='nowhere.pth'), FileNotFoundError, 'nowhere.pth'),
        (dict(enhancer='nowhere/at_all'), FileNotFoundError, 'nowhere/at_all'),
        (dict(enhancer=3), TypeError, 'enhancer=3'),
        (dict(), TypeError, 'enhancer=None'),
        (
            dict(enhancer=ZERO_DCE, checkpoint='a.pth', enhancer_checkpoint='b.pth'),
            TypeError,
            "checkpoint='a.pth' and .*='b.pth' .*two names of one",
        ),
        (dict(enhancer=dict(type='mmsdag.SDAGNet')), ValueError, 'SDAGNet has no enhance'),
        (dict(enhancer=dict(gamma=2)), ValueError, 'no model.generator'),
        (dict(enhancer=GAMMA, trainable=True), ValueError, 'nothing to train'),
        (dict(enhancer=GAMMA, chunk_size=0), ValueError, 'chunk_size=0'),
        (dict(enhancer=GAMMA, amp_dtype='int8'), ValueError, 'int8'),
        (
            dict(enhancer=dict(type='mmsdag.LearnedGain'), trainable=True, round_to_uint8=True),
            ValueError,
            'round_to_uint8=True',
        ),
        (
            dict(enhancer=GAMMA, padding_value='gray'),
            ValueError,
            "'gray' of Enh.*must be 'metainfo', a numb",
        ),
        (dict(enhancer=GAMMA, padding_value=(1, 2)), ValueError, "'metainfo', a numb"),
        (dict(enhancer=GAMMA, padding_value=float('nan')), ValueError, '=nan'),
    ],
)
@pytest.mark.parametrize('base', [YOLOX, PSPNET])
def test_a_wrong_argument_is_refused(base, override, error, message):
    with pytest.raises(error, match=message):
        MODELS.build(dict(type=enhanced_type(base), **override))


@MODELS.register_module(force=True)
class Made(nn.Module):
    """Returns whatever ``make`` makes."""

    def __init__(self, make) -> None:
        super().__init__()
        self.enhance = make


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda x: x[..., 1:], r'Made of Enh.*8, 7.*8, 8.*the same shape'),
        (lambda x: x[0], 'the same shape'),
        (lambda x: (x, x), 'makes tuple of images'),
    ],
)
def test_what_an_enhancer_must_not_return_is_refused(make, message):
    enhance = MODELS.build(
        dict(type=enhanced_type(YOLOX), enhancer=dict(type='mmsdag.Made', make=make))
    )
    with pytest.raises(ValueError, match=message):
        enhance.enhance([image(8, 8)])


def test_an_enhancer_that_optimizes_for_itself_is_frozen_outside():

    @torch.enable_grad()
    def brighten(x):
        gain = torch.tensor(2.0, requires_grad=True)
        return x * gain

    enhance = MODELS.build(
        dict(type=enhanced_type(YOLOX), enhancer=dict(type='mmsdag.Made', make=brighten))
    )
    (out,) = enhance.enhance([image(8, 8)])
    assert torch.equal(out, image(8, 8) * 2)


@pytest.mark.parametrize('size', [(3,), (0, 3), 512, '512x512'])
def test_a_wrong_size_is_refused(size):
    with pytest.raises(ValueError, match='resize_to=.* must be .width, heig'):
        MODELS.build(dict(type=enhanced_type(YOLOX), enhancer=GAMMA, resize_to=size))


@pytest.mark.parametrize(
    'wrong, message',
    [
        (torch.zeros(1, 32, 32, dtype=torch.uint8), r'\(1, 32, 32\)'),
        (torch.zeros(3, 32, 32, dtype=torch.int64), 'int64'),
    ],
)
def test_a_wrong_image_is_refused(wrong, message, preprocessor):
    with pytest.raises(ValueError, match=message):
        preprocessor(YOLOX, GAMMA)(batch_for(YOLOX, [wrong]))


@MODELS.register_module(force=True)
class Overflowing(nn.Module):
    """A sound network whose sums are too large for float16."""

    def enhance(self, x: Tensor) -> Tensor:
        large = torch.full((1, 64), 200.0)
        return x + (large @ large.T - 64 * 200.0**2)


@BASES
def test_what_overflows_in_low_precision_is_refused(preprocessor, base):
    ours = preprocessor(base, dict(type='mmsdag.Overflowing'), amp_dtype='float16')
    with pytest.raises(ValueError, match="amp_dtype='float16' is not precise"):
        ours(batch_for(base, [image(32, 32)]))


def test_in_float32_it_does_not_overflow(preprocessor):
    ours = preprocessor(RETINANET, dict(type='mmsdag.Overflowing'))
    ours(batch_for(RETINANET, [image(32, 32)]))


@BASES
def test_an_empty_batch_is_refused(preprocessor, base):
    with pytest.raises(ValueError, match='inputs of .* is an empty batch'):
        preprocessor(base, dict(type='mmsdag.Unchanged'))(dict(inputs=[], data_samples=[]))
