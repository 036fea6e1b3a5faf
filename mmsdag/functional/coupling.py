"""Affine step of an invertible coupling block."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def affine_coupling(x: Tensor, logits: Tensor, shift: Tensor, clamp: float) -> Tensor:
    r"""Scale and shift features, with a bounded log-scale.

    .. math:: x\, e^{s} + t, \quad s = c\,(2\sigma(l) - 1)

    Args:
        x: The half to be changed, (N, C, H, W).
        logits: ``l``, what the log-scale is made of; same shape.
        shift: ``t``; same shape.
        clamp: Bound ``c`` of the log-scale.

    Returns:
        A tensor of the shape and dtype of ``x``.
    """
    return _AffineCoupling.apply(x, logits, shift, clamp)


def coupling_gain(logits: Tensor, clamp: float) -> Tensor:
    """Compute the factor of :func:`affine_coupling`, at least in float32."""
    return _tanh_of_half(logits).mul_(clamp).exp_()


def _tanh_of_half(logits: Tensor) -> Tensor:
    # 2 sigmoid(l) - 1 = tanh(l / 2), which is several times faster; and a
    # CPU has no fast tanh or exp in half precision.
    wide = torch.promote_types(logits.dtype, torch.float32)
    return torch.tanh_(logits.to(wide, copy=True).mul_(0.5))


class _AffineCoupling(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, logits: Tensor, shift: Tensor, clamp: float) -> Tensor:
        tanh = _tanh_of_half(logits)
        gain = (tanh * clamp).exp_().to(x.dtype)
        ctx.save_for_backward(x, tanh.to(x.dtype), gain)
        ctx.clamp = clamp
        return torch.addcmul(shift, x, gain)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, tanh, gain = ctx.saved_tensors
        grad_x = grad * gain
        grad_logits = torch.ops.aten.tanh_backward(grad_x * x, tanh).mul_(ctx.clamp / 2)
        return grad_x, grad_logits, grad, None
