"""Mixed precision inside a model, also where MMEngine's AMP has none.

MMEngine's ``AmpOptimWrapper`` refuses a CPU; a model with ``amp_dtype`` runs
its own network under autocast there and everywhere else.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

AMP_DTYPES = (None, 'float16', 'bfloat16', 'auto')


def check_amp_dtype(name: str | None, owner: str) -> str | None:
    """Return ``name`` if it is one of :data:`AMP_DTYPES`.

    Raises:
        ValueError: If it is not; names the config key and its ``owner``.
    """
    if name not in AMP_DTYPES:
        raise ValueError(f'amp_dtype={name!r} of {owner}: choose one of {AMP_DTYPES}')
    return name


def _has_fast_bfloat16(device: torch.device) -> bool:
    """Return whether ``device`` multiplies bfloat16 matrices in hardware."""
    if device.type == 'cuda':
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == 'cpu':
        probes = ('_is_amx_tile_supported', '_is_avx512_bf16_supported')
        # Emulated, as without these instructions, bfloat16 is slower.
        return any(getattr(torch.cpu, p)() for p in probes if hasattr(torch.cpu, p))
    return False


def resolve_amp_dtype(amp_dtype: str | None, device: torch.device) -> torch.dtype | None:
    """Return the dtype that one of :data:`AMP_DTYPES` means on ``device``."""
    if amp_dtype == 'auto':
        return torch.bfloat16 if _has_fast_bfloat16(device) else None
    return None if amp_dtype is None else getattr(torch, amp_dtype)


def autocast(amp_dtype: str | None, device: torch.device) -> AbstractContextManager:
    """Return the autocast context for a network on ``device``.

    Args:
        amp_dtype: ``None`` leaves the precision as it is (an outer autocast
            stays in force), ``'float16'`` or ``'bfloat16'`` set it,
            ``'auto'`` means bfloat16 where the hardware multiplies it and
            ``None`` elsewhere.
        device: Where the network runs.
    """
    dtype = resolve_amp_dtype(amp_dtype, device)
    if dtype is None:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
