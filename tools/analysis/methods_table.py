"""Compare enhancers in one table: image metrics, size and speed.

Enhances the photographs of a test set (by default the dark bracket shots of
held-out scenes), computes the metrics of configs/_base_/evaluation/, counts
parameters and operations, and measures the time. Prints Markdown and writes
methods.md and methods.csv. A second call computes only the metrics of new or
changed methods; time is always measured again.
"""

from __future__ import annotations

import argparse
import csv
import io
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from compared_methods import Method, committed_methods, methods_of_spec, named_method
from measurements import Judge, Size, flops, judge_all, seconds, used_parameters
from mmengine.logging import MMLogger
from tqdm import tqdm

from mmsdag.cli.arguments import new_parser
from mmsdag.utils import write_atomically
from mmsdag.utils.configs import config_folder
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.memory import keep_freed_memory
from mmsdag.utils.options import add_option
from mmsdag.utils.tables import markdown_table

EXAMPLES = """\
examples:
  # images as they are, classical enhancers, every committed checkpoint
  python tools/analysis/methods_table.py

  # some of your own; "none" for an enhancer without weights
  python tools/analysis/methods_table.py \\
      mine=my_config.py:work_dirs/mine/iter_1000.pth

  # the enhancers of a benchmark, with what recognizers make of them
  python tools/benchmark_downstream.py configs/benchmark/brackets.py
  python tools/analysis/methods_table.py \\
      --spec configs/benchmark/brackets.py --sizes 600x400 1920x1080 \\
      --downstream work_dirs/benchmark/brackets/figures.csv

A method with several checkpoints (seeds) has their mean. Operations are those
of convolutions and matrix products, a multiplication and an addition counted
as two (GFLOPs = 2 GMACs). Time is the median of one image at a time in
float32, the network alone.
"""
DATA = config_folder() / '_base_' / 'datasets' / 'brackets_test.py'
#: Decimals of the columns that do not have three.
DIGITS = dict(
    PSNR=2, NIQE=2, LOE=0, entropy=2, parameters=0, GFLOPs=2, ms=1, mAP=1, mAP50=1, mIoU=1
)
#: Metrics of tools/benchmark_downstream.py, and their names here.
DOWNSTREAM = dict(bbox_mAP='mAP', bbox_mAP_50='mAP50', mIoU='mIoU')


def measure_all(methods: Sequence[Method], args: argparse.Namespace) -> None:
    """Measure size and speed of every method, in place."""
    clock = time.process_time if args.cpu_time else time.perf_counter
    for method in tqdm(methods, unit='method', disable=None):
        network = method.build(method.checkpoints[0])
        method.figures['parameters'] = used_parameters(network)
        network.to(args.device)
        for size in args.sizes:
            label = f'{size[1]}×{size[0]}'
            # Classical enhancers have no operations that can be counted.
            if count := flops(network, size, args.device):
                method.figures[f'GFLOPs, {label}'] = count / 1e9
            if args.repeats:
                method.figures[f'ms, {label}'] = 1e3 * seconds(
                    network, size, args.device, args.repeats, clock
                )


def read_downstream(path: Path, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read metrics of ``tools/benchmark_downstream.py``, by method.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has none of the methods.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'--downstream {path}: no such file; tools/benchmark_downstream.py writes one'
        )
    found: dict[str, dict[str, float]] = {}
    with open(path, newline='') as file:
        for row in csv.DictReader(file):
            if row['subset'] == 'all' and row['metric'] in DOWNSTREAM and not row['minus']:
                figure = DOWNSTREAM[row['metric']]
                found.setdefault(row['enhancer'], {})[
                    f'{figure}, {row["dataset"]} ({row["recogniser"]})'
                ] = float(row['value'])
    if not found.keys() & set(names):
        raise ValueError(
            f'--downstream {path} is about {", ".join(found)}, none of them '
            f'among {", ".join(names)}: give its spec by --spec'
        )
    return found


