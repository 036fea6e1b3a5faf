"""What enhancers do for recognisers in the dark, measured.

Runs every enhancer before every recogniser on every test set of a spec, by
the stock test loop of mmdet or mmseg, and writes figures with confidence
intervals as CSV, as Markdown and as an HTML page. Called again, it goes on
where it was; what has changed is run anew.
"""
from __future__ import annotations

import argparse
import fnmatch
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from downstream.cells import quiet, read_result, result_path, run_cells
from downstream.figures import make_blocks, markdown, write_csv
from downstream.page import write_page
from downstream.spec import Cell, Spec, read_spec
from mmengine.config import DictAction
from tqdm import tqdm

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.utils import write_atomically
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.memory import keep_freed_memory

EXAMPLES = """\
  # what it would run, and what is there
  python tools/benchmark_downstream.py configs/benchmark/brackets.py --list

  # run it, or what is left of it
  python tools/benchmark_downstream.py configs/benchmark/brackets.py

  # two enhancers alone
  python tools/benchmark_downstream.py configs/benchmark/brackets.py \\
      --only 'raw*' 'gamma*'
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f'examples:\n{EXAMPLES}',
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'spec', type=Path, help='a config; docs/benchmark.md says how')
    parser.add_argument(
        '--list', action='store_true', help='check the spec, list its cells '
        'and whether they are done, and run nothing')
    parser.add_argument(
        '--only', nargs='+', metavar='PATTERN', help='run and report cells '
        'whose name, as --list prints it, fits one of these, such as '
        '"zero_dce*brackets*"')
    parser.add_argument(
        '--work-dir', help="folder for the results; by default the spec's "
        'work_dir, else work_dirs/benchmark/<name of the spec>')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, default={},
        metavar='KEY=VALUE', help='override keys of the spec, for example '
        'bootstrap.samples=200')
    return parser.parse_args(argv)


def report(spec: Spec, cells: Sequence[Cell],
           failed: dict[Cell, str]) -> None:
    """Write what is known of the cells."""
    results = [read_result(spec, cell) for cell in cells]
    blocks = make_blocks(spec, [r for r in results if r is not None])
    errors = {str(cell): error for cell, error in failed.items()}
    text = markdown(spec, blocks, errors)
    # The tables first: pictures take a while.
    print(text)
    files = {
        'figures.csv': lambda: write_csv(spec, blocks).encode(),
        'report.md': text.encode,
        'report.html': lambda: write_page(spec, blocks, errors),
    }
    for name, make in files.items():
        write_atomically(spec.work_dir / name, make())
        print(spec.work_dir / name)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    # Those of other packages, about themselves.
    warnings.simplefilter('ignore')
    keep_freed_memory()
    options = dict(args.cfg_options)
    if args.work_dir:
        options['work_dir'] = args.work_dir
    with clear_errors(), quiet():
        spec = read_spec(args.spec, options)
        cells = spec.cells()
        if args.only:
            cells = [c for c in cells if any(
                fnmatch.fnmatch(str(c), pattern) for pattern in args.only)]
            if not cells:
                raise ValueError(f'--only {" ".join(args.only)}: no cell has '
                                 'such a name; --list shows them')
    if args.list:
        for cell in cells:
            done = result_path(spec, cell).is_file()
            print(f'{"done" if done else "–":5} {cell.key}  {cell}')
        return 0
    try:
        failed = run_cells(spec, cells, tqdm.write)
    except KeyboardInterrupt:
        print('\nstopped; the same command goes on from here',
              file=sys.stderr)
        return 130
    report(spec, cells, failed)
    for cell, error in failed.items():
        print(f'failed: {cell}: {error}', file=sys.stderr)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
