"""Steps of a camera between the scene's light and the file.

Images are ``(N, 3, H, W)``, RGB, floating point, nominally in [0, 1]. A
parameter is a number or a tensor ``(N,)``, one value per image. Results keep
shape, dtype and device.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

# ITU-T T.81, Annex K, tables K.1 (luminance) and K.2 (chrominance).
_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMINANCE = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *[(99,) * 8] * 4,
)
# ITU-T T.871 (JFIF): RGB to Y, Cb, Cr, without the offset of 128.
_TO_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


def tone_curve(x: Tensor, exponent: Tensor, black: Tensor, contrast: Tensor) -> Tensor:
    """Apply a camera's tone curve to encoded images.

    ``contrast * x ** exponent``, then ``black`` is subtracted where it is
    positive (crushed shadows, rescaled so that 1 stays 1) and added as a veil
    where it is negative (stray light).

    Args:
        x: Images in [0, 1].
        exponent: Above 1 darkens; ``1 / gamma`` of
            :func:`~mmsdag.functional.darken_gamma`.
        black: In (-1, 1).
        contrast: Factor of the curve, above 0.
    """
    exponent, black, contrast = (value.view(-1, 1, 1, 1) for value in (exponent, black, contrast))
    curved = contrast * x.clamp(0, 1) ** exponent
    crushed = (curved - black) / (1 - black)
    veiled = curved * (1 + black) - black
    return torch.where(black > 0, crushed, veiled).clamp(0, 1)


def light_map(grid: Tensor, size: Sequence[int]) -> Tensor:
    """Interpolate a coarse grid of log light levels to a smooth map.

    Args:
        grid: (N, 1, h, w), natural logarithm of the light factor.
        size: (H, W) of the images.

    Returns:
        (N, 1, H, W), positive.
    """
    return F.interpolate(grid, tuple(size), mode='bicubic', align_corners=True).exp()


def lamp_map(centers: Tensor, radii: Tensor, size: Sequence[int]) -> Tensor:
    """Render the light of lamps as Gaussian spots.

    Args:
        centers: (N, K, 2), x and y in [0, 1] of the image's width and height.
        radii: (N, K), standard deviation in units of the image's diagonal; 0
            is no lamp.
        size: (H, W) of the images.

    Returns:
        (N, 1, H, W) in [0, 1]: the largest of the K spots at each pixel.
    """
    height, width = size
    diagonal = math.hypot(height, width)
    rows = torch.arange(height, device=centers.device) / diagonal
    columns = torch.arange(width, device=centers.device) / diagonal
    x = centers[..., 0, None, None] * (width / diagonal)
    y = centers[..., 1, None, None] * (height / diagonal)
    squared = (columns - x) ** 2 + (rows[:, None] - y) ** 2
    variance = radii[..., None, None] ** 2
    spots = torch.exp(-squared / (2 * variance).clamp_min(1e-12))
    return torch.where(variance > 0, spots, 0).amax(1, keepdim=True)


def gaussian_blur(x: Tensor, sigma: Tensor, radius: int = 3) -> Tensor:
    """Blur each image with its own Gaussian, mirrored at the borders.

    Args:
        x: Images (N, C, H, W), at least ``radius + 1`` pixels wide and high.
        sigma: (N,), in pixels; 0 leaves an image unchanged.
        radius: Half width of the kernel in pixels.
    """
    n, channels = x.shape[:2]
    offsets = torch.arange(-radius, radius + 1, device=x.device)
    kernel = torch.exp(-(offsets**2) / (2 * sigma.clamp_min(1e-3) ** 2)[:, None])
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(x)
    kernel = kernel.repeat_interleave(channels, 0)[:, None]
    planes = F.pad(x.reshape(1, n * channels, *x.shape[2:]), (radius,) * 4, 'reflect')
    groups = n * channels
    planes = F.conv2d(planes, kernel[:, :, None], groups=groups)
    return F.conv2d(planes, kernel[..., None], groups=groups).reshape(x.shape)


@torch.no_grad()
def jpeg_round_trip(x: Tensor, quality: Tensor) -> Tensor:
    """Simulate saving as JPEG (baseline, 4:2:0) and reading it back.

    The quantization is that of ITU-T T.81, scaled by ``quality`` as the
    Independent JPEG Group's library does. Chroma is averaged over 2x2 pixels
    and repeated; the library interpolates it. No gradient passes.

    Args:
        x: Images in [0, 1].
        quality: (N,), 1 to 100.
    """
    height, width = x.shape[2:]
    matrix = _constant(_TO_YCBCR, x.device, x.dtype)
    padded = F.pad(x, (0, -width % 16, 0, -height % 16), mode='replicate')
    pixels = (padded.clamp(0, 1) * 255).round()
    ycbcr = torch.einsum('dc,nchw->ndhw', matrix, pixels)
    luma = _quantized(ycbcr[:, :1] - 128, quality, _LUMINANCE) + 128
    chroma = _quantized(F.avg_pool2d(ycbcr[:, 1:], 2), quality, _CHROMINANCE)
    chroma = chroma.repeat_interleave(2, 2).repeat_interleave(2, 3)
    back = _constant(_TO_RGB, x.device, x.dtype)
    pixels = torch.einsum('dc,nchw->ndhw', back, torch.cat((luma, chroma), 1))
    return pixels[..., :height, :width].round().clamp(0, 255) / 255


def _quantized(planes: Tensor, quality: Tensor, table: tuple) -> Tensor:
    """Quantize the DCT coefficients of 8x8 blocks of (N, C, H, W)."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    scale = scale.to(planes)[:, None, None]
    steps = (_constant(table, planes.device, planes.dtype) * scale + 50) / 100
    steps = steps.floor().clamp(1, 255).view(-1, 1, 1, 8, 1, 8)
    dct = _constant(_dct_matrix(), planes.device, planes.dtype)
    n, channels, height, width = planes.shape
    blocks = planes.view(n, channels, height // 8, 8, width // 8, 8)
    coefficients = torch.einsum('ij,nchjwk,lk->nchiwl', dct, blocks, dct)
    coefficients = (coefficients / steps).round() * steps
    return torch.einsum('ij,nchiwl,lk->nchjwk', dct, coefficients, dct).reshape(planes.shape)


@cache
def _constant(values: tuple, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Keep a table on its device: a copy in a CUDA graph is an error."""
    return torch.tensor(values, device=device, dtype=dtype)


@cache
def _dct_matrix() -> tuple[tuple[float, ...], ...]:
    """Orthonormal DCT-II of eight samples; rows are frequencies."""
    return tuple(
        tuple(
            (0.5 if k else math.sqrt(0.125)) * math.cos((2 * j + 1) * k * math.pi / 16)
            for j in range(8)
        )
        for k in range(8)
    )
