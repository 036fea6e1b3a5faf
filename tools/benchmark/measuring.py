"""What the benchmarks of time and memory share: options, clock, machine."""
from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from mmsdag.utils.env import package_versions


def add_options(parser: argparse.ArgumentParser, tables: str) -> None:
    """Options of every benchmark; ``tables``: what ``--markdown`` writes."""
    parser.add_argument(
        '--rounds',
        type=int,
        default=7,
        help='how often each row is measured; default %(default)s')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='images of a quarter of the side and two rounds; the figures '
        'mean nothing')
    parser.add_argument(
        '--cpu-time',
        action='store_true',
        help='time of all cores instead of time on the clock, for a machine '
        'that has other work; set OMP_WAIT_POLICY=passive, so that idle '
        'threads do not count')
    parser.add_argument(
        '--device', default='cpu', help="'cpu' (default) or 'cuda'")
    parser.add_argument(
        '--json', type=Path, metavar='FILE', help='all measurements')
    parser.add_argument(
        '--markdown', type=Path, metavar='FILE', help=tables)


def check_options(args: argparse.Namespace) -> None:
    """Refuse what :func:`add_options` lets through.

    Raises:
        ValueError: No rounds, or a device that is not there.
    """
    if args.rounds < 1:
        raise ValueError(f'--rounds {args.rounds}: at least one is needed')
    if args.device != 'cpu' and not torch.cuda.is_available():
        raise ValueError(f'--device {args.device}: there is no CUDA device '
                         'here; leave it out')


def clock_of(args: argparse.Namespace) -> Callable[[], float]:
    """The clock that ``--cpu-time`` chooses."""
    return time.process_time if args.cpu_time else time.perf_counter


def timed(run: Callable[[], Any],
          device: str,
          clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds of one run."""
    start = clock()
    run()
    if device != 'cpu':
        torch.cuda.synchronize()
    return clock() - start


def conditions(args: argparse.Namespace) -> dict[str, Any]:
    """What a reader must know of the machine and the run."""
    return dict(
        device=_device_name(args.device),
        clock=clock_of(args).__name__,
        threads=torch.get_num_threads(),
        load_average=os.getloadavg()[0],
        versions=package_versions())


def progress(text: str) -> None:
    """Say on the error stream what is going on; '' ends it."""
    if sys.stderr.isatty():
        print(f'\r{text:78}', end='' if text else '\r', file=sys.stderr)
    elif text:
        print(text, file=sys.stderr, flush=True)


def _device_name(device: str) -> str:
    if device != 'cpu':
        return torch.cuda.get_device_name()
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith('model name'):
                return line.split(':', 1)[1].strip()
    return platform.processor() or platform.machine()
