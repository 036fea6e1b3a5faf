"""``tools/night_scenes_benchmark.py``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmsdag.demo.options import RecognitionOptions
from mmsdag.utils import register_safe_loading
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.memory import keep_freed_memory
from mmsdag.utils.options import add_option, add_override_option

from .arguments import new_parser

DESCRIPTION = """\
Measure enhancers as preprocessing of recognizers, on rendered scenes.

Renders scenes (tools/dataset_converters/night_scenes.py); trains mmseg's
DeepLabV3+ and mmdet's YOLOX, small and from random weights, on those by day;
trains BlendUNet, guided by both, to restore degraded scenes of the day; tests
all on other scenes: by day, by night, and by night enhanced by mmsdag's data
preprocessors. Nothing trains on a night. Takes minutes; the same command again
continues where it was stopped.
"""
EXAMPLES = """\
examples:
  # the enhancers that come with the repository
  python tools/night_scenes_benchmark.py

  # two of your own, both Zero-DCE
  python tools/night_scenes_benchmark.py \\
      --unguided work_dirs/a/iter_1000.pth --guided work_dirs/b/iter_1000.pth

  # more scenes, and longer trainings
  python tools/night_scenes_benchmark.py --out work_dirs/long \\
      --train 2000 --test 500 --cfg-options train_cfg.max_iters=3000 \\
      param_scheduler.total_steps=3000
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    default = RecognitionOptions()
    parser = new_parser(DESCRIPTION, EXAMPLES)
    add_option(parser, '--out', default.out, 'folder of everything that is written')
    for name in ('unguided', 'guided'):
        path = getattr(default, name)
        parser.add_argument(
            f'--{name}',
            type=Path,
            default=path,
            metavar='CHECKPOINT',
            help=f'{name} Zero-DCE (default: checkpoints/{path.name})',
        )
    for split in ('train', 'test'):
        count = getattr(default, split)
        add_option(parser, f'--{split}', count, f'scenes to {split} on', metavar='SCENES')
    add_option(parser, '--seed', 0, 'seed of the scenes and trainings')
    add_override_option(parser, 'settings of both trainings')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    options = RecognitionOptions(**vars(parse_args(argv)))
    keep_freed_memory()
    register_safe_loading()
    try:
        with clear_errors():
            from mmsdag.demo import recognition

            metrics = recognition.run_recognition(options)
            recognition.print_table(recognition.table(metrics, options))
            print('\n'.join(recognition.verdict(metrics)))
            print(options.out / 'pictures')
    except KeyboardInterrupt:
        print('\nstopped; the same command continues from here', file=sys.stderr)
        raise SystemExit(130) from None
