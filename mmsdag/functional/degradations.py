"""Degradations of low light as functions of tensors.

Images are ``(N, C, H, W)`` or ``(C, H, W)``, floating point, nominally in
[0, 1]; all channels are treated alike, so RGB or BGR. A parameter is a number
or a tensor: ``(N,)``, one value an image, or ``(N, C)``, one for each of its
channels. The results keep shape, dtype and device; half precision is computed
in float32. Gradients are finite everywhere.

Noise is standard normal and comes from the caller: as a tensor ``noise``, or
from a ``generator``. A CPU generator (PyTorch's default one where none is
given) draws on the CPU, so that a seed means the same noise on every device;
a generator of another device draws there, which is faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Union

import torch
from torch import Tensor

Parameter = Union[float, Tensor]


def darken_gamma(x: Tensor, gamma: Parameter = 0.3) -> Tensor:
    """Lower the lightness: ``x ** (1 / gamma)``, and 0 where ``x <= 0``.

    Args:
        x: Images.
        gamma: Positive; below 1 it darkens. 0.3 is the SDAG authors' value.
    """
    image = _at_least_float32(x)
    return _power(image, 1 / _per_image(gamma, image)).to(x.dtype)


def add_gaussian_noise(
    x: Tensor,
    sigma: Parameter = 50 / 255,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Add white noise: ``x + sigma * noise``, not clipped, as the authors.

    Args:
        x: Images.
        sigma: Standard deviation in image units. 50/255 is the SDAG authors'
            value.
        noise: Standard normal, of the shape of ``x``.
        generator: Draws the noise where none is given.
    """
    image = _at_least_float32(x)
    noise = _noise_for(image, noise, generator)
    return (image + _per_image(sigma, image) * noise).to(x.dtype)


def add_poisson_gaussian_noise(
    x: Tensor,
    shot: Parameter,
    read: Parameter,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Add a sensor's noise, of variance ``shot * x + read``, not clipped.

    This is the heteroskedastic normal approximation of Foi et al., "Practical
    Poissonian-Gaussian Noise Modeling and Fitting for Single-Image Raw-Data",
    IEEE TIP 17(10), 2008. Unlike Poisson counts it is differentiable, and the
    last bit of ``x``, which differs between devices, cannot change the draws.

    Args:
        x: Images, proportional to the light (sensor or linear RGB values).
        shot: Variance of the photon noise at ``x = 1``. The sensor then counts
            ``1 / shot`` electrons at ``x = 1``.
        read: Variance of the noise that does not depend on the signal.
        noise: Standard normal, of the shape of ``x``.
        generator: Draws the noise where none is given.
    """
    image = _at_least_float32(x)
    noise = _noise_for(image, noise, generator)
    variance = _per_image(shot, image) * image.clamp(min=0) + _per_image(read, image)
    return (image + _power(variance, 0.5) * noise).to(x.dtype)


def read_variance(shot: Parameter, deviation: Parameter = 0.0) -> Parameter:
    """Estimate the read variance of a camera from its shot variance.

    ``log(read) = 2.18 log(shot) + 1.20 + 0.26 deviation``, fitted to the
    photographs of the Darmstadt Noise Dataset for shot variances from 0.0001
    to 0.012: Brooks et al., "Unprocessing Images for Learned Raw Denoising",
    CVPR 2019, whose ``deviation`` is standard normal.
    """
    return shot**2.18 * math.e ** (1.20 + 0.26 * deviation)


def simulate_low_light(
    x: Tensor,
    exposure: Parameter,
    shot: Parameter,
    read: Parameter,
    bits: int = 8,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Simulate a camera's photograph with less light.

    sRGB → linear light → ``exposure`` times as much of it → shot and read
    noise → clipped to the sensor's range → sRGB → rounded to ``bits``. These
    are the steps about light and noise of Cui et al., "Multitask AET with
    Orthogonal Tangent Regularity for Dark Object Detection", ICCV 2021; their
    tone curve, color matrix and white balance are left out.

    Args:
        x: Images in sRGB.
        exposure: Factor of the light; 0.1 is 3.3 stops less.
        shot: Variance of the photon noise at full scale of the dark shot.
        read: Variance of the read noise.
        bits: Bits per channel of the file. 0 does not round; rounding passes
            no gradient.
        noise: Standard normal, of the shape of ``x``.
        generator: Draws the noise where none is given.

    Returns:
        The dark images in sRGB, [0, 1].
    """
    image = _at_least_float32(x)
    light = srgb_to_linear(image) * _per_image(exposure, image)
    light = add_poisson_gaussian_noise(light, shot, read, noise, generator)
    dark = linear_to_srgb(light.clamp(0, 1))
    if bits:
        levels = 2**bits - 1
        dark = (dark * levels).round() / levels
    return dark.to(x.dtype)


def srgb_to_linear(x: Tensor) -> Tensor:
    """Decode sRGB to linear light (IEC 61966-2-1:1999).

    Values above 1 follow the power, values below 0 the straight line.
    """
    image = _at_least_float32(x)
    # The clamps keep the branch that ``where`` drops free of NaN gradients.
    power = ((image.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(image > 0.04045, power, image / 12.92).to(x.dtype)


def linear_to_srgb(x: Tensor) -> Tensor:
    """Encode linear light as sRGB (IEC 61966-2-1:1999).

    Values above 1 follow the power, values below 0 the straight line.
    """
    light = _at_least_float32(x)
    power = 1.055 * light.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(light > 0.0031308, power, light * 12.92).to(x.dtype)


def standard_normal(shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
    """Draw standard normal numbers in float32, on the generator's device."""
    device = 'cpu' if generator is None else generator.device
    return torch.randn(tuple(shape), generator=generator, device=device, dtype=torch.float32)


def _noise_for(x: Tensor, noise: Tensor | None, generator: torch.Generator | None) -> Tensor:
    if noise is None:
        noise = standard_normal(x.shape, generator)
    elif noise.shape != x.shape:
        raise ValueError(
            f'noise has the shape {tuple(noise.shape)}, the '
            f'images {tuple(x.shape)}: give one number a pixel'
        )
    return noise.to(x)


def _at_least_float32(x: Tensor) -> Tensor:
    if not x.is_floating_point():
        raise TypeError(
            f'images must be floating point in [0, 1], got {x.dtype}: divide 8-bit images by 255'
        )
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _per_image(parameter: Parameter, x: Tensor) -> Parameter:
    """Reshape a parameter so that it broadcasts over its images."""
    if not isinstance(parameter, Tensor) or parameter.ndim == 0:
        return parameter
    if x.ndim != 4 or parameter.shape not in (x.shape[:1], x.shape[:2]):
        raise ValueError(
            f'a parameter of shape {tuple(parameter.shape)} does not fit images of shape '
            f'{tuple(x.shape)}: give a number, or (N,) or (N, C) numbers for (N, C, H, W)'
        )
    return parameter.to(x).view(*parameter.shape, *(1,) * (x.ndim - parameter.ndim))


def _power(x: Tensor, exponent: Parameter) -> Tensor:
    """Compute ``x ** exponent``, 0 where ``x <= 0``, with finite gradients.

    A power below 1 has an infinite slope at 0, and NaN below; the inner
    ``where`` keeps both away from the backward pass.
    """
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1) ** exponent, 0)
