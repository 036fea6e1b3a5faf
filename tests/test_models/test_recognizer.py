"""Features of frozen recognizers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import linear_recognizer
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import DefaultScope

from mmsdag.models.recognizer import RecognizerFeatures, _tensors

YOLOX = 'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'


@pytest.fixture
def checkpoint(tmp_path) -> str:
    return linear_recognizer.save_checkpoint(tmp_path / 'linear.pth')


def test_features_are_those_of_the_layers_and_then_the_logits(checkpoint):
    features = RecognizerFeatures(linear_recognizer.config(), checkpoint)
    x = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    backbone, logits = features(x)
    # Doubled, in [0, 255], and still BGR, as the recognizer wants it.
    torch.testing.assert_close(backbone.flatten(), torch.tensor([153.0, 102.0, 51.0]))
    assert logits.item() == pytest.approx(306.0)


def test_the_recognizer_normalizes_as_its_data_preprocessor_does(checkpoint):
    config = linear_recognizer.config(
        mean=[25.5, 51.0, 0.0], std=[51.0, 25.5, 1.0], bgr_to_rgb=True
    )
    features = RecognizerFeatures(config, checkpoint)
    x = torch.tensor([0.2, 0.4, 0.1]).view(1, 3, 1, 1)
    # 2 * (51 - 25.5) / 51, 2 * (102 - 51) / 25.5, 2 * 25.5
    torch.testing.assert_close(features(x)[0].flatten(), torch.tensor([1.0, 4.0, 51.0]))


def test_a_recognizer_of_rgb_images_gets_bgr_if_it_converts_to_it(checkpoint):
    features = RecognizerFeatures(linear_recognizer.config(rgb_to_bgr=True), checkpoint)
    x = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)
    torch.testing.assert_close(features(x)[0].flatten(), torch.tensor([153.0, 102.0, 51.0]))


def test_it_is_frozen_but_lets_gradients_through(checkpoint):
    features = RecognizerFeatures(linear_recognizer.config(), checkpoint).train()
    assert not features.model.training
    x = torch.rand(1, 3, 2, 2, requires_grad=True)
    features(x)[-1].sum().backward()
    torch.testing.assert_close(x.grad, torch.full_like(x, 510.0))
    assert all(not p.requires_grad for p in features.parameters())


def test_images_are_padded_to_what_the_recognizer_needs(checkpoint):
    config = linear_recognizer.config(pad_size_divisor=4)
    features = RecognizerFeatures(config, checkpoint)
    backbone = features(torch.ones(1, 3, 5, 6))[0]
    assert backbone.shape == (1, 3, 8, 8)
    assert backbone[..., 5:, :].abs().sum() == 0


def test_images_are_resized_as_the_test_pipeline_does(checkpoint):
    config = linear_recognizer.config(pad_size_divisor=2)
    features = RecognizerFeatures(config, checkpoint, scale_factor=0.5)
    x = torch.rand(1, 3, 6, 4)
    backbone = features(x)[0]
    # Each pixel is the mean of four; then 3x2 pixels are padded to 4x2.
    expected = torch.nn.functional.avg_pool2d(x, 2).flip(1) * 510
    torch.testing.assert_close(backbone[..., :3, :], expected)
    assert backbone.shape == (1, 3, 4, 2)


@pytest.mark.parametrize('factor', [0, -1.0, float('nan')])
def test_a_scale_factor_out_of_range_is_refused(checkpoint, factor):
    with pytest.raises(ValueError, match=f'scale_factor={factor} of a recognizer'):
        RecognizerFeatures(linear_recognizer.config(), checkpoint, scale_factor=factor)


def test_a_missing_layer_is_named(checkpoint):
    with pytest.raises(ValueError, match="no module \\['neck'\\].*backbone"):
        RecognizerFeatures(linear_recognizer.config(), checkpoint, layers=['neck'])


def test_a_checkpoint_of_something_else_is_refused(tmp_path):
    torch.save({'state_dict': {'other': torch.ones(1)}}, tmp_path / 'o.pth')
    with pytest.raises(ValueError, match='lacks 1 weights.*backbone.weight'):
        RecognizerFeatures(linear_recognizer.config(), tmp_path / 'o.pth')


def test_a_config_that_does_not_exist_is_named(checkpoint):
    with pytest.raises(FileNotFoundError, match="config='there.py'"):
        RecognizerFeatures('there.py', checkpoint)


def test_a_config_without_a_model_is_refused(checkpoint):
    with pytest.raises(ValueError, match='has no model'):
        RecognizerFeatures(dict(a=1), checkpoint)


def test_a_config_file_and_its_options(checkpoint, tmp_path):
    Config(dict(model=linear_recognizer.config())).dump(tmp_path / 'c.py')
    features = RecognizerFeatures(
        tmp_path / 'c.py', checkpoint, cfg_options={'model.data_preprocessor.pad_size_divisor': 8}
    )
    assert features.divisor == 8


def test_a_detector_gives_what_it_computes_in_its_own_test_loop(shared):
    pytest.importorskip('mmdet')
    path = shared / 'weights' / 'yolox_nano_coco_mmdet.pth'
    features = RecognizerFeatures(YOLOX, path)
    from mmdet.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(get_config(YOLOX).model).eval()
    model.load_state_dict(torch.load(path, weights_only=True)['state_dict'])
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    pixels = torch.from_numpy(image).permute(2, 0, 1)
    with torch.no_grad():
        # mmdet's images are BGR; ours are RGB.
        data = model.data_preprocessor(dict(inputs=[pixels]))
        expected = model.extract_feat(data['inputs'])
        logits = model.bbox_head(expected)
        got = features(pixels.flip(0)[None] / 255)
    for want, have in zip([*expected, *sum(map(list, logits), [])], got[3:]):
        torch.testing.assert_close(have, want, atol=1e-4, rtol=1e-4)
    assert len(got) == 3 + 3 + 9


@pytest.mark.parametrize(
    'weight, message',
    [(torch.ones(4, 3, 1, 1), 'another shape'), (torch.full((3, 3, 1, 1), torch.nan), 'undefined')],
)
def test_a_checkpoint_that_does_not_fit_is_named(tmp_path, weight, message):
    path = tmp_path / 'other.pth'
    torch.save({'state_dict': {'backbone.weight': weight}}, path)
    with pytest.raises(ValueError, match=f'other.pth.*{message}'):
        RecognizerFeatures(linear_recognizer.config(), path)


def test_text_among_the_outputs_is_passed_over():
    outputs = dict(name='logits', values=[torch.ones(1)])
    assert list(_tensors(outputs)) == [torch.ones(1)]
