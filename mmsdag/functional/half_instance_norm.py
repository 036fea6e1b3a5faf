"""Half instance normalization and the block around it (HINet)."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ._hooks import has_hooks
from ._onednn import add_convolution_, convolution, fusible_dtype

_SLOPE = 0.2  # of the LeakyReLUs


def half_instance_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """LeakyReLU of ``x`` with its first channels instance-normalized.

    The half instance normalization of HINet (Chen et al., CVPRW 2021) and
    the activation behind it, of slope 0.2, in one differentiable step.
    PyTorch's instance norm leaves the channels-last layout, and every
    elementwise operation that then meets both layouts runs ten times slower
    on a CPU.

    Args:
        x: Feature maps (N, C, H, W), any layout.
        weight: Scale of the first ``len(weight)`` channels.
        bias: Shift of these channels.
        eps: Added to the variance, which is the biased one.

    Returns:
        A tensor of the shape, dtype and layout of ``x``.
    """
    return _HalfInstanceNorm.apply(x, weight, bias, eps)


def half_instance_norm_block(
    x: Tensor,
    conv1: nn.Conv2d,
    norm: nn.InstanceNorm2d,
    conv2: nn.Conv2d,
    identity: nn.Conv2d,
    residual: Tensor | None = None,
) -> Tensor:
    """``leaky(conv2(half_instance_norm(conv1(x)))) + identity(x)``.

    On a CPU in float32 the block is one differentiable step, which passes
    over memory less often: the bias of ``conv1`` is part of the
    normalization's shift, its output is centered in place, ``conv2`` applies
    the LeakyReLU before it writes, and the gradient of ``identity`` is added
    to that of ``conv1`` as it is computed. In bfloat16 that brings nothing.

    Args:
        x: Feature maps (N, C, H, W).
        conv1: 3x3, C to D channels.
        norm: Of the first channels of its output, affine.
        conv2: 3x3, D to D.
        identity: 1x1, C to D.
        residual: Added to the result; (N, D, H, W).

    Returns:
        (N, D, H, W), in the dtype that the convolutions give.
    """
    convs = {conv1: 3, conv2: 3, identity: 1}
    if (
        fusible_dtype(tuple(convs), (x,)) == torch.float32
        and all(_keeps_the_size(*item) for item in convs.items())
        and (residual is None or residual.dtype == x.dtype)
    ):
        return _HalfInstanceNormBlock.apply(
            x,
            conv1.weight,
            conv1.bias,
            norm.weight,
            norm.bias,
            norm.eps,
            conv2.weight,
            conv2.bias,
            identity.weight,
            identity.bias,
            residual,
        )
    out = half_instance_norm(conv1(x), norm.weight, norm.bias, norm.eps)
    out = conv2(out)
    # A backward hook makes a view of it, which cannot change in place.
    out = F.leaky_relu(out, _SLOPE, inplace=not has_hooks(conv2))
    out = out + identity(x)
    return out if residual is None else residual + out


def _keeps_the_size(conv: nn.Conv2d, kernel: int) -> bool:
    """Whether it is the convolution that the fused block computes."""
    return (
        conv.kernel_size == (kernel, kernel)
        and conv.padding == (kernel // 2, kernel // 2)
        and conv.stride == conv.dilation == (1, 1)
        and conv.groups == 1
        and conv.bias is not None
    )


class _HalfInstanceNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        centered = x - _mean_of_first(x, len(weight))
        shift = F.pad(bias, (0, x.shape[1] - len(weight)))
        y, rstd, scale = _scale_and_activate(centered, weight, shift, eps)
        ctx.save_for_backward(centered, y, rstd, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        centered, y, rstd, scale = ctx.saved_tensors
        # y has the sign of what the activation got.
        grad = torch.ops.aten.leaky_relu_backward(grad, y, _SLOPE, True)
        grad_x, along, total = _before_norm(grad, centered, rstd, scale)
        return grad_x, along, total[: len(along)], None


class _HalfInstanceNormBlock(torch.autograd.Function):
    """The block in float32 on a CPU, by oneDNN."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight1: Tensor,
        bias1: Tensor,
        norm_weight: Tensor,
        norm_bias: Tensor,
        eps: float,
        weight2: Tensor,
        bias2: Tensor,
        weight: Tensor,
        bias: Tensor,
        residual: Tensor | None,
    ) -> Tensor:
        half = len(norm_weight)
        x = x.contiguous(memory_format=torch.channels_last)
        # Of the bias, the mean would leave nothing in the first channels.
        centered = F.conv2d(x, weight1, padding=1)
        centered -= _mean_of_first(centered, half)
        y, rstd, scale = _scale_and_activate(
            centered, norm_weight, torch.cat((norm_bias, bias1[half:])), eps
        )
        z = convolution(y, weight2, bias2, (1, 1), activation='leaky_relu', scalars=[_SLOPE])
        ctx.save_for_backward(centered, rstd, scale, y, z, x, weight1, weight2, weight)
        out = F.conv2d(x, weight, bias).add_(z)
        return out if residual is None else out.add_(residual)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *of_norm, y, z, x, weight1, weight2, weight = ctx.saved_tensors
        needs_x, *of_parameters, needs_residual = ctx.needs_input_grad
        trained = any(of_parameters)
        leaky_backward = torch.ops.aten.leaky_relu_backward
        out = grad.contiguous(memory_format=torch.channels_last)
        grad2 = leaky_backward(out, z, _SLOPE, True)
        grad_y: Any
        grad_y, grad_weight2 = _conv_backward(grad2, y, weight2, True, trained)
        leaky_backward.grad_input(grad_y, y, _SLOPE, True, grad_input=grad_y)
        grad1, along, total = _before_norm(grad_y, *of_norm)
        grad_x, grad_weight1 = _conv_backward(grad1, x, weight1, needs_x, trained)
        if grad_x is not None:
            add_convolution_(grad_x, out, weight.transpose(0, 1).contiguous(), (0, 0))
        of_weights: list[Tensor | None] = [None] * 9
        if trained:
            half = len(along)
            of_weights = [
                grad_weight1,
                F.pad(total[half:], (half, 0)),
                along,
                total[:half],
                None,
                grad_weight2,
                _sum(grad2).sum(0),
                _conv_backward(out, x, weight, False, True)[1],
                _sum(out).sum(0),
            ]
        return (grad_x, *of_weights, grad if needs_residual else None)


