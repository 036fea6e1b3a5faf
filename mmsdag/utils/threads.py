"""Let waiting threads sleep soon, so that other processes do not slow them down.

OpenMP's threads spin while they wait for each other at the end of a parallel
region. If another process has the core of the thread that they wait for, they
spin until the scheduler takes their own core away. ``tools/benchmark/busy.py``
measures the effect; ``docs/speed.md`` has the results.
"""

from __future__ import annotations

import os
import sys

#: Environment variables; OpenMP reads them when torch is imported. GNU's
#: OpenMP, torch's on Linux, spins a thousand times, a hundredth of a
#: millisecond, whatever the policy; others sleep at once.
SETTINGS = {'OMP_WAIT_POLICY': 'passive', 'GOMP_SPINCOUNT': '1000'}


def restart_with_sleeping_threads() -> None:
    """Start this program again with :data:`SETTINGS`, where they are not set."""
    missing = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    if missing:
        os.environ.update(missing)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
