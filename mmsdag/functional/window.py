"""Maximum over 2x2 windows."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def window_maximum(x: Tensor) -> Tensor:
    """Compute the maximum of each 2x2 window, at its upper left pixel.

    Zero beyond the image. Of equal values the upper left one gets the
    gradient.

    Args:
        x: Images (N, C, H, W), not negative.

    Returns:
        Images of the same shape.
    """
    if torch.is_grad_enabled() and x.requires_grad:
        return _WindowMaximum.apply(x)
    x = F.pad(x, (0, 1, 0, 1))
    x = torch.maximum(x[..., :-1, :], x[..., 1:, :])
    return torch.maximum(x[..., :-1], x[..., 1:])


class _WindowMaximum(torch.autograd.Function):
    """Maximum of 2x2 windows with a gradient in seven passes.

    On a CPU torch.maximum, which shares out the gradient of equal values,
    takes seven times as long, and max_pool2d ten times in the other direction.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = F.pad(x, (0, 1, 0, 1))
        upper, lower = x[..., :-1, :], x[..., 1:, :]
        of_rows = torch.maximum(upper, lower)
        left, right = of_rows[..., :-1], of_rows[..., 1:]
        ctx.save_for_backward(lower > upper, right > left)
        return torch.maximum(left, right)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        is_lower, is_right = ctx.saved_tensors
        to_right = grad * is_right
        of_rows = F.pad(grad - to_right, (0, 1))
        of_rows[..., 1:] += to_right
        to_lower = of_rows * is_lower
        of_rows -= to_lower
        of_rows[..., 1:, :] += to_lower[..., :-1, :]
        return of_rows[..., :-1]
