"""``mmsdag benchmark`` and ``tools/benchmark_downstream.py``."""

from __future__ import annotations

import argparse
import fnmatch
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmsdag.utils.options import add_override_option

from .arguments import new_parser

if TYPE_CHECKING:
    from mmsdag.benchmark import Plan, Run

DESCRIPTION = """\
Measure enhancers as preprocessing of detectors, segmentors and classifiers.

Runs every enhancer with every recognizer on every test set of a spec, in the
stock test loop of mmdet, mmseg or mmpretrain, and writes the metrics with
confidence intervals as CSV, Markdown and an HTML page. The same command again
continues where it was stopped, and repeats what has changed.
"""
EXAMPLES = """\
examples:
  # list the runs, and which are done
  python tools/benchmark_downstream.py configs/benchmark/brackets.py --list

  # run what is not done
  python tools/benchmark_downstream.py configs/benchmark/brackets.py

  # only two of the enhancers
  python tools/benchmark_downstream.py configs/benchmark/brackets.py \\
      --only 'raw*' 'gamma*'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument('spec', type=Path, help='a config; docs/benchmark.md describes it')
    parser.add_argument(
        '--list',
        action='store_true',
        help='check the spec, list its runs and whether they are done, and run nothing',
    )
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='PATTERN',
        help='run and report only the runs whose name, as --list prints it, '
        'matches a pattern such as "zero_dce*brackets*"',
    )
    parser.add_argument(
        '--work-dir',
        help="folder of the results; by default the spec's "
        'work_dir, else work_dirs/benchmark/<name of the spec>',
    )
    add_override_option(parser, 'keys of the spec, for example bootstrap.samples=200')


def write_report(plan: Plan, runs: Sequence[Run], failed: Mapping[Run, str]) -> None:
    """Write the results that there are; print the tables."""
    from mmsdag.benchmark import read_result
    from mmsdag.benchmark.page import render_report
    from mmsdag.benchmark.statistics import make_blocks
    from mmsdag.benchmark.tables import to_csv, to_markdown
    from mmsdag.utils import write_atomically

    results = [read_result(plan, run) for run in runs]
    blocks = make_blocks(plan, [r for r in results if r is not None])
    errors = {str(run): error for run, error in failed.items()}
    text = to_markdown(plan, blocks, errors)
    # The tables first: pictures take a while.
    print(text)
    for name, make in (
        ('figures.csv', lambda: to_csv(plan, blocks)),
        ('report.md', lambda: text),
        ('report.html', lambda: render_report(plan, blocks, errors)),
    ):
        write_atomically(plan.work_dir / name, make().encode())
        print(plan.work_dir / name)


def _chosen(plan: Plan, patterns: Sequence[str] | None) -> list[Run]:
    runs = plan.runs()
    if not patterns:
        return runs
    chosen = [
        run for run in runs if any(fnmatch.fnmatch(str(run), pattern) for pattern in patterns)
    ]
    if not chosen:
        raise ValueError(f'--only {" ".join(patterns)}: no run has such a name; --list shows them')
    return chosen


def run(args: argparse.Namespace) -> int:
    """Run the benchmark and return the exit status."""
    # After the arguments, because these take seconds.
    from tqdm import tqdm

    from mmsdag.benchmark import read_plan, read_result, run_all
    from mmsdag.utils import register_safe_loading
    from mmsdag.utils.launch import clear_errors
    from mmsdag.utils.memory import keep_freed_memory
    from mmsdag.utils.quiet import quiet

    # Warnings of other packages about themselves.
    warnings.simplefilter('ignore')
    keep_freed_memory()
    register_safe_loading()
    options = dict(args.cfg_options)
    if args.work_dir:
        options['work_dir'] = args.work_dir
    with clear_errors(), quiet():
        plan = read_plan(args.spec, options)
        runs = _chosen(plan, args.only)
    for name, enhancer in plan.enhancers.items():
        if enhancer.with_original and 'transform' not in plan.plug_ins:
            print(
                f"enhancers.{name} has no runs: with_original needs plug_in='transform'",
                file=sys.stderr,
            )
    if args.list:
        for item in runs:
            done = read_result(plan, item) is not None
            print(f'{"done" if done else "–":5} {item.key}  {item}')
        return 0
    try:
        failed = run_all(plan, runs, tqdm.write)
    except KeyboardInterrupt:
        print('\nstopped; the same command continues from here', file=sys.stderr)
        return 130
    write_report(plan, runs, failed)
    for item, error in failed.items():
        print(f'failed: {item}: {error}', file=sys.stderr)
    return 1 if failed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    add_arguments(parser)
    return run(parser.parse_args(argv))
