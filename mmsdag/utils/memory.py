"""How a process keeps its memory on a CPU."""
from __future__ import annotations

import ctypes
import os
import platform

#: Of glibc's <malloc.h>.
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4

#: With one of these in the environment the user has chosen an allocator's
#: settings, or another allocator.
USER_SETTINGS = ('GLIBC_TUNABLES', 'LD_PRELOAD', 'MALLOC_MMAP_MAX_',
                 'MALLOC_MMAP_THRESHOLD_', 'MALLOC_TRIM_THRESHOLD_')


def keep_freed_memory() -> bool:
    """Let this process reuse freed memory instead of returning it.

    By default glibc hands each large tensor back to the system when it is
    freed, and the next one faults in page by page: on a CPU a convolution
    then spends more time in page faults than in arithmetic. Afterwards the
    process stays as large as it once was. For programs that are to compute,
    before they do; a library should not decide that for its caller.

    Returns:
        Whether it was done. Not without glibc, nor where the environment has
        settings of the allocator's own.
    """
    if (platform.libc_ver()[0] != 'glibc'
            or any(name in os.environ for name in USER_SETTINGS)):
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))
