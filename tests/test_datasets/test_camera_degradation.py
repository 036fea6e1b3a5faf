"""Photographs retaken in the dark."""

from __future__ import annotations

import pytest
import torch

from mmsdag import functional as F
from mmsdag.datasets.transforms import CameraDegradation

#: Without these steps it is F.simulate_low_light.
PLAIN = {name: 0.0 for name in CameraDegradation.PROBABILITIES}


def test_without_further_steps_it_is_the_plain_camera():
    x = torch.rand(1, 3, 16, 16)
    degradation = CameraDegradation(keep=0.0, exposure=0.1, shot=1e-12, **PLAIN)
    expected = F.simulate_low_light(x, 0.1, 0.0, 0.0, bits=8)
    # So little noise changes no level by more than one.
    y = degradation.degrade(x)
    assert (y - expected).abs().max() <= 1 / 255 + 1e-6


def test_the_noise_has_the_variance_of_the_sensor():
    x = torch.full((1, 3, 200, 200), 0.5)
    degradation = CameraDegradation(keep=0.0, exposure=1.0, shot=1e-3, **PLAIN)
    light = F.srgb_to_linear(degradation.degrade(x))
    level = F.srgb_to_linear(x).mean()
    assert light.mean().item() == pytest.approx(level.item(), rel=0.01)
    # The read noise of this shot noise is at most 2e-6.
    assert light.var().item() == pytest.approx(1e-3 * level.item(), rel=0.05)


def test_a_share_of_the_images_stays_as_it_is():
    x = torch.rand(400, 3, 8, 8)
    kept = (CameraDegradation(keep=0.25).degrade(x) == x).all(1).all((1, 2))
    assert 70 < kept.sum() < 130


def test_the_tone_curve_shares_the_exposure():
    x = torch.full((64, 3, 8, 8), 0.6)
    plain = CameraDegradation(keep=0.0, exposure=0.05, shot=1e-12, **PLAIN)
    curved = CameraDegradation(
        keep=0.0, exposure=0.05, shot=1e-12, tone=2.5, **{**PLAIN, 'p_tone': 1.0}
    )
    # Nearly as dark: both after each other would be 0.05 times as bright.
    ratio = curved.degrade(x).mean() / plain.degrade(x).mean()
    assert 0.4 < ratio < 1.3


def test_images_become_darker_and_are_eight_bit_levels_in_range():
    x = torch.rand(50, 3, 24, 24)
    y = CameraDegradation(keep=0.0).degrade(x)
    assert y.mean() < 0.6 * x.mean()
    assert y.min() >= 0 and y.max() <= 1
    torch.testing.assert_close((y * 255).round() / 255, y)


def test_a_seed_makes_it_a_function_of_the_image():
    x = torch.rand(3, 3, 16, 16)
    degradation = CameraDegradation(seed=3)
    assert torch.equal(degradation.degrade(x), degradation.degrade(x))
    assert not torch.equal(degradation.degrade(x), CameraDegradation(seed=4).degrade(x))


@pytest.mark.parametrize('size', [(1, 1), (3, 9), (33, 18)])
def test_any_size_is_taken(size):
    x = torch.rand(8, 3, *size)
    assert CameraDegradation(keep=0.0).degrade(x).shape == x.shape


def test_an_unknown_probability_is_named():
    with pytest.raises(TypeError, match="'p_fog'.*p_local"):
        CameraDegradation(p_fog=0.5)


@pytest.mark.parametrize('options', [dict(keep=1.5), dict(p_jpeg=-1.0)])
def test_a_probability_out_of_range_is_refused(options):
    name = next(iter(options))
    with pytest.raises(ValueError, match=f'{name}=.*probability in'):
        CameraDegradation(**options)
