"""Time trainings beside other processes, for settings of OpenMP's threads.

Each setting is timed alone and beside busy processes, in turns, each time in
a new process. See mmsdag/utils/threads.py.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmsdag.cli.arguments import new_parser
from mmsdag.utils.tables import markdown_table

#: Environment variables of each setting.
SETTINGS: dict[str, dict[str, str]] = {
    'default': {},
    'OMP_WAIT_POLICY=passive': {'OMP_WAIT_POLICY': 'passive'},
    'GOMP_SPINCOUNT=1000': {'GOMP_SPINCOUNT': '1000'},
    'both, as the tools set them': {'OMP_WAIT_POLICY': 'passive', 'GOMP_SPINCOUNT': '1000'},
    'GOMP_SPINCOUNT=10000': {'GOMP_SPINCOUNT': '10000'},
    'one thread': {'OMP_NUM_THREADS': '1'},
}
_VARIABLES = ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'OMP_NUM_THREADS')


def seconds_per_iteration(seconds: float) -> float:
    """Train Zero-DCE and SDAG in turns; return the mean of an iteration.

    Args:
        seconds: How long to train, after a first iteration.
    """
    import torch

    from mmsdag.models import SDAGNet, ZeroDCENet
    from mmsdag.models.sdag import VGGExtractor
    from mmsdag.utils.memory import keep_freed_memory

    keep_freed_memory()
    torch.manual_seed(0)
    sdag = SDAGNet(extractor=dict(type=VGGExtractor, init_cfg=None)).train()
    enhancer = ZeroDCENet().train()
    optimizer = torch.optim.Adam([*sdag.parameters(), *enhancer.parameters()])
    dark, clean = torch.rand(4, 3, 128, 128) / 8, torch.rand(16, 3, 32, 32)

    def iterate() -> None:
        optimizer.zero_grad()
        loss = (enhancer(dark)[0].mean() - 0.6).square()
        loss = loss + (sdag(clean) - clean).abs().mean()
        loss.backward()
        optimizer.step()

    iterate()
    start, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - start < seconds:
        iterate()
        count += 1
    return (time.perf_counter() - start) / count


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Keep ``count`` processes busy."""
    others = [
        subprocess.Popen([sys.executable, '-S', '-c', 'while True: pass']) for _ in range(count)
    ]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure(setting: str, others: int, seconds: float) -> float:
    """Time one setting in a new process beside ``others`` busy ones."""
    environment = {k: v for k, v in os.environ.items() if k not in _VARIABLES}
    with busy_processes(others):
        output = subprocess.run(
            [sys.executable, __file__, '--worker', '--seconds', str(seconds)],
            env=dict(environment, **SETTINGS[setting]),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return float(output.split()[-1])


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(__doc__)
    parser.add_argument(
        '--settings',
        nargs='+',
        choices=list(SETTINGS),
        metavar='SETTING',
        default=list(SETTINGS),
        help=f'some of: {", ".join(SETTINGS)}',
    )
    parser.add_argument(
        '--others',
        type=int,
        default=os.cpu_count(),
        help='busy processes (default: the number of cores)',
    )
    parser.add_argument('--rounds', type=int, default=3, help='(default: %(default)s)')
    parser.add_argument(
        '--seconds', type=float, default=6, help='length of each measurement (default: %(default)s)'
    )
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.worker:
        print(seconds_per_iteration(args.seconds))
        return
    times: dict[str, dict[int, list[float]]] = {
        setting: {0: [], args.others: []} for setting in args.settings
    }
    for _ in range(args.rounds):
        for setting in args.settings:
            for others in (0, args.others):
                found = measure(setting, others, args.seconds)
                times[setting][others].append(found)
                print(
                    f'{setting}, {others} others: {found:.3f} s, load {os.getloadavg()[0]:.1f}',
                    file=sys.stderr,
                )
    print(
        markdown_table(
            ['setting', 's per iteration, alone', f'beside {args.others} busy processes'],
            (
                [setting, *(f'{statistics.median(t):.3f}' for t in row.values())]
                for setting, row in times.items()
            ),
            align='lr',
        )
    )


if __name__ == '__main__':
    main()
