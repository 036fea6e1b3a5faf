"""Let a process keep the memory that it frees, on a CPU."""

from __future__ import annotations

import ctypes
import os
import platform

#: Parameters of mallopt, from glibc's <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4

#: Environment variables that choose an allocator or its settings.
USER_SETTINGS = (
    'GLIBC_TUNABLES',
    'LD_PRELOAD',
    'MALLOC_MMAP_MAX_',
    'MALLOC_MMAP_THRESHOLD_',
    'MALLOC_TRIM_THRESHOLD_',
)


def keep_freed_memory() -> bool:
    """Let this process reuse freed memory instead of returning it.

    By default glibc returns each large tensor to the system when it is freed,
    and the next one faults in page by page: on a CPU a convolution then spends
    more time in page faults than in arithmetic. With this setting the process
    never shrinks. Programs call it before they compute; a library should not
    decide it for its caller.

    Returns:
        Whether the setting was changed: not without glibc, nor if the
        environment has settings of the allocator's own.
    """
    if platform.libc_ver()[0] != 'glibc' or any(name in os.environ for name in USER_SETTINGS):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))
