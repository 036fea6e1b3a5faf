"""Device names, peak memory, and durations for people."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import platform
from pathlib import Path

import torch

_STATUS = Path('/proc/self/status')
_CLEAR_REFS = Path('/proc/self/clear_refs')


def device_name(device: str | torch.device = 'cpu') -> str:
    """Return the model name of a device.

    Args:
        device: ``'cpu'``, or a CUDA device.

    Returns:
        For example ``'NVIDIA H100'``; for a CPU the name that the system
        gives, else the architecture.
    """
    device = torch.device(device)
    if device.type == 'cuda':
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError):
        for line in Path('/proc/cpuinfo').read_text().splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()


def check_device(device: str | torch.device | None) -> torch.device:
    """Return a device that exists; CUDA by default, where there is one.

    Raises:
        ValueError: If PyTorch does not know or find the device.
    """
    has_cuda = torch.cuda.is_available()
    if device is None:
        device = 'cuda' if has_cuda else 'cpu'
    try:
        checked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r}: must be 'cpu', 'cuda', 'cuda:0', ...") from error
    if checked.type == 'cuda' and (checked.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f'device={str(device)!r}: torch finds {torch.cuda.device_count()} CUDA devices; choose '
            "another, or 'cpu'"
        )
    return checked


def total_memory(device: torch.device) -> int:
    """Return the memory of a device in bytes."""
    if device.type == 'cuda':
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')


def duration(seconds: float) -> str:
    """Format a duration for people, such as ``3 min 20 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def trim_memory() -> None:
    """Return freed memory to the system, where the C library can."""
    gc.collect()
    if platform.libc_ver()[0] == 'glibc':
        ctypes.CDLL(None).malloc_trim(0)


class PeakMemory:
    """Measure the peak memory from here on, above what is in use now.

    On a CPU the operating system counts the resident memory of the whole
    process. Memory that was freed but kept (see
    :func:`mmsdag.utils.memory.keep_freed_memory`) would be reused unseen and
    is returned first. On a CUDA device PyTorch's allocator counts.

    Args:
        device: Where the memory is: ``'cpu'``, or a CUDA device.

    Example:
        >>> memory = PeakMemory('cpu')
        >>> run()
        >>> memory.bytes()
    """

    def __init__(self, device: str | torch.device = 'cpu') -> None:
        self.device = torch.device(device)
        self._before: int | None
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = torch.cuda.memory_allocated(self.device)
            return
        trim_memory()
        self._before = None
        with contextlib.suppress(OSError):
            # Linux: 5 resets the high-water mark to the present size.
            _CLEAR_REFS.write_text('5')
            self._before = _status('VmRSS')

    @staticmethod
    def available(device: str | torch.device = 'cpu') -> bool:
        """Return whether the peak can be measured on this system."""
        return torch.device(device).type == 'cuda' or _CLEAR_REFS.exists()

    def bytes(self) -> int | None:
        """Return the peak in bytes; None where it cannot be measured."""
        if self._before is None:
            return None
        if self.device.type == 'cuda':
            peak = torch.cuda.max_memory_allocated(self.device)
        else:
            peak = _status('VmHWM')
        return max(peak - self._before, 0)

    def mib(self) -> float | None:
        """Return the peak in MiB; None where it cannot be measured."""
        peak = self.bytes()
        return None if peak is None else peak / 2**20


def _status(name: str) -> int:
    """Read a size in bytes from the status of this process."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f'{name}:'):
            return int(line.split()[1]) * 1024
    raise OSError(f'{_STATUS} has no {name}')
