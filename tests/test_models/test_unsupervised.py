"""Any enhancer learns from whatever losses a config names."""

from __future__ import annotations

import pytest
import torch

from mmsdag.registry import MODELS

NETWORK = dict(
    type='mmsdag.EnhancerWrapper',
    module='torch.nn:Conv2d',
    kwargs=dict(in_channels=3, out_channels=3, kernel_size=1),
)


def build(generator: dict = NETWORK, **losses: dict):
    return MODELS.build(
        dict(type='mmsdag.UnsupervisedEnhancer', generator=generator, losses=losses)
    )


def test_a_loss_takes_the_enhanced_image_or_its_input_too():
    model = build(
        near=dict(type='mmsdag.MSELoss', loss_weight=3.0),
        exp=dict(type='mmsdag.ExposureControlLoss', patch_size=4, level=0.5, loss_weight=2.0),
    )
    x = torch.rand(2, 3, 8, 8)
    losses = model(x, mode='loss')
    assert list(losses) == ['loss_near', 'loss_exp']
    enhanced = model.generator(x)
    torch.testing.assert_close(losses['loss_near'], 3 * (enhanced - x).square().mean())
    patches = enhanced.mean(1).unfold(1, 4, 4).unfold(2, 4, 4).mean((3, 4))
    torch.testing.assert_close(losses['loss_exp'], 2 * (patches - 0.5).square().mean())


def test_networks_of_this_package_fit_as_they_are():
    model = build(dict(type='mmsdag.ZeroDCENet', channels=4), near=dict(type='mmsdag.MSELoss'))
    x = torch.rand(1, 3, 8, 8)
    expected = (model.generator.enhance(x) - x).square().mean()
    torch.testing.assert_close(model(x, mode='loss')['loss_near'], expected)


def test_without_a_loss_there_is_nothing_to_learn():
    with pytest.raises(ValueError, match='losses .* is empty'):
        build()


def test_a_loss_of_something_else_is_refused():
    with pytest.raises(ValueError, match='losses.rank .* MarginRankingLoss takes 4'):
        build(rank=dict(type='mmsdag.MarginRankingLoss'))
