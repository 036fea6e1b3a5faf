"""Options, clock and machine of the benchmarks of time and memory."""

from __future__ import annotations

import argparse
import ctypes
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mmsdag.utils.env import package_versions
from mmsdag.utils.memory import M_MMAP_MAX, M_TRIM_THRESHOLD, keep_freed_memory
from mmsdag.utils.system import device_name, trim_memory

#: glibc's <malloc.h>, and its values at rest: the thresholds rise to these as
#: soon as one large tensor has been freed.
M_MMAP_THRESHOLD = -3
DEFAULT_MALLOC = {M_MMAP_MAX: 65536, M_MMAP_THRESHOLD: 32 << 20, M_TRIM_THRESHOLD: 64 << 20}


def add_options(parser: argparse.ArgumentParser, tables: str) -> None:
    """Add the options of every benchmark.

    Args:
        parser: Where to add them.
        tables: What ``--markdown`` writes, for the help.
    """
    parser.add_argument(
        '--rounds', type=int, default=7, help='how often each row is measured; default %(default)s'
    )
    parser.add_argument(
        '--quick',
        action='store_true',
        help='a test run: images of a quarter of the side, two rounds',
    )
    parser.add_argument(
        '--cpu-time',
        action='store_true',
        help='CPU time of all cores instead of elapsed time, for a busy machine; set '
        'OMP_WAIT_POLICY=passive, so that idle threads do not count',
    )
    parser.add_argument('--device', default='cpu', help="'cpu' (default) or 'cuda'")
    parser.add_argument('--json', type=Path, metavar='FILE', help='all measurements')
    parser.add_argument('--markdown', type=Path, metavar='FILE', help=tables)


def check_options(args: argparse.Namespace) -> None:
    """Check the values of the options of :func:`add_options`.

    Raises:
        ValueError: No rounds, or an unavailable device.
    """
    if args.rounds < 1:
        raise ValueError(f'--rounds {args.rounds}: at least one is needed')
    if args.device != 'cpu' and not torch.cuda.is_available():
        raise ValueError(f'--device {args.device}: there is no CUDA device here; leave it out')


def clock_of(args: argparse.Namespace) -> Callable[[], float]:
    """Return the clock that ``--cpu-time`` chooses."""
    return time.process_time if args.cpu_time else time.perf_counter


def timed(
    run: Callable[[], Any], device: str, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds of one run."""
    start = clock()
    run()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - start


def conditions(args: argparse.Namespace) -> dict[str, Any]:
    """Describe the machine and the run."""
    return dict(
        device=device_name(args.device),
        clock=clock_of(args).__name__,
        threads=torch.get_num_threads(),
        load_average=os.getloadavg()[0],
        versions=package_versions(),
    )


def progress(text: str) -> None:
    """Show the progress on the error stream; '' ends it."""
    if sys.stderr.isatty():
        print(f'\r{text:78}', end='' if text else '\r', file=sys.stderr)
    elif text:
        print(text, file=sys.stderr, flush=True)


def set_malloc(keep: bool) -> None:
    """Keep freed memory, or restore glibc's defaults; then release it."""
    if platform.libc_ver()[0] != 'glibc':
        return
    if keep:
        keep_freed_memory()
    else:
        for parameter, value in DEFAULT_MALLOC.items():
            ctypes.CDLL(None).mallopt(parameter, value)
    trim_memory()


def matmul_peak(dtype: torch.dtype, device: str) -> float:
    """Return the FLOP/s of the best of a few square matrix products."""
    side = 2048 if device == 'cpu' else 8192
    a = torch.ones(side, side, dtype=dtype, device=device)
    product = torch.empty_like(a)

    def run() -> torch.Tensor:
        return torch.mm(a, a, out=product)

    run()
    return 2 * side**3 / min(timed(run, device) for _ in range(5))