def columns(methods: Sequence[Method]) -> list[str]:
    """Return the names of all columns: image metrics, cost, recognition."""
    last = ['GFLOPs', 'ms', *DOWNSTREAM.values()]
    names = dict.fromkeys(name for m in methods for name in m.figures)
    kinds = {name: name.partition(',')[0] for name in names}
    return sorted(names, key=lambda n: 1 + last.index(kinds[n]) if kinds[n] in last else 0)


def markdown(methods: Sequence[Method]) -> str:
    """Return the table for people."""
    names = columns(methods)

    def cells(method: Method) -> Iterator[str]:
        yield method.title
        for name in names:
            value = method.figures.get(name, np.nan)
            digits = DIGITS.get(name.partition(',')[0], 3)
            yield '–' if np.isnan(value) else f'{value:,.{digits}f}'

    return markdown_table(['', *names], map(cells, methods)) + '\n'


def as_csv(methods: Sequence[Method]) -> str:
    """Return the table as CSV, unrounded."""
    buffer = io.StringIO()
    table = csv.DictWriter(
        buffer, ['name', 'title', 'checkpoints', *columns(methods)], restval='', lineterminator='\n'
    )
    table.writeheader()
    for method in methods:
        table.writerow(
            dict(
                name=method.name,
                title=method.title,
                checkpoints=' '.join(filter(None, method.checkpoints)),
                **method.figures,
            )
        )
    return buffer.getvalue()


def image_size(text: str) -> Size:
    """Read ``WIDTHxHEIGHT``; returns (height, width)."""
    width, _, height = text.partition('x')
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r} is not of the form WIDTHxHEIGHT')
    return int(height), int(width)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, EXAMPLES)
    parser.add_argument(
        'methods',
        nargs='*',
        type=named_method,
        metavar='NAME=CONFIG:CHECKPOINT',
        help='methods to compare (default: raw images, the classical '
        'enhancers and every committed checkpoint)',
    )
    parser.add_argument('--spec', help='compare the enhancers of a benchmark instead')
    parser.add_argument(
        '--data',
        default=DATA,
        metavar='CONFIG',
        help='config with a test_dataloader (default: the dark bracket shots of held-out scenes)',
    )
    parser.add_argument(
        '--sizes',
        nargs='+',
        type=image_size,
        default=[(400, 600)],
        metavar='WIDTHxHEIGHT',
        help='sizes to count and to time (default: 600x400)',
    )
    add_option(parser, '--repeats', 5, 'number of timed runs; 0: none')
    parser.add_argument(
        '--threads', type=int, default=1, help='threads of the CPU (default: %(default)s)'
    )
    parser.add_argument(
        '--cpu-time',
        action='store_true',
        help='CPU time instead of elapsed time, for a busy machine',
    )
    parser.add_argument('--device', default='cpu', help="'cpu' or 'cuda'")
    parser.add_argument(
        '--downstream',
        type=Path,
        metavar='CSV',
        help='figures.csv of tools/benchmark_downstream.py, joined by name',
    )
    add_option(parser, '--out', Path('work_dirs/methods'), 'folder for the tables', metavar='DIR')
    return parser.parse_args(argv)


@torch.no_grad()
def run(args: argparse.Namespace) -> list[Method]:
    """Measure everything."""
    methods = args.methods or (methods_of_spec(args.spec) if args.spec else committed_methods())
    # Check everything before the long computations.
    downstream = args.downstream and read_downstream(
        args.downstream, [method.name for method in methods]
    )
    for method in methods:
        for checkpoint in method.checkpoints:
            method.build(checkpoint)
    judge = Judge(args.data, args.device, args.out / 'judged')
    judge_all(methods, judge)
    measure_all(methods, args)
    for method in methods:
        method.figures.update((downstream or {}).get(method.name, {}))
    return methods


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    warnings.simplefilter('ignore')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    keep_freed_memory()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    with clear_errors():
        methods = run(args)
    text = markdown(methods)
    print(text)
    for name, content in (('methods.md', text), ('methods.csv', as_csv(methods))):
        write_atomically(args.out / name, content.encode())
        print(args.out / name)


if __name__ == '__main__':
    main()
