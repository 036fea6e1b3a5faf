"""MAET: a stock recognizer that also tells how an image was darkened."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from mmsdag.registry import MODELS

mmdet_structures = pytest.importorskip('mmdet.structures')
CONFIGS = Path(__file__).parents[2] / 'configs/maet'


def build(name: str = 'maet', **changes):
    cfg = Config.fromfile(CONFIGS / f'yolox-nano-{name}_night-scenes.py')
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(dict(cfg.model, **changes))


@pytest.fixture
def model():
    return build()


@pytest.fixture
def batch() -> dict:
    samples = []
    for _ in range(2):
        sample = mmdet_structures.DetDataSample(
            metainfo=dict(
                img_shape=(64, 64),
                ori_shape=(64, 64),
                scale_factor=(1.0, 1.0),
                batch_input_shape=(64, 64),
            )
        )
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[8.0, 8.0, 40.0, 40.0]]), labels=torch.tensor([1])
        )
        samples.append(sample)
    return dict(
        inputs=[(torch.rand(3, 64, 64) * 255).byte() for _ in range(2)], data_samples=samples
    )


def losses_of(model, batch: dict) -> dict:
    data = model.data_preprocessor(batch, True)
    return model(**data, mode='loss')


def test_head_has_as_many_weights_as_that_of_the_authors():
    # AET_head of their code, for Darknet-53.
    from mmsdag.models.maet import DegradationHead

    head = DegradationHead(1024)
    assert sum(p.numel() for p in head.parameters()) == 2102276


def test_detector_sees_dark_images_in_training(model, batch):
    seen = []
    model.recognizer.backbone.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].mean().item())
    )
    losses_of(model, batch)
    dark, light = seen
    assert dark < 100 < light


def test_head_compares_light_and_dark_features(model, batch):
    model.head.hidden.weight.data.zero_()
    model.head.predict.bias.data = torch.tensor([0.1, 0.4, 0.5, 0.6])
    torch.manual_seed(0)
    loss = losses_of(model, batch)['loss_parameters'].item()
    torch.manual_seed(0)
    parameters = model.degradation.degrade_with_parameters(torch.zeros(2, 3, 64, 64))[1]
    first = sum((0.1 - p[0]) ** 2 for p in parameters) / 2
    rest = (
        sum((value - p[k]) ** 2 for p in parameters for k, value in ((1, 0.4), (2, 0.5), (3, 0.6)))
        / 6
    )
    assert loss == pytest.approx(10 * (5 * first + rest).item(), rel=1e-5)


def test_telling_the_darkness_trains_the_backbone(model, batch):
    losses_of(model, batch)['loss_parameters'].backward()
    grads = [p.grad for p in model.recognizer.backbone.parameters()]
    assert all(grad is not None for grad in grads)
    assert max(grad.abs().max() for grad in grads) > 0
    assert all(p.grad is None for p in model.recognizer.bbox_head.parameters())


@pytest.mark.parametrize('name', ['darkened', 'low-light'])
def test_without_the_head_the_detector_trains_on_darkened_images(name, batch):
    model = build(name)
    assert not hasattr(model, 'head')
    seen = []
    model.recognizer.backbone.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0].mean().item())
    )
    losses = losses_of(model, batch)
    assert 'loss_parameters' not in losses and 'loss_cls' in losses
    assert len(seen) == 1 and seen[0] < 100


def test_tests_run_the_detector_alone_on_images_as_they_are(model, batch):
    model.eval()
    data = model.data_preprocessor(batch)
    with torch.no_grad():
        own = model(**data, mode='predict')
        boxes = [s.pred_instances.bboxes for s in own]
        stock = model.recognizer(**data, mode='predict')
        for mine, theirs in zip(boxes, stock):
            assert torch.equal(mine, theirs.pred_instances.bboxes)
        own = model(**data, mode='tensor')
        stock = model.recognizer(**data, mode='tensor')
    assert torch.equal(own[0][0], stock[0][0])


def test_a_segmentor_trains_on_dark_images_of_its_own_normalization():
    structures = pytest.importorskip('mmseg.structures')
    from mmengine.structures import PixelData

    cfg = Config.fromfile(CONFIGS / 'cgnet-maet_camvid-dark.py')
    cfg.model.recognizer.pop('init_cfg')
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    sample = structures.SegDataSample(
        gt_sem_seg=PixelData(data=torch.randint(11, (1, 192, 192))),
        metainfo=dict(ori_shape=(192, 192), img_shape=(192, 192)),
    )
    image = torch.full((3, 192, 192), 255, dtype=torch.uint8)
    data = model.data_preprocessor(
        dict(inputs=[image, image], data_samples=[sample, sample.clone()]), True
    )
    # White as the data preprocessor returns it, black likewise.
    torch.testing.assert_close(data['inputs'][0], model.white.expand(3, 192, 192))
    model.degradation = Black()
    seen = []
    model.recognizer.backbone.register_forward_pre_hook(
        lambda module, inputs: seen.append(inputs[0])
    )
    losses = model(**data, mode='loss')
    assert {'decode.loss_ce', 'loss_parameters'} <= losses.keys()
    torch.testing.assert_close(seen[0][0], model.black.expand(3, 192, 192))
    with torch.no_grad():
        (found, _) = model.eval()(**data, mode='predict')
    assert found.pred_sem_seg.shape == (192, 192)


class Black:
    def degrade_with_parameters(self, images):
        return torch.zeros_like(images), torch.zeros(len(images), 4)


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match='parameter_weight=-1 of MAET'):
        build(parameter_weight=-1)


def test_a_degradation_that_tells_no_parameters_cannot_teach_the_head():
    with pytest.raises(ValueError, match='does not tell its parameters'):
        build('low-light', parameter_weight=1.0)
