"""Time mmsdag against the reference computation.

Both sides run in one process, in turn, round after round, so that a busy
machine slows both; the ratio is taken within each round. The reference is
plain/: eager float32, default layout, the published formulas.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from cases import CASES, Case, inference
from measuring import (
    add_options,
    check_options,
    clock_of,
    conditions,
    matmul_peak,
    progress,
    set_malloc,
    timed,
)
from mmengine.logging import MMLogger
from sides import Side
from torch.utils.flop_counter import FlopCounterMode

from mmsdag.cli.arguments import new_parser
from mmsdag.models.precision import resolve_amp_dtype
from mmsdag.utils import write_atomically
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.system import PeakMemory
from mmsdag.utils.tables import markdown_head, markdown_row

EXAMPLES = """\
rows of a case:
  plain            the reference computation
  plain, kept      the same with freed memory kept (mmsdag.utils.memory), to
                   show how much of the gain that is; only on a CPU
  ours, float32    a config without amp_dtype
  ours, fast       a config with amp_dtype='auto': bfloat16; left out where the
                   hardware does not multiply it
columns:
  median, min-max  of one run, in milliseconds
  ratio            time of plain / this time: median and range of the rounds
  memory           peak of a run above the memory in use before it, MiB
  of peak          FLOP/s of the reference's convolutions in this time, in
                   % of the matrix multiplication measured in the same run
  difference       largest absolute difference of the images

examples:
  python tools/benchmark/speed.py                 # some minutes
  python tools/benchmark/speed.py --quick         # a test run
  python tools/benchmark/speed.py --device cuda --markdown speed.md
  python tools/benchmark/speed.py --no-memory     # times alone
  python tools/benchmark/speed.py --cases inference \\
      --published ../shared/weights/zero_dce_official.pth
"""

SECONDS_PER_ROUND = 0.3

#: Largest difference of images in float32 on a CPU; a GPU has its TF32.
EQUAL = 1e-5


@dataclass
class Row:
    """Measurements of one variant; times in seconds, one a round."""

    case: str
    variant: str
    amp_dtype: str | None = None
    times: list[float] = field(default_factory=list)
    memory: int | None = None
    difference: float | None = None
    ratios: list[float] = field(default_factory=list)
    of_peak: float | None = None


@dataclass
class Variant:
    """A row to measure: a side, and whether freed memory is kept."""

    name: str
    side: Side
    ours: bool
    keep: bool
    amp_dtype: str | None = None


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, EXAMPLES)
    parser.add_argument(
        '--cases',
        nargs='+',
        default=[''],
        metavar='WORD',
        help='only the cases whose name contains one of the words; the names: '
        + ', '.join(f'"{case.name}"' for case in CASES),
    )
    parser.add_argument(
        '--published',
        metavar='FILE',
        help="Zero-DCE's weights as their authors publish them (zero_dce_official.pth): adds "
        'inference with them, denormal numbers included',
    )
    parser.add_argument(
        '--no-memory',
        action='store_true',
        help='do not measure the memory, which takes a process per row on a CPU',
    )
    add_options(parser, tables='the table')
    return parser.parse_args(argv)


def variants_of(case: Case, device: str, **kwargs: Any) -> list[Variant]:
    """Build all sides of a case."""

    def side(ours: bool, amp_dtype: str | None = None) -> Side:
        return case.build(device, ours, amp_dtype, **kwargs)

    plain = side(ours=False)
    variants = [Variant('plain', plain, ours=False, keep=False)]
    if device == 'cpu' and not kwargs:
        variants.append(Variant('plain, kept', plain, ours=False, keep=True))
    variants.append(Variant('ours, float32', side(ours=True), ours=True, keep=True))
    dtype = resolve_amp_dtype('auto', torch.device(device))
    if dtype is not None:
        name = str(dtype).removeprefix('torch.')
        variants.append(Variant('ours, fast', side(True, name), True, True, name))
    return variants


def measure(
    case: Case,
    rounds: int,
    device: str,
    clock: Callable[[], float] = time.perf_counter,
    **kwargs: Any,
) -> list[Row]:
    """Measure the rows of a case, without the memory.

    Raises:
        AssertionError: If the images of both sides differ.
    """
    variants = variants_of(case, device, **kwargs)
    rows = [Row(case.title, v.name, v.amp_dtype) for v in variants]
    images = case.images(device)
    expected = variants[0].side.edit(images).detach()
    for variant, row in zip(variants, rows):
        if variant.ours:
            edited = variant.side.edit(images).detach()
            row.difference = (edited - expected).abs().max().item()
            if device == 'cpu' and variant.amp_dtype is None and (row.difference > EQUAL):
                raise AssertionError(
                    f'{case.title}: {row.difference:.1e} from the reference, more than {EQUAL:.0e}'
                )
    for number in range(rounds):
        for variant, row in zip(variants, rows):
            set_malloc(variant.keep)
            run = partial(variant.side.run, images)
            # The first run grows the process to its size.
            repeats = round(SECONDS_PER_ROUND / timed(run, device))
            repeats = max(1, min(20, repeats))
            row.times.append(statistics.median(timed(run, device, clock) for _ in range(repeats)))
            progress(f'{case.title}: round {number + 1} of {rounds}')
    for row in rows:
        row.ratios = [a / b for a, b in zip(rows[0].times, row.times)]
    return rows


def measure_published(
    case: Case, path: str, rounds: int, device: str, clock: Callable[[], float]
) -> list[Row]:
    """Measure the published weights, in few runs: denormals are slow."""
    rows = measure(case, min(rounds, 3), device, clock, checkpoint=path)
    rows[0].variant = 'plain, as published'
    for row in rows:
        row.case += ', published weights'
    return rows


def flops_of(case: Case, device: str = 'cpu') -> int:
    """Count the floating-point operations of the reference's run."""
    side = case.build(device, ours=False)
    with FlopCounterMode(display=False) as counter:
        side.run(case.images(device))
    return counter.get_total_flops()


