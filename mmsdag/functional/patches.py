"""Statistics of small neighborhoods, and images of half the size."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def diagonal_halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Average the two diagonals of each 2x2 block.

    Two images of one content whose noise is independent (Mansour and Heckel,
    CVPR 2023). A last odd row or column is dropped.

    Args:
        x: Images (N, C, H, W).

    Returns:
        Two of (N, C, H // 2, W // 2): of the upper right and lower left
        pixels, and of the upper left and lower right ones.
    """
    height, width = x.shape[-2] // 2 * 2, x.shape[-1] // 2 * 2
    upper, lower = x[..., 0:height:2, :width], x[..., 1:height:2, :width]
    return ((upper[..., 1::2] + lower[..., ::2]) / 2, (upper[..., ::2] + lower[..., 1::2]) / 2)


def local_mean(x: Tensor, size: int = 5) -> Tensor:
    """Average the square of ``size`` pixels around each pixel, reflected.

    Args:
        x: Images (N, C, H, W), each side longer than ``size // 2``.
        size: Side of the square, odd.

    Returns:
        The same shape.
    """
    return F.avg_pool2d(F.pad(x, (size // 2,) * 4, mode='reflect'), size, 1)


def local_deviation(x: Tensor, size: int = 5) -> Tensor:
    """Compute the standard deviation of the square around each pixel.

    Args:
        x: Images (N, C, H, W), each side longer than ``size // 2``.
        size: Side of the square, odd; reflected at the border.

    Returns:
        The same shape; 3e-5 where all pixels of the square are equal.
    """
    padded = F.pad(x, (size // 2,) * 4, mode='reflect')
    squares = padded.unfold(-2, size, 1).unfold(-2, size, 1)
    # The mean of squares less the square of the mean would lose small ones.
    return (squares.var((-2, -1), correction=0) + 1e-9).sqrt()


def residual_energy(x: Tensor, size: int = 5) -> Tensor:
    """Average the squared distance of pixels to their local mean.

    The mean over the square around each pixel; beyond the image is zero.

    Args:
        x: Images (N, C, H, W).
        size: Side of the square, odd.

    Returns:
        The same shape, not negative.
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, size, 1, size // 2)

    return mean((x - mean(x)).square())


def wide_blur(x: Tensor, size: int = 21) -> Tensor:
    """Blur images by Zero-IG's kernel, reflected at the border.

    The square root of a Gaussian that ends at one standard deviation: nearly
    a box.

    Args:
        x: Images (N, C, H, W), each side longer than ``size // 2``.
        size: Side of the kernel, odd.

    Returns:
        The same shape.
    """
    end = 1 + 1.5 / size
    edges = torch.linspace(-end, end, size + 1, dtype=torch.float64)
    line = torch.erf(edges / math.sqrt(2)).diff().sqrt()
    line = (line / line.sum()).to(x)
    padded = F.pad(x, (size // 2,) * 4, mode='reflect')
    # One channel at a time: grouped convolutions of few channels take a CPU a
    # hundred times as long. In float32 even under autocast.
    y = padded.reshape(-1, 1, *padded.shape[-2:])
    with torch.autocast(x.device.type, enabled=False):
        for shape in ((1, 1, size, 1), (1, 1, 1, size)):
            y = F.conv2d(y, line.view(shape))
    return y.view(x.shape)
