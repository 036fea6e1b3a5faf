"""Filters in the frequency domain."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def frequencies(size: Sequence[int], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the frequencies that ``torch.fft.rfft2`` computes.

    Args:
        size: (H, W) of the images.
        like: A tensor of the dtype and on the device of the results.

    Returns:
        Vertical (H, 1) and horizontal (1, W // 2 + 1) frequencies, in cycles
        per pixel, [-0.5, 0.5).
    """
    height, width = size
    rows = torch.arange(height, device=like.device)
    columns = torch.arange(width // 2 + 1, device=like.device)
    half = height // 2
    vertical = ((rows + half) % height - half).to(like.dtype) / height
    return vertical[:, None], (columns.to(like.dtype) / width)[None]


def filter_frequencies(x: Tensor, magnitude: Tensor, phase: Tensor) -> Tensor:
    r"""Multiply the spectrum of images by :math:`m e^{i p}`.

    Args:
        x: (N, C, H, W), float32 or float64.
        magnitude: :math:`m`, (H, W // 2 + 1), at :func:`frequencies`.
        phase: :math:`p`, in radians, of the same shape.

    Returns:
        (N, C, H, W): the real part of the filtered images.
    """
    if torch.onnx.is_in_onnx_export():
        # ONNX's operators have no complex numbers.
        return filter_by_matrices(x, magnitude, phase)
    # Not by torch.polar, whose gradient is 0 where the magnitude is.
    response = torch.complex(magnitude * phase.cos(), magnitude * phase.sin())
    spectrum = torch.fft.rfft2(x) * response
    return torch.fft.irfft2(spectrum, s=x.shape[-2:])


def filter_by_matrices(x: Tensor, magnitude: Tensor, phase: Tensor) -> Tensor:
    """Compute :func:`filter_frequencies` by products of real matrices."""
    height, width = x.shape[-2:]
    vertical, horizontal = frequencies((height, width), x)
    rows = torch.arange(height, device=x.device).to(x)
    columns = torch.arange(width, device=x.device).to(x)
    down = 2 * math.pi * vertical * rows  # (frequency, H)
    across = 2 * math.pi * columns[:, None] * horizontal  # (W, frequency)
    # exp(-i down) x exp(-i across), then times the filter.
    real, imag = x @ across.cos(), -(x @ across.sin())
    real, imag = (down.cos() @ real + down.sin() @ imag, down.cos() @ imag - down.sin() @ real)
    gain, loss = magnitude * phase.cos(), magnitude * phase.sin()
    real, imag = gain * real - loss * imag, gain * imag + loss * real
    # Back down the columns; vertical frequencies are in the rows of ``down``.
    cos, sin = down.cos().transpose(0, 1), down.sin().transpose(0, 1)
    real, imag = cos @ real - sin @ imag, cos @ imag + sin @ real
    # All frequencies but 0 and 1/2 stand for their negatives, too.
    twice = (horizontal > 0) & (horizontal < 0.5)
    weight = (1 + twice.to(x)) / (height * width)
    across = across.transpose(0, 1)
    return (weight * real) @ across.cos() - (weight * imag) @ across.sin()