def peak_memory(
    case: Case, ours: bool, keep: bool, amp_dtype: str | None, device: str
) -> int | None:
    """Return the peak memory of a run in bytes; see PeakMemory.

    On a CPU it needs a process of its own.
    """
    side = case.build(device, ours, amp_dtype)
    images = case.images(device)
    set_malloc(keep)
    if device != 'cpu':
        side.run(images)  # libraries allocate their workspaces
    memory = PeakMemory(device)
    for _ in range(2):
        side.run(images)
    return memory.bytes()


def measure_memory(case: Case, rows: Sequence[Row], device: str) -> None:
    """Measure the memory of the rows, in place."""
    if not PeakMemory.available(device):
        return
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['cases'])
    for row in rows:
        progress(f'{case.title}: memory of {row.variant}')
        arguments = (
            case,
            row.variant.startswith('ours'),
            row.variant != 'plain',
            row.amp_dtype,
            device,
        )
        if device != 'cpu':
            row.memory = peak_memory(*arguments)
            continue
        # A process for each row: the high-water mark never falls.
        with context.Pool(1) as pool:
            row.memory = pool.apply(peak_memory, arguments)


def chosen_cases(args: argparse.Namespace) -> list[Case]:
    """Return the cases that the options ask for.

    Raises:
        FileNotFoundError: If the published weights are missing.
        ValueError: If no case has such a name.
    """
    check_options(args)
    if args.published and not Path(args.published).is_file():
        raise FileNotFoundError(f'--published {args.published}: no such file')
    cases = [case for case in CASES if any(word in case.name for word in args.cases)]
    if not cases:
        raise ValueError(
            f'--cases {" ".join(args.cases)}: choose among {[case.name for case in CASES]}'
        )
    if args.quick:
        # Not less than the patches of EnlightenGAN's discriminator.
        cases = [
            case._replace(shape=(batch, max(32, height // 4), max(32, width // 4)))
            for case in cases
            for batch, height, width in [case.shape]
        ]
    return cases


def run(
    args: argparse.Namespace, cases: Sequence[Case], peaks: dict[str, float]
) -> Iterator[tuple[list[Row], bool]]:
    """Measure the cases one by one.

    Args:
        args: Options.
        cases: The cases.
        peaks: Filled with the FLOP/s of matrix products by dtype.

    Yields:
        The rows of a case, twice: with times, then with everything.
    """
    clock = clock_of(args)
    rounds = min(args.rounds, 2) if args.quick else args.rounds
    published = next((case for case in cases if case.build is inference), None)
    for case in cases:
        # The best of several times: a busy machine has no peak.
        for name in ('float32', 'bfloat16'):
            peaks[name] = max(peaks.get(name, 0), matmul_peak(getattr(torch, name), args.device))
        rows = measure(case, rounds, args.device, clock)
        yield rows, False
        if not args.no_memory:
            measure_memory(case, rows, args.device)
        flops = flops_of(case, args.device)
        for row in rows:
            row.of_peak = flops / statistics.median(row.times) / peaks[row.amp_dtype or 'float32']
        if args.published and case is published:
            rows += measure_published(case, args.published, rounds, args.device, clock)
        yield rows, True


#: Columns of the table and their widths, known before the first row.
_COLUMNS = {
    'case': max(len(case.title) for case in CASES) + 19,
    'variant': 24,
    'median ms': 9,
    'min-max': 11,
    'ratio': 6,
    'range': 13,
    'memory MiB': 10,
    'of peak': 7,
    'difference': 10,
}
WIDTHS = tuple(_COLUMNS.values())


def header() -> str:
    """Return the first two lines of the Markdown table."""
    return markdown_head(list(_COLUMNS), widths=WIDTHS)


def lines(rows: Sequence[Row]) -> str:
    """Return the rows as lines of the Markdown table."""
    return '\n'.join(markdown_row(_cells(row), WIDTHS) for row in rows)


def _cells(row: Row) -> Iterator[str]:
    yield row.case
    yield row.variant + (f' ({row.amp_dtype})' if row.amp_dtype else '')
    yield _milliseconds(statistics.median(row.times))
    yield f'{_milliseconds(min(row.times))}-{_milliseconds(max(row.times))}'
    yield f'{statistics.median(row.ratios):.2f}'
    yield f'{min(row.ratios):.2f}-{max(row.ratios):.2f}'
    yield '' if row.memory is None else f'{row.memory / 2**20:.0f}'
    yield '' if row.of_peak is None else f'{row.of_peak:.0%}'
    yield '' if row.difference is None else f'{row.difference:.1e}'


def _milliseconds(seconds: float) -> str:
    return f'{seconds * 1e3:.2g}' if seconds < 0.01 else f'{seconds * 1e3:.0f}'


def write_files(args: argparse.Namespace, about: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write the results so far to the files that the options name."""
    if args.json:
        content = dict(about=about, rows=[asdict(row) for row in rows])
        write_atomically(args.json, json.dumps(content, indent=2).encode())
    if args.markdown:
        write_atomically(args.markdown, f'{header()}\n{lines(rows)}\n'.encode())


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    # Messages of the models about their weights would break the table.
    warnings.simplefilter('ignore', FutureWarning)
    MMLogger.get_instance('mmengine', log_level='ERROR')
    with clear_errors():
        cases = chosen_cases(args)
        about: dict[str, Any] = dict(**conditions(args), matmul_gflops={}, rounds=args.rounds)
        peaks: dict[str, float] = {}
        print(header(), flush=True)
        measured: list[Row] = []
        for rows, complete in run(args, cases, peaks):
            about['matmul_gflops'] = {name: round(peak / 1e9) for name, peak in peaks.items()}
            # A run that is cut off loses nothing that is measured.
            write_files(args, about, measured + rows)
            if complete:
                progress('')
                print(lines(rows), flush=True)
                measured += rows
    for name, value in about.items():
        print(f'{name.replace("_", " ")}: {value}')


if __name__ == '__main__':
    main()
