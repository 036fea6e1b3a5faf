"""Normalisation of image tensors and of feature maps."""
from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def _per_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(
        values, dtype=like.dtype, device=like.device).view(-1, 1, 1)


def normalize(x: Tensor,
              mean: tuple[float, ...] = IMAGENET_MEAN,
              std: tuple[float, ...] = IMAGENET_STD) -> Tensor:
    """Subtract ``mean`` and divide by ``std``, channel by channel.

    Args:
        x: Images (..., 3, H, W), RGB, [0, 1].
        mean: Mean of each channel, in the units of ``x``.
        std: Standard deviation of each channel, in the units of ``x``.

    Returns:
        A tensor of the shape and dtype of ``x``.
    """
    return (x - _per_channel(mean, x)) / _per_channel(std, x)


def denormalize(x: Tensor,
                mean: tuple[float, ...] = IMAGENET_MEAN,
                std: tuple[float, ...] = IMAGENET_STD) -> Tensor:
    """Undo :func:`normalize`: multiply by ``std`` and add ``mean``."""
    return x * _per_channel(std, x) + _per_channel(mean, x)


def half_instance_norm(x: Tensor,
                       weight: Tensor,
                       bias: Tensor,
                       eps: float = 1e-5,
                       negative_slope: float = 0.2) -> Tensor:
    """LeakyReLU of ``x`` with its first channels instance-normalised.

    The half instance normalisation of HINet (Chen et al., CVPRW 2021) and
    the activation behind it, in one differentiable step. PyTorch's instance
    norm leaves the channels-last layout, and every elementwise operation
    that then meets both layouts runs ten times slower on a CPU.

    Args:
        x: Feature maps (N, C, H, W), any layout.
        weight: Scale of the first ``len(weight)`` channels.
        bias: Shift of these channels.
        eps: Added to the variance, which is the biased one.
        negative_slope: Slope of the LeakyReLU; positive.

    Returns:
        A tensor of the shape, dtype and layout of ``x``.
    """
    return _HalfInstanceNorm.apply(x, weight, bias, eps, negative_slope)


class _HalfInstanceNorm(torch.autograd.Function):
    """leaky(scale * (x - mean) + shift), for each channel of each image.

    The channels behind have mean 0, scale 1 and shift 0, so that all go the
    same, vectorised way.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float,
                negative_slope: float) -> Tensor:
        half, size = len(weight), x.shape[2] * x.shape[3]
        behind = (0, x.shape[1] - half)
        mean = _sum(x)[:, :half] / size
        # Two passes: E[x^2] - E[x]^2 in one loses digits in float32.
        centred = x - _spatial(F.pad(mean, behind), x)
        var = _dot(centred, centred)[:, :half] / size
        rstd = torch.rsqrt(var + eps)
        scale = _spatial(F.pad(weight * rstd, behind, value=1), x)
        shift = _spatial(F.pad(bias.expand_as(rstd), behind), x)
        y = F.leaky_relu_(
            torch.addcmul(shift, scale, centred), negative_slope)
        ctx.save_for_backward(centred, y, rstd, scale)
        ctx.negative_slope = negative_slope
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        centred, y, rstd, scale = ctx.saved_tensors
        half, size = rstd.shape[1], y.shape[2] * y.shape[3]
        behind = (0, y.shape[1] - half)
        # y has the sign of what the activation got.
        grad = torch.ops.aten.leaky_relu_backward(grad, y, ctx.negative_slope,
                                                  True)
        total = _sum(grad)[:, :half]
        along = _dot(grad, centred)[:, :half] * rstd
        # grad_x = scale * (grad - mean(grad) - z * mean(grad * z)), where
        # z = centred * rstd; the channels behind lack the means.
        level = _spatial(F.pad(-total / size, behind), y) * scale
        slope = _spatial(F.pad(-along * rstd / size, behind), y) * scale
        grad_x = torch.addcmul(level, scale, grad).addcmul_(slope, centred)
        return grad_x, along.sum(0), total.sum(0), None, None


def _sum(x: Tensor) -> Tensor:
    """Sums over the positions, (N, C), at least in float32."""
    # Along rows in the order of channels-last memory, and only the rest in
    # float32: one sum over both with a dtype is five times slower.
    rows = x.permute(0, 2, 3, 1).sum(2)
    return rows.sum(1, dtype=torch.promote_types(x.dtype, torch.float32))


def _dot(x: Tensor, y: Tensor) -> Tensor:
    """Sums of the products over the positions, (N, C)."""
    if x.dtype is torch.float16:  # whose products would overflow
        x = x.float()
    return _sum(x * y)


def _spatial(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype)[:, :, None, None]
