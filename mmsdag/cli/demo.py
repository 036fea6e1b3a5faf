"""``mmsdag demo`` and ``tools/demo.py``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from mmsdag.utils.options import add_option, add_override_option

from .arguments import new_parser

DESCRIPTION = """\
Train on a few photographs and write a report, in minutes.

Darkens photographs of scikit-image and scikit-learn, or takes your dark ones;
trains Zero-DCE, SDAG, and Zero-DCE guided by SDAG; measures them on held-out
photographs, and as preprocessing of a detector and a segmentor that were
trained on rendered scenes by day; writes report.html. The same command again
continues where it was stopped.
"""
EXAMPLES = """\
examples:
  # photographs that come with the requirements
  python tools/demo.py

  # dark photographs of your own
  python tools/demo.py --data photos --out work_dirs/mine

  # longer trainings
  python tools/demo.py --out work_dirs/long --cfg-options \\
      train_cfg.max_iters=2000 param_scheduler.T_max=2000
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options; their names are those of ``DemoOptions``."""
    add_option(
        parser,
        '--out',
        Path('work_dirs/demo'),
        'folder of everything that the demonstration writes',
    )
    parser.add_argument('--data', type=Path, help='folder of dark photographs of your own')
    add_option(parser, '--seed', 0, 'seed of the photographs and trainings')
    add_option(parser, '--max-side', 512, 'larger photographs are scaled down', metavar='PIXELS')
    parser.add_argument(
        '--extractor',
        metavar='CHECKPOINT',
        help='SDAG checkpoint with the frozen VGG-16 layers; by default that '
        'of configs/demo/sdag_demo.py',
    )
    add_override_option(parser, 'settings of the three trainings of enhancement')
    add_option(
        parser,
        '--scenes',
        320,
        'rendered scenes to train the detector and the segmentor on; 0 skips recognition',
        metavar='COUNT',
    )
    add_override_option(
        parser, 'settings of the trainings of the detector and the segmentor', '--scenes-options'
    )


def run(args: argparse.Namespace) -> int:
    """Run the demonstration and return the exit status."""
    # After the arguments, because these take seconds.
    from mmsdag.demo.options import DemoOptions
    from mmsdag.demo.run import run_demo
    from mmsdag.utils import register_safe_loading
    from mmsdag.utils.launch import clear_errors
    from mmsdag.utils.memory import keep_freed_memory

    # Warnings of other packages about themselves.
    warnings.simplefilter('ignore', FutureWarning)
    keep_freed_memory()
    register_safe_loading()
    names = DemoOptions.__dataclass_fields__
    try:
        with clear_errors():
            run_demo(DemoOptions(**{name: getattr(args, name) for name in names}))
    except KeyboardInterrupt:
        print('\nstopped; the same command continues from here', file=sys.stderr)
        return 130
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    add_arguments(parser)
    return run(parser.parse_args(argv))
