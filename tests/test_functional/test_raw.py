"""Dark photographs by way of the sensor, by NumPy and by what cancels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.functional import retake_in_the_dark


@pytest.fixture
def settings() -> dict[str, torch.Tensor]:
    """Of two images; no noise, no rounding, all of the light."""
    matrix = torch.rand(2, 3, 3, dtype=torch.float64) * 0.2 + torch.eye(3)
    return dict(
        matrix=matrix / matrix.sum(-1, keepdim=True),
        gamma=torch.tensor([2.2, 3.0]).double(),
        gain=torch.ones(2).double(),
        white_balance=torch.tensor([[2.0, 1.0, 1.6], [1.9, 1.0, 1.5]]).double(),
        exposure=torch.ones(2).double(),
        shot=torch.zeros(2).double(),
        read=torch.zeros(2).double(),
        noise=torch.zeros(2, 3, 4, 5).double(),
        rounding=torch.zeros(2, 3, 4, 5).double(),
    )


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(2, 3, 4, 5, dtype=torch.float64)


def smoothstep(tone: torch.Tensor) -> torch.Tensor:
    """The tone curve of Brooks et al., CVPR 2019."""
    return 3 * tone**2 - 2 * tone**3


def test_with_all_the_light_only_the_tone_curve_is_undone(x, settings):
    torch.testing.assert_close(smoothstep(retake_in_the_dark(x, **settings)), x, atol=1e-6, rtol=0)


def test_light_is_lowered_where_it_is_linear(x, settings):
    before = retake_in_the_dark(x, **settings)
    settings['exposure'] = torch.tensor([0.1, 0.02]).double()
    settings['gain'] = torch.tensor([0.8, 0.9]).double()
    dark = retake_in_the_dark(x, **settings)
    for image, factor, gamma in ((0, 0.08, 2.2), (1, 0.018, 3.0)):
        torch.testing.assert_close(
            dark[image] ** gamma, factor * before[image] ** gamma, atol=1e-7, rtol=1e-5
        )


def test_noise_and_rounding_come_before_the_white_balance(x, settings):
    rng = np.random.default_rng(0)
    settings.update(
        exposure=torch.tensor([0.5, 0.3]).double(),
        shot=torch.tensor([0.01, 0.002]).double(),
        read=torch.tensor([1e-4, 4e-4]).double(),
        noise=torch.from_numpy(rng.normal(size=(2, 3, 4, 5))),
        rounding=torch.from_numpy(rng.uniform(-1, 1, (2, 3, 4, 5)) / 3000),
    )
    dark = retake_in_the_dark(x, **settings).numpy()
    values = {name: value.numpy() for name, value in settings.items()}
    for index, row, column in ((0, 1, 2), (1, 3, 4)):
        own = {name: value[index] for name, value in values.items()}
        pixel = x.numpy()[index, :, row, column]
        pixel = 0.5 - np.sin(np.arcsin(1 - 2 * pixel) / 3)
        pixel = own['matrix'] @ pixel ** own['gamma']
        pixel = pixel / own['white_balance'] * own['exposure']
        deviation = np.sqrt(own['shot'] * pixel + own['read'])
        pixel = pixel + deviation * own['noise'][:, row, column]
        pixel = pixel + own['rounding'][:, row, column]
        pixel = np.linalg.inv(own['matrix']) @ (pixel * own['white_balance'])
        expected = pixel.clip(1e-8, 1) ** (1 / own['gamma'])
        np.testing.assert_allclose(dark[index, :, row, column], expected)