def _mean_of_first(x: Tensor, channels: int) -> Tensor:
    """Mean over the positions; 0 for the channels that are not normalized."""
    mean = _sum(x)[:, :channels] / (x.shape[2] * x.shape[3])
    return _spatial(F.pad(mean, (0, x.shape[1] - channels)), x)


def _scale_and_activate(
    centered: Tensor, weight: Tensor, shift: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute leaky(scale * centered + shift) per channel and image.

    Channels that are not normalized have scale 1, so that one vectorized
    operation covers all. Two passes, because E[x^2] - E[x]^2 in one pass loses
    digits in float32.

    Returns:
        The result, 1 / standard deviation (N, first channels), and the scale
        (N, C, 1, 1).
    """
    channels, size = len(weight), centered.shape[2] * centered.shape[3]
    var = _dot(centered, centered)[:, :channels] / size
    rstd = torch.rsqrt(var + eps)
    scale = _spatial(F.pad(weight * rstd, (0, len(shift) - channels), value=1), centered)
    shift = _spatial(shift.expand(len(centered), -1), centered)
    y = F.leaky_relu_(torch.addcmul(shift, scale, centered), _SLOPE)
    return y, rstd, scale


def _before_norm(
    grad: Tensor, centered: Tensor, rstd: Tensor, scale: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the maps, of the weight, and of the shift."""
    half, size = rstd.shape[1], grad.shape[2] * grad.shape[3]
    behind = (0, grad.shape[1] - half)
    total = _sum(grad)
    along = _dot(grad, centered)[:, :half] * rstd
    # grad_x = scale * (grad - mean(grad) - z * mean(grad * z)), where
    # z = centered * rstd; the channels behind lack the means.
    level = _spatial(F.pad(-total[:, :half] / size, behind), grad) * scale
    slope = _spatial(F.pad(-along * rstd / size, behind), grad) * scale
    grad_x = torch.addcmul(level, scale, grad).addcmul_(slope, centered)
    return grad_x, along.sum(0), total.sum(0)


def _conv_backward(
    grad: Tensor, x: Tensor, weight: Tensor, needs_x: bool, needs_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of a convolution that keeps the size."""
    if not needs_x and not needs_weight:
        return None, None
    padding = [size // 2 for size in weight.shape[2:]]
    return torch.ops.aten.convolution_backward(
        grad,
        x,
        weight,
        None,
        [1, 1],
        padding,
        [1, 1],
        False,
        [0, 0],
        1,
        [needs_x, needs_weight, False],
    )[:2]


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
