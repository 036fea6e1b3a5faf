"""Edge-aware smoothness over a pixel's 24 neighbors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Rows and columns from a pixel to its neighbors in the 5x5 square. The term is
# symmetric: half of the 24 neighbors are computed and counted twice.
_OFFSETS = tuple(
    (row, column) for row in range(3) for column in range(-2, 3) if (row, column) > (0, 0)
)

_YCBCR = ((0.257, -0.148, 0.439), (0.564, -0.291, -0.368), (0.098, 0.439, -0.071))
_YCBCR_BIAS = (16 / 255, 128 / 255, 128 / 255)


def neighbor_smoothness(values: Tensor, guide: Tensor, sigma: float = 10.0) -> Tensor:
    r"""Sum the weighted absolute differences to the 24 nearest neighbors.

    .. math:: \sum_{d} \mathrm{mean}_i\; w_{i,i+d}\,|v_i - v_{i+d}|_1, \quad
        w_{ij} = \exp(-|g_i - g_j|_2^2 / 2\sigma^2)

    over the offsets :math:`d` of the 5x5 square; the mean is over the images
    and positions whose neighbor is inside the image (SCI, Ma et al., CVPR
    2022, Sec. 3.3). One pass for each of 12 offsets computes value and
    gradients, and keeps no tensor.

    Args:
        values: Values to be smooth, (N, C, H, W).
        guide: Image whose edges relax the term, (N, D, H, W).
        sigma: Difference of the guide that counts as an edge.

    Returns:
        A scalar, at least in float32, differentiable once with respect to
        both arguments.

    Raises:
        ValueError: If the sizes differ or one side is shorter than 3 pixels.
    """
    _check(values, guide, 'neighbor_smoothness')
    dtype = torch.promote_types(torch.promote_types(values.dtype, guide.dtype), torch.float32)
    return _NeighborSmoothness.apply(
        values.to(dtype).contiguous(), guide.to(dtype).contiguous(), 0.5 / sigma**2
    )


def mean_smoothness(values: Tensor, guide: Tensor, sigma: float = 10.0) -> Tensor:
    r"""Sum the products of mean weights and mean differences to neighbors.

    .. math:: \sum_{d} \mathrm{mean}_i\, w_{i,i+d} \cdot
        \mathrm{mean}_i\, |v_i - v_{i+d}|

    with the weights and offsets of :func:`neighbor_smoothness`, averaged over
    the images. RUAS's paper has the mean of the products (Liu et al., CVPR
    2021), its code the product of the means, so that edges anywhere relax the
    whole image.

    Args:
        values: Values to be smooth, (N, C, H, W).
        guide: Image whose edges relax the term, (N, D, H, W); gets no
            gradient.
        sigma: Difference of the guide that counts as an edge.

    Returns:
        A scalar, at least in float32, differentiable once.

    Raises:
        ValueError: If the sizes differ or one side is shorter than 3 pixels.
    """
    _check(values, guide, 'mean_smoothness')
    dtype = torch.promote_types(values.dtype, torch.float32)
    return _MeanSmoothness.apply(values.to(dtype), guide.detach().to(dtype), 0.5 / sigma**2)


def _check(values: Tensor, guide: Tensor, name: str) -> None:
    if (values.shape[0], *values.shape[2:]) != (guide.shape[0], *guide.shape[2:]):
        raise ValueError(
            f'values {tuple(values.shape)} and guide {tuple(guide.shape)} of '
            f'{name} must agree in all but their channels'
        )
    if min(values.shape[-2:]) < 3:
        raise ValueError(
            f'{name} compares pixels two apart, the image has '
            f'{values.shape[-2]}x{values.shape[-1]}: use larger crops'
        )


class _NeighborSmoothness(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, guide: Tensor, sharpness: float) -> Tensor:
        grads = [
            torch.zeros_like(tensor) if needed else None
            for tensor, needed in zip((values, guide), ctx.needs_input_grad[:2])
        ]
        total = values.new_zeros(())
        with torch.autocast(values.device.type, enabled=False):
            for here, there, count in _pairs(values):
                # Twice, and from a sum to a mean.
                share = 2 / count
                change = values[here] - values[there]
                edge = guide[here] - guide[there]
                weight = edge.square().sum(1, keepdim=True)
                weight.mul_(-sharpness).exp_()
                term = change.abs().sum(1, keepdim=True).mul_(weight)
                total.add_(term.sum(), alpha=share)
                if grads[0] is not None:
                    change.sign_().mul_(weight)
                    grads[0][here].add_(change, alpha=share)
                    grads[0][there].sub_(change, alpha=share)
                if grads[1] is not None:
                    edge.mul_(term)
                    slope = -2 * sharpness * share
                    grads[1][here].add_(edge, alpha=slope)
                    grads[1][there].sub_(edge, alpha=slope)
        # The output is a scalar, so that all backward has to do is scale.
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return (*(None if g is None else g * grad for g in ctx.saved_tensors), None)


class _MeanSmoothness(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, guide: Tensor, sharpness: float) -> Tensor:
        gradient = torch.zeros_like(values) if ctx.needs_input_grad[0] else None
        total = values.new_zeros(())
        guide = guide * sharpness**0.5
        with torch.autocast(values.device.type, enabled=False):
            for here, there, pairs in _pairs(values):
                edge = (guide[here] - guide[there]).square_().sum(1)
                # Both ends see the pair: twice.
                share = (
                    edge.neg_()
                    .exp_()
                    .mean((1, 2))
                    .mul_(2 / (pairs * values.shape[1]))[:, None, None, None]
                )
                change = values[here] - values[there]
                total += (change.abs().sum((1, 2, 3), keepdim=True) * share).sum()
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


def _pairs(x: Tensor) -> Iterator[tuple[tuple, tuple, int]]:
    """Yield slices of pixels and of their neighbors, and their number."""
    number, _, height, width = x.shape
    for row, column in _OFFSETS:
        left, right = max(0, -column), max(0, column)
        here = (..., slice(height - row), slice(left, width - right))
        there = (..., slice(row, height), slice(right, width - left))
        yield here, there, number * (height - row) * (width - left - right)


def flattened_ycbcr(images: Tensor) -> Tensor:
    """Compute the guide that SCI and RUAS call YCbCr.

    As in the authors' code, the conversion takes three successive values in
    memory, (N, 3, H, W), that is along a row, for a pixel's red, green and
    blue. With their sigma of 10 all weights are nearly 1, and this hardly
    matters.

    Args:
        images: (N, 3, H, W), RGB, [0, 1].

    Returns:
        (N, 3, H, W), at least in float32.
    """
    dtype = torch.promote_types(images.dtype, torch.float32)
    with torch.autocast(images.device.type, enabled=False):
        triples = images.to(dtype).reshape(-1, 3)
        return torch.addmm(
            triples.new_tensor(_YCBCR_BIAS), triples, triples.new_tensor(_YCBCR)
        ).view(images.shape)
