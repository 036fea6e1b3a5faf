"""Private tables of the hooks that PyTorch calls around a module."""

from __future__ import annotations

from torch import nn
from torch.nn.modules import module

# One function in torch >= 2.5, four tables before.
_GLOBAL = (
    '_global_forward_hooks',
    '_global_forward_pre_hooks',
    '_global_backward_hooks',
    '_global_backward_pre_hooks',
)
_OWN = ('_forward_hooks', '_forward_pre_hooks', '_backward_hooks', '_backward_pre_hooks')


def has_hooks(*modules: nn.Module) -> bool:
    """Return whether calling any of the modules runs a hook.

    Global hooks count, too. Check this before computing a module's output
    without calling it.
    """
    return any(getattr(module, table) for table in _GLOBAL) or any(
        getattr(m, table) for m in modules for table in _OWN
    )
