"""Simulate low light at the sensor of a camera."""

from __future__ import annotations

import torch
from torch import Tensor

from .degradations import add_poisson_gaussian_noise


def retake_in_the_dark(
    x: Tensor,
    matrix: Tensor,
    gamma: Tensor,
    gain: Tensor,
    white_balance: Tensor,
    exposure: Tensor,
    shot: Tensor,
    read: Tensor,
    noise: Tensor,
    rounding: Tensor,
) -> Tensor:
    """Simulate photographs with less light by the pipeline of Cui et al.

    Undo tone curve and gamma → convert to the camera's colors → undo white
    balance, apply the gain → multiply by ``exposure`` → add shot and read
    noise → add the rounding error → white balance → convert to sRGB's colors
    → gamma: "Multitask AET with
    Orthogonal Tangent Regularity for Dark Object Detection", ICCV 2021,
    Sec. 3.2. As in the authors' code, the tone curve is not applied again,
    and the gain is not undone.

    Args:
        x: Images (N, 3, H, W), RGB, [0, 1], float32 or float64.
        matrix: From linear sRGB to the camera's colors, (N, 3, 3); rows sum
            up to 1, so that white stays white.
        gamma: Exponent that makes light linear, (N,), above 1.
        gain: Factor of all channels, (N,).
        white_balance: Factors of red, green and blue, (N, 3).
        exposure: Factor of the light, (N,).
        shot: Variance of the photon noise at full scale, (N,).
        read: Variance of the read noise, (N,).
        noise: Standard normal, of the shape of ``x``.
        rounding: Rounding error of the sensor's values, of this shape.

    Returns:
        The dark images (N, 3, H, W), RGB, [0, 1].
    """
    gamma = gamma.view(-1, 1, 1, 1)
    balance = white_balance[:, :, None, None]
    tone = 0.5 - ((1 - 2 * x.clamp(0, 1)).asin() / 3).sin()
    light = _mixed(matrix, tone.clamp_min(1e-8) ** gamma)
    sensor = light * (gain * exposure).view(-1, 1, 1, 1) / balance
    sensor = add_poisson_gaussian_noise(sensor, shot, read, noise) + rounding
    light = _mixed(torch.linalg.inv(matrix), sensor * balance)
    return light.clamp(1e-8, 1) ** (1 / gamma)


def _mixed(matrix: Tensor, x: Tensor) -> Tensor:
    return torch.einsum('nij,njhw->nihw', matrix, x)
