"""Convolutions fused with the operations that follow them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ._onednn import add_convolution_, convolution, fusible_dtype
from .pointwise import pointwise_conv


def conv_of_parts(conv: nn.Conv2d, *parts: Tensor, relu: bool) -> Tensor:
    """Apply ``conv`` to maps as if concatenated along their channels.

    A convolution of two maps is the sum of two convolutions. Where no
    gradients are needed, a CPU adds each to the last, and applies the ReLU,
    while it still holds the result: a pass over memory less for each, which
    in bfloat16 takes as long as the convolution itself. Forward hooks of
    ``conv`` see it if there is one part and it is not 1x1.

    Args:
        conv: A convolution with zero padding, of one group; a 1x1 one of
            stride 1 is :func:`pointwise_conv`.
        parts: One or more maps (N, C_i, H, W) whose channels add up to
            ``conv.in_channels``.
        relu: Whether a ReLU follows.

    Returns:
        (N, ``conv.out_channels``, H, W), in the dtype that ``conv`` gives,
        under autocast too.
    """
    weights = conv.weight.split([part.shape[1] for part in parts], dim=1)
    needs_gradients = torch.is_grad_enabled() and any(
        t.requires_grad for t in (conv.weight, *parts)
    )
    dtype = None if needs_gradients else fusible_dtype([conv], parts)
    if dtype is not None:
        return _fused(conv, weights, parts, relu, dtype)
    if len(parts) == 1 and conv.kernel_size != (1, 1):
        y = conv(*parts)
    else:
        y = _plain(conv, parts[0], weights[0], conv.bias)
    for part, weight in zip(parts[1:], weights[1:]):
        y = y + _plain(conv, part, weight, None)
    return F.relu(y) if relu else y


def _plain(conv: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    if conv.kernel_size == (1, 1):
        return pointwise_conv(x, weight, bias)
    return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation)


def _fused(
    conv: nn.Conv2d,
    weights: tuple[Tensor, ...],
    parts: tuple[Tensor, ...],
    relu: bool,
    dtype: torch.dtype,
) -> Tensor:
    geometry: dict[str, Any] = {
        name: getattr(conv, name) for name in ('padding', 'stride', 'dilation', 'groups')
    }
    # Plane by plane it is slower, and in bfloat16 not there.
    (x, weight), *others = [
        (x.to(dtype, memory_format=torch.channels_last), w.to(dtype))
        for x, w in zip(parts, weights)
    ]
    bias = None if conv.bias is None else conv.bias.to(dtype)
    y = convolution(
        x, weight, bias, **geometry, activation='relu' if relu and not others else 'none'
    )
    for i, (x, weight) in enumerate(others, 1):
        add_convolution_(y, x, weight, **geometry, relu=relu and i == len(others))
    return y
