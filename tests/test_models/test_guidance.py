"""The guidance loss: which way it moves a pixel."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.guided_training import SDAG_NET
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmsdag.models import SDAGGuidanceLoss, SDAGNet
from mmsdag.utils.configs import find_config


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp('sdag') / 'sdag.pth'
    net = SDAGNet(SDAG_NET['extractor'], num_blocks=1)
    torch.save(dict(state_dict=net.state_dict()), path)
    return str(path)


def gradient_of(image: torch.Tensor, checkpoint: str, **kwargs) -> tuple[float, torch.Tensor]:
    image = image.clone().requires_grad_()
    loss = SDAGGuidanceLoss(checkpoint, SDAG_NET, **kwargs)(image)
    loss.backward()
    return loss.item(), image.grad


def test_keeping_colors_moves_the_channels_of_a_pixel_together(checkpoint):
    image = torch.rand(2, 3, 9, 8)
    loss, gradient = gradient_of(image, checkpoint)
    kept_loss, kept = gradient_of(image, checkpoint, keep_color=True)

    assert kept_loss == pytest.approx(loss, rel=1e-6)
    # The chain rule by hand: the image is c (m / m0), with the mean m of its
    # channels, so that each channel's share of dL/dm is a third.
    mean = image.mean(1, keepdim=True) + 1 / 2048
    by_hand = (gradient * image).sum(1, keepdim=True) / mean / 3
    torch.testing.assert_close(kept, by_hand.expand_as(kept))
    assert not torch.allclose(kept, gradient)


def test_keeping_colors_has_a_finite_gradient_at_black(checkpoint):
    _, gradient = gradient_of(torch.zeros(1, 3, 8, 8), checkpoint, keep_color=True)
    assert gradient.isfinite().all()


def test_a_trained_model_is_called_by_its_name():
    file = Path(__file__).resolve().parents[2] / ('checkpoints/sdag_vgg16_1xb16-1k_brackets.pth')
    own = torch.load(file, weights_only=True)['state_dict']
    net = SDAGGuidanceLoss(
        'sdag.vgg16', dict(type='mmsdag.SDAGNet', extractor=SDAG_NET['extractor'])
    ).net
    for name, value in net.state_dict().items():
        assert torch.equal(value, own[f'generator.{name}'])


@pytest.mark.parametrize(
    'wrong, error, message',
    [
        ('sdag.vgg61', FileNotFoundError, "'sdag.vgg61' does.* mean sdag.vgg16"),
        (
            'zero_dce.sdag',
            FileNotFoundError,
            'is a trained model, but for another task, Low-Light Image Enhancement; .*: sdag$',
        ),
        (3, TypeError, 'checkpoint=3 of sdag: must be a file'),
        ('/tmp', FileNotFoundError, "'/tmp' is a folder: name the .pth file"),
    ],
)
def test_weights_that_are_not_there_are_told_what_there_is(wrong, error, message):
    with pytest.raises(error, match=message):
        SDAGGuidanceLoss(wrong, SDAG_NET)


def test_a_guide_that_has_diverged_is_refused(checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    next(iter(content['state_dict'].values())).fill_(float('nan'))
    path = tmp_path / 'diverged.pth'
    torch.save(content, path)
    with pytest.raises(ValueError, match="diverged.pth': 1 of .* undefined"):
        SDAGGuidanceLoss(str(path), SDAG_NET)


CONFIG = 'sdag/sdag_vgg16_1xb16-1k_brackets'


def _whole() -> Config:
    return Config.fromfile(find_config(CONFIG))


@pytest.mark.parametrize('scope', ['mmsdag', 'mmdet', 'mmengine'])
@pytest.mark.parametrize(
    'sdag',
    [
        pytest.param(lambda: None, id='the default'),
        pytest.param(lambda: _whole().model.generator, id='the network'),
        pytest.param(lambda: _whole().model, id='the model'),
        pytest.param(_whole, id='the config'),
        pytest.param(lambda: CONFIG, id='its name'),
        pytest.param(lambda: str(find_config(CONFIG)), id='its path'),
        pytest.param(lambda: find_config(CONFIG), id='its Path'),
    ],
)
def test_a_network_builds_in_a_runner_of_any_scope(sdag, scope):
    with DefaultScope.overwrite_default_scope(scope):
        loss = SDAGGuidanceLoss('sdag.vgg16', sdag())
    assert len(loss.net.blocks) == 3


def test_a_config_is_not_changed_by_building_it():
    config = _whole()
    before = config.to_dict()
    SDAGGuidanceLoss('sdag.vgg16', config)
    assert config.to_dict() == before


@pytest.mark.parametrize(
    'sdag, error, message',
    [
        ('sdag/nowhere.py', FileNotFoundError, "sdag='sdag/nowhere.py': .*neither a file"),
        (3, TypeError, "sdag=3: must .*dict\\(type='mmsdag.SDAGNet'"),
        ({'num_blocks': 3}, ValueError, 'sdag: the config has no type'),
    ],
)
def test_a_config_without_a_network_is_named(sdag, error, message):
    with pytest.raises(error, match=message):
        SDAGGuidanceLoss('sdag.vgg16', sdag)
