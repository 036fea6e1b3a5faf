"""Let waiting threads sleep, so that other processes do not slow them down.

OpenMP's threads spin while they wait for each other at the end of a parallel
region. If another process has the core of the thread that they wait for, they
spin until the scheduler takes their own core away. ``tools/benchmark/busy.py``
measures the effect; ``docs/speed.md`` has the results.
"""

from __future__ import annotations

import os
import sys

#: The setting; OpenMP reads it when torch is imported.
SETTING = ('OMP_WAIT_POLICY', 'passive')


def restart_with_sleeping_threads() -> None:
    """Start this program again with :data:`SETTING`, unless it is set."""
    name, value = SETTING
    if name not in os.environ:
        os.environ[name] = value
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
