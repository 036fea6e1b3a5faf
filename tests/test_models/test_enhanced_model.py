"""An enhancer goes in front of models of any package."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from mmsdag import EnhancedModel
from mmsdag.apis import export_model_onnx
from mmsdag.models import ZeroDCENet

GAMMA = dict(type='mmsdag.GammaEnhancer')
DARK = np.random.default_rng(0).integers(50, size=(40, 50, 3)).astype(np.uint8)


class NoRed(nn.Module):
    """Removes the first channel of RGB."""

    def enhance(self, x):
        return x * x.new_tensor([0.0, 1.0, 1.0])[:, None, None]


class Unchanged(nn.Module):
    def enhance(self, x):
        return x


def identity(images, *args):
    return images


def brightened(image: np.ndarray) -> np.ndarray:
    """Gamma 2.2, by hand."""
    return np.rint((image / 255) ** (1 / 2.2) * 255).astype(np.uint8)


@pytest.fixture(scope='module')
def detector() -> nn.Module:
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    torch.manual_seed(0)
    model = ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3, score_thresh=0.01, detections_per_img=5
    )
    # Statistics of the batch norms, without which all scores are equal.
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        features = model.backbone.train()(torch.rand(4, 3, 320, 320))
        model.head.train()(list(features.values()))
    return model.eval()


@pytest.fixture(scope='module')
def images() -> torch.Tensor:
    return torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0)) * 0.2


def test_torchvision_detector_sees_the_enhanced_images(detector, images):
    model = EnhancedModel(detector, GAMMA, channel_order='rgb').eval()
    small = images[0, :, :50, :60]
    found = model([images[0], small])
    expected = detector([images[0] ** (1 / 2.2), small ** (1 / 2.2)])
    for result, stock in zip(found, expected):
        assert len(result['boxes']) > 0
        torch.testing.assert_close(result, stock, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_torchvision_segmentor_trains_with_the_enhancer(images):
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    segmentor = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=2)
    model = EnhancedModel(
        segmentor, dict(type='mmsdag.ZeroDCENet', channels=4), channel_order='rgb', trainable=True
    ).train()
    assert model.enhancer.training
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = [p.clone() for p in model.enhancer.parameters()]
    model(images.repeat(2, 1, 1, 1))['out'].square().mean().backward()
    optimizer.step()
    assert any(not torch.equal(a, b) for a, b in zip(before, model.enhancer.parameters()))


def test_timm_classifier_gets_its_normalized_images(images):
    timm = pytest.importorskip('timm')
    classifier = timm.create_model('resnet18', num_classes=3).eval()
    mean, std = (
        torch.tensor(classifier.default_cfg[key])[:, None, None] for key in ('mean', 'std')
    )
    model = EnhancedModel(
        classifier,
        GAMMA,
        channel_order='rgb',
        mean=classifier.default_cfg['mean'],
        std=classifier.default_cfg['std'],
    )
    torch.testing.assert_close(
        model((images - mean) / std),
        classifier((images ** (1 / 2.2) - mean) / std),
        atol=1e-4,
        rtol=1e-4,
    )


def test_function_of_bgr_arrays_gets_bytes():
    model = EnhancedModel(identity, GAMMA, channel_order='bgr')
    np.testing.assert_array_equal(model(DARK), brightened(DARK))
    found = model([DARK, DARK[:9]], 'option')
    np.testing.assert_array_equal(found[1], brightened(DARK[:9]))


@pytest.mark.parametrize('order, red', [('rgb', 0), ('bgr', 2)])
def test_enhancer_sees_rgb_whatever_the_model_takes(order, red):
    model = EnhancedModel(identity, NoRed(), channel_order=order)
    array = model(DARK + 1)
    tensor = model(torch.rand(2, 3, 4, 5) + 0.1)
    other = 2 - red
    assert not array[..., red].any() and array[..., other].all()
    assert not tensor[:, red].any() and tensor[:, other].all()
    pixels = torch.arange(1, 61, dtype=torch.uint8).view(1, 3, 4, 5)
    levels = model(pixels)
    assert not levels[:, red].any()
    assert torch.equal(levels[:, [1, other]], pixels[:, [1, other]])


@pytest.mark.parametrize(
    'image',
    [DARK, DARK[None], DARK.astype(np.uint16) * 257, DARK / 255, (DARK / 255).astype(np.float32)],
    ids=lambda x: f'{x.dtype}_{x.ndim}',
)
def test_arrays_keep_type_shape_and_range(image):
    model = EnhancedModel(identity, Unchanged(), channel_order='bgr')
    found = model(image)
    assert (found.dtype, found.shape) == (image.dtype, image.shape)
    np.testing.assert_allclose(found, image, atol=1e-6)


def test_value_range_of_floating_point_images():
    model = EnhancedModel(identity, GAMMA, channel_order='rgb', value_range=(-1, 1))
    x = torch.rand(1, 3, 4, 5)
    torch.testing.assert_close(model(2 * x - 1), 2 * x ** (1 / 2.2) - 1, atol=1e-5, rtol=1e-5)


def test_bytes_of_tensors_are_rounded():
    model = EnhancedModel(identity, GAMMA, channel_order='rgb')
    found = model(torch.from_numpy(DARK).permute(2, 0, 1))
    np.testing.assert_array_equal(found.permute(1, 2, 0).numpy(), brightened(DARK))


def test_light_images_of_a_batch_are_left():
    model = EnhancedModel(identity, GAMMA, channel_order='rgb', when='dark')
    batch = torch.stack([torch.full((3, 4, 4), v) for v in (0.1, 0.6)])
    out = model(batch)
    assert torch.equal(out[1], batch[1])
    torch.testing.assert_close(out[0], batch[0] ** (1 / 2.2))


def test_frozen_enhancer_stays_in_eval_mode_without_gradients():
    model = EnhancedModel(nn.Conv2d(3, 1, 1), ZeroDCENet(channels=4), channel_order='rgb').train()
    assert model.model.training and not model.enhancer.training
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        'model.weight',
        'model.bias',
    ]


def test_module_whose_train_starts_a_training_is_only_called():

    class LikeUltralytics(nn.Module):
        def train(self, trainer=None, **kwargs):
            raise AssertionError('a training was started')

        def forward(self, images):
            return images

    model = EnhancedModel(LikeUltralytics(), GAMMA, channel_order='bgr')
    np.testing.assert_array_equal(model.eval()(DARK), brightened(DARK))


def test_graph_of_detector_and_enhancer_is_one_onnx_file(detector, images, tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    model = EnhancedModel(detector, ZeroDCENet(channels=4), channel_order='rgb')
    path = tmp_path / 'detector.onnx'
    assert export_model_onnx(model, path, images, as_list=True) < 1e-3
    assert not detector.training
    session = onnxruntime.InferenceSession(str(path))
    assert session.get_inputs()[0].shape == [1, 3, 64, 80]
    assert [o.name for o in session.get_outputs()] == ['boxes', 'scores', 'labels']


def test_gate_is_part_of_the_graph_whose_size_may_be_free(tmp_path):
    onnxruntime = pytest.importorskip('onnxruntime')
    model = EnhancedModel(nn.Conv2d(3, 2, 3), GAMMA, channel_order='rgb', when='dark')
    path = tmp_path / 'gated.onnx'
    export_model_onnx(model, path, torch.rand(1, 3, 9, 8), static=False)
    session = onnxruntime.InferenceSession(str(path))
    batch = torch.stack([torch.full((3, 7, 6), v) for v in (0.1, 0.6)])
    (found,) = session.run(None, dict(image=batch.numpy()))
    expected = model(batch).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_onnx_cannot_say_is_refused(tmp_path):
    pytest.importorskip('onnxruntime')

    class Counts(nn.Module):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return x + self.calls

    with pytest.raises(ValueError, match='onnxruntime differs'):
        export_model_onnx(Counts(), tmp_path / 'x.onnx', torch.rand(1, 3, 4, 4))
    assert not (tmp_path / 'x.onnx').exists()


@pytest.mark.parametrize(
    'images, message',
    [
        ('photo.jpg', 'got str'),
        (np.zeros((4, 4)), r'shape \(4, 4\)'),
        (torch.zeros(1, 4, 5, 5), r'shape \(1, 4, 5, 5\)'),
        (np.zeros((4, 4, 3), np.int32), 'int32'),
        (torch.zeros(3, 4, 4, dtype=torch.int32), 'int32'),
    ],
)
def test_other_inputs_are_refused(images, message):
    model = EnhancedModel(identity, GAMMA, channel_order='rgb')
    with pytest.raises((TypeError, ValueError), match=message):
        model(images)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(channel_order='gbr'), 'channel_order'),
        (dict(trainable=True), 'no parameters'),
        (dict(when='bright'), 'when'),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EnhancedModel(identity, GAMMA, **{'channel_order': 'rgb', **options})


def test_package_imports_none_of_these_models_by_itself():
    code = (
        'import sys, mmsdag; assert not {"torchvision", "timm", '
        '"ultralytics", "mmsdag.models"} & set(sys.modules), '
        'sorted(sys.modules)'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_graph_of_segmentor_and_enhancer_is_one_onnx_file(tmp_path):
    pytest.importorskip('mmseg')
    pytest.importorskip('onnxruntime')
    from mmsdag.registry import MODELS

    segmentor = MODELS.build(
        dict(
            type='mmseg.EncoderDecoder',
            backbone=dict(type='mmseg.ResNet', depth=18, base_channels=8),
            decode_head=dict(
                type='mmseg.FCNHead',
                in_channels=64,
                channels=8,
                num_convs=1,
                num_classes=3,
                in_index=3,
                loss_decode=dict(type='mmseg.CrossEntropyLoss'),
            ),
            test_cfg=dict(mode='whole'),
        )
    )
    model = EnhancedModel(
        segmentor,
        ZeroDCENet(channels=4),
        channel_order='rgb',
        value_range=(0, 255),
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
    )
    difference = export_model_onnx(
        model, tmp_path / 'segmentor.onnx', torch.randn(1, 3, 64, 96), mode='tensor'
    )
    assert difference < 1e-3
