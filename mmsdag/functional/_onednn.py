"""Private operators of PyTorch's oneDNN, behind one switch.

``torch.compile`` calls them since torch 2.0. Each has a plain path beside it,
with the same result to rounding.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ._hooks import has_hooks

# torch 2.0 has no such question to ask, and fuses what it is given.
_is_compiling = getattr(getattr(torch, 'compiler', None), 'is_compiling', lambda: False)

_choice = os.environ.get('MMSDAG_PRIVATE_OPS', '1')
if _choice not in ('0', '1'):
    raise ValueError(
        f'MMSDAG_PRIVATE_OPS={_choice!r}: must be 0 or 1; 0 '
        "computes without PyTorch's private oneDNN operators"
    )
_enabled = _choice == '1'


def set_private_ops(enabled: bool) -> None:
    """Switch PyTorch's private oneDNN operators on or off.

    They are on unless the environment variable ``MMSDAG_PRIVATE_OPS`` is 0.
    Without them convolutions are not fused with what follows, and a half
    instance norm block takes several steps.
    """
    global _enabled
    _enabled = enabled


def uses_private_ops() -> bool:
    """Return whether they are switched on, and PyTorch has them."""
    return _enabled and all(
        hasattr(torch.ops.mkldnn, name)
        for name in (
            '_convolution_pointwise',
            '_convolution_pointwise_',
            '_is_mkldnn_bf16_supported',
        )
    )


def fusible_dtype(convs: Sequence[nn.Conv2d], maps: Sequence[Tensor]) -> torch.dtype | None:
    """Return the dtype in which oneDNN computes ``convs`` of ``maps``.

    Returns:
        float32, bfloat16 (also that of autocast), or ``None`` where it does
        not, where a compiler or an export looks on, or where a convolution
        does more than its weights say: somebody's hooks, another class.
    """
    # Compilers fuse for themselves, and an export must not see it.
    if (
        _is_compiling()
        or torch.jit.is_tracing()
        or maps[0].device.type != 'cpu'
        or not torch.backends.mkldnn.is_available()
        or not torch.backends.mkldnn.enabled
        or not uses_private_ops()
        or has_hooks(*convs)
        or not all(_is_plain(conv) for conv in convs)
        # A map of one number has no layout that it would recognize.
        or any(x.shape[1:].numel() == 1 or not x.numel() for x in maps)
    ):
        return None
    dtype = _autocast_dtype() or maps[0].dtype
    if dtype == torch.bfloat16:
        return dtype if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None
    return dtype if dtype == torch.float32 else None


def _is_plain(conv: nn.Conv2d) -> bool:
    """Whether calling ``conv`` is a zero-padded convolution, and no more."""
    return (
        getattr(conv.forward, '__func__', None) is nn.Conv2d.forward
        and conv.padding_mode == 'zeros'
    )


def _autocast_dtype() -> torch.dtype | None:
    try:
        enabled = torch.is_autocast_enabled('cpu')
    except TypeError:  # torch < 2.4
        return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else None
    return torch.get_autocast_dtype('cpu') if enabled else None


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    padding: Sequence[int],
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    activation: str = 'none',
    scalars: Sequence[float] = (),
) -> Tensor:
    """Compute a convolution and its activation in one pass.

    Args:
        x: (N, C, H, W), channels last, in the dtype of ``weight``.
        weight: (D, C / ``groups``, kernel height, kernel width).
        bias: (D, ).
        padding: Of both axes, as are stride and dilation.
        stride: See there.
        dilation: See there.
        groups: Groups of channels.
        activation: ``'none'``, ``'relu'`` or ``'leaky_relu'``.
        scalars: Parameters of the activation: the slope.
    """
    return torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, padding, stride, dilation, groups, activation, scalars, ''
    )


def add_convolution_(
    y: Tensor,
    x: Tensor,
    weight: Tensor,
    padding: Sequence[int],
    stride: Sequence[int] = (1, 1),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    relu: bool = False,
) -> Tensor:
    """Add a convolution without bias to ``y``, in place; then ReLU.

    Arguments are those of :func:`convolution`.
    """
    return torch.ops.mkldnn._convolution_pointwise_.binary(
        y,
        x,
        weight,
        None,
        padding,
        stride,
        dilation,
        groups,
        'add',
        1.0,
        'relu' if relu else None,
        [],
        '',
    )
