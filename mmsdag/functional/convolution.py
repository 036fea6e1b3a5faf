"""Convolution and what directly follows it, in one pass where that pays."""
from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module

from .pointwise import pointwise_conv

# torch 2.0 has no such question to ask, and fuses what it is given.
_is_compiling = getattr(
    getattr(torch, 'compiler', None), 'is_compiling', lambda: False)


def conv_of_parts(conv: nn.Conv2d, *parts: Tensor, relu: bool) -> Tensor:
    """``conv`` of maps joined along their channels, without joining them.

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
        t.requires_grad for t in (conv.weight, *parts))
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


def _plain(conv: nn.Conv2d, x: Tensor, weight: Tensor,
           bias: Tensor | None) -> Tensor:
    if conv.kernel_size == (1, 1):
        return pointwise_conv(x, weight, bias)
    return F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation)


#: Private tables of the hooks that torch calls for every module.
_GLOBAL_HOOKS = ('_global_forward_hooks', '_global_forward_pre_hooks',
                 '_global_backward_hooks', '_global_backward_pre_hooks')


def fusible_dtype(convs: Sequence[nn.Conv2d],
                  maps: Sequence[Tensor]) -> torch.dtype | None:
    """The dtype in which oneDNN computes ``convs`` of ``maps`` and more.

    Returns:
        float32, bfloat16 (also that of autocast), or ``None`` where it does
        not, where a compiler or an export looks on, or where a convolution
        does more than its weights say: somebody's hooks, another class.
    """
    # Compilers fuse for themselves, and an export must not see it.
    if (_is_compiling() or torch.jit.is_tracing()
            or maps[0].device.type != 'cpu'
            or not torch.backends.mkldnn.is_available()
            or not torch.backends.mkldnn.enabled
            # Private, though torch.compile itself calls it since 2.0.
            or not hasattr(torch.ops.mkldnn, '_convolution_pointwise_')
            # One function in torch >= 2.5, four tables before.
            or any(getattr(module, table) for table in _GLOBAL_HOOKS)
            or not all(_is_its_weights(conv) for conv in convs)
            # A map of one number has no layout that it would recognise.
            or any(x.shape[1:].numel() == 1 or not x.numel() for x in maps)):
        return None
    dtype = _autocast_dtype() or maps[0].dtype
    if dtype == torch.bfloat16:
        return dtype if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None
    return dtype if dtype == torch.float32 else None


def _is_its_weights(conv: nn.Conv2d) -> bool:
    """Whether calling ``conv`` is a zero-padded convolution, and no more."""
    return (getattr(conv.forward, '__func__', None) is nn.Conv2d.forward
            and conv.padding_mode == 'zeros'
            and not (conv._forward_hooks or conv._forward_pre_hooks
                     or conv._backward_hooks or conv._backward_pre_hooks))


def _autocast_dtype() -> torch.dtype | None:
    try:
        enabled = torch.is_autocast_enabled('cpu')
    except TypeError:  # torch < 2.4
        return (torch.get_autocast_cpu_dtype()
                if torch.is_autocast_cpu_enabled() else None)
    return torch.get_autocast_dtype('cpu') if enabled else None


def _fused(conv: nn.Conv2d, weights: tuple[Tensor, ...],
           parts: tuple[Tensor, ...], relu: bool,
           dtype: torch.dtype) -> Tensor:
    ops = torch.ops.mkldnn
    geometry = conv.padding, conv.stride, conv.dilation, conv.groups
    # Plane by plane it is slower, and in bfloat16 not there.
    pairs = [(x.to(dtype, memory_format=torch.channels_last), w.to(dtype))
             for x, w in zip(parts, weights)]
    bias = None if conv.bias is None else conv.bias.to(dtype)
    activations = [None] * (len(pairs) - 1) + ['relu' if relu else None]
    ((x, weight), activation), *others = zip(pairs, activations)
    y = ops._convolution_pointwise(x, weight, bias, *geometry, activation
                                   or 'none', [], '')
    for (x, weight), activation in others:
        y = ops._convolution_pointwise_.binary(y, x, weight, None, *geometry,
                                               'add', 1.0, activation, [], '')
    return y
