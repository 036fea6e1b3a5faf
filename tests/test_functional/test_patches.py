"""Neighborhoods and halves against hand calculations."""

from __future__ import annotations

import pytest
import torch

from mmsdag.functional import (
    diagonal_halves,
    local_deviation,
    local_mean,
    residual_energy,
    wide_blur,
)


def test_halves_are_the_diagonals_of_blocks_and_drop_the_odd_row():
    x = torch.tensor([[1.0, 2.0, 9.0], [3.0, 6.0, 9.0], [9.0, 9.0, 9.0]])[None, None]
    first, second = diagonal_halves(x)
    assert first.flatten().tolist() == [2.5]
    assert second.flatten().tolist() == [3.5]


def test_local_mean_and_deviation_reflect_at_the_border():
    x = torch.zeros(1, 1, 6, 6)
    x[..., 0, 1] = 1.0
    # Columns -1 and 1 of the square around the corner are the same one; row 0
    # is not reflected onto itself.
    mean, deviation = local_mean(x), local_deviation(x)
    assert mean[..., 0, 0].item() == pytest.approx(2 / 25)
    assert deviation[..., 0, 0].item() == pytest.approx((2 / 25 * 23 / 25) ** 0.5, rel=1e-5)
    assert mean[..., 5, 5].item() == 0
    assert deviation[..., 5, 5].item() == pytest.approx(1e-9**0.5)


def test_small_deviations_of_bright_images_are_exact():
    x = 0.9 + 1e-4 * torch.rand(1, 1, 9, 9, dtype=torch.float64)
    torch.testing.assert_close(
        local_deviation(x.float()).double(), local_deviation(x), rtol=5e-3, atol=0
    )


def test_residual_energy_sees_zero_beyond_the_image():
    # Means of ones: 25 / 25 inside, fewer pixels of the square at the border.
    energy = residual_energy(torch.ones(1, 1, 11, 11))
    assert energy[..., 5, 5].item() == 0
    line = torch.tensor([0.6, 0.8, 1.0])
    square = (1 - line[:, None] * line).square()
    assert energy[..., 0, 0].item() == pytest.approx(square.sum().item() / 25, rel=1e-5)


@pytest.mark.parametrize('channels', [1, 3])
def test_blur_keeps_a_constant_and_spreads_a_point(channels):
    torch.testing.assert_close(
        wide_blur(torch.full((2, channels, 12, 13), 0.3)), torch.full((2, channels, 12, 13), 0.3)
    )
    x = torch.zeros(1, channels, 41, 41)
    x[..., 20, 20] = 1.0
    blurred = wide_blur(x)
    line = blurred[0, -1, 20, 10:31] / blurred[0, -1, 20, 20]
    # The root of the normal density, in 21 steps over +-(1 + 1 / 14).
    places = torch.arange(-10, 11) * 2 * (1 + 1 / 14) / 21
    torch.testing.assert_close(line, (-(places**2) / 4).exp(), rtol=1e-3, atol=1e-3)
    assert blurred[..., 20, 9].abs().max() == 0
