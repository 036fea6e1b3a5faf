"""Smoothness of an illumination as the authors' code of RUAS has it."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .smoothness import _pairs


def mean_smoothness(values: Tensor,
                    guide: Tensor,
                    sigma: float = 10.) -> Tensor:
    r"""Mean weights times mean differences to the 24 nearest neighbours.

    .. math:: \sum_{d} \mathrm{mean}_i\, w_{i,i+d} \cdot
        \mathrm{mean}_i\, |v_i - v_{i+d}|, \quad
        w_{ij} = \exp(-|g_i - g_j|_2^2 / 2\sigma^2)

    over the offsets :math:`d` of the 5x5 square, per image, and averaged over
    the images. :func:`neighbor_smoothness` has the mean of the products, as
    the paper says (Liu et al., CVPR 2021); their code has the product of the
    means, so that edges anywhere relax the whole image. In one pass, as
    there.

    Args:
        values: What shall be smooth, (N, C, H, W).
        guide: Where it may have edges, (N, D, H, W); gets no gradient.
        sigma: Difference of the guide that counts as an edge.

    Returns:
        A scalar, at least in float32, differentiable once.

    Raises:
        ValueError: If the sizes differ or one side is shorter than 3 pixels.
    """
    if (values.shape[0], *values.shape[2:]) != (guide.shape[0],
                                                *guide.shape[2:]):
        raise ValueError(
            f'values {tuple(values.shape)} and guide {tuple(guide.shape)} of '
            'mean_smoothness must agree in all but their channels')
    if min(values.shape[-2:]) < 3:
        raise ValueError(
            'mean_smoothness compares pixels two apart, the image has '
            f'{values.shape[-2]}x{values.shape[-1]}: use larger crops')
    dtype = torch.promote_types(values.dtype, torch.float32)
    return _MeanSmoothness.apply(
        values.to(dtype),
        guide.detach().to(dtype), 0.5 / sigma**2)


class _MeanSmoothness(torch.autograd.Function):

    @staticmethod
    def forward(ctx: Any, values: Tensor, guide: Tensor,
                sharpness: float) -> Tensor:
        gradient = (
            torch.zeros_like(values) if ctx.needs_input_grad[0] else None)
        total = values.new_zeros(())
        guide = guide * sharpness**0.5
        with torch.autocast(values.device.type, enabled=False):
            for here, there, pairs in _pairs(values):
                edge = (guide[here] - guide[there]).square_().sum(1)
                # Both ends see the pair: twice.
                share = edge.neg_().exp_().mean((1, 2)).mul_(
                    2 / (pairs * values.shape[1]))[:, None, None, None]
                change = values[here] - values[there]
                total += (change.abs().sum((1, 2, 3), keepdim=True) *
                          share).sum()
                if gradient is not None:
                    change.sign_().mul_(share)
                    gradient[here].add_(change)
                    gradient[there].sub_(change)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return ctx.saved_tensors[0] * grad, None, None
