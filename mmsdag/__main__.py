"""Enhance dark photographs with the models that come with the package."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from mmsdag.version import __version__

EXAMPLES = """
examples:
  python -m mmsdag enhance photo.jpg                 # to enhanced/photo.png
  python -m mmsdag enhance a.jpg holiday/ --out bright --model zero-dce
  python -m mmsdag models                            # names for --model
  python -m mmsdag env                               # for a bug report

Nothing is downloaded. `python -m mmsdag enhance --help` has the options;
docs/enhance.md says more, and how to do the same from Python.
"""

ENHANCE_EXAMPLES = """
PNGs of the same names are written to --out; those of a folder in the same
sub-folders. What is there already is skipped, so that an interrupted run goes
on where it was: after a change of the model give another folder, or
--overwrite. A file that cannot be read is left out and named at the end; the
exit status is then 1. It is 2 if nothing could be started.

examples:
  python -m mmsdag enhance photo.jpg
  python -m mmsdag enhance a.jpg holiday/ --out bright --model zero-dce
  # a model that you trained
  python -m mmsdag enhance dark/ --model my_config.py \\
      --weights work_dirs/my_config/iter_1000.pth
"""

DEFAULT_MODEL = 'zero-dce_sdag'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog='python -m mmsdag',
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--version', action='version', version=f'mmsdag {__version__}')
    parser.set_defaults(run=lambda args: parser.print_help())
    commands = parser.add_subparsers(metavar='command')

    enhance = commands.add_parser(
        'enhance',
        help='enhance photographs, and folders of them',
        description='Enhance photographs, and folders of them.',
        epilog=ENHANCE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    enhance.set_defaults(run=_enhance)
    enhance.add_argument(
        'inputs', nargs='+', type=Path, help='photographs, or folders',
        metavar='PHOTO')
    enhance.add_argument(
        '--model',
        default=DEFAULT_MODEL,
        help='a name that `python -m mmsdag models` lists, or a config '
        'file (default: %(default)s)')
    enhance.add_argument(
        '--weights',
        type=Path,
        metavar='FILE',
        help='checkpoint, for a config of your own')
    enhance.add_argument(
        '--out',
        type=Path,
        default=Path('enhanced'),
        metavar='DIR',
        help='folder of the results (default: %(default)s)')
    enhance.add_argument(
        '--device',
        help="'cpu', 'cuda', 'cuda:1', ...; by default CUDA if there is one")
    enhance.add_argument(
        '--overwrite',
        action='store_true',
        help='enhance also the photographs whose results exist')

    for name, run, text in (
        ('models', _models, 'list the trained models, each with its names'),
        ('env', _env, 'print versions and devices, for a bug report')):
        commands.add_parser(
            name, help=text, description=text).set_defaults(run=run)
    return parser.parse_args(argv)


def _enhance(args: argparse.Namespace) -> int:
    from mmsdag.apis import LowLightInferencer, enhance_folder, plan_images
    from mmsdag.utils.launch import clear_errors
    from mmsdag.utils.memory import keep_freed_memory

    keep_freed_memory()
    with clear_errors():
        pairs = plan_images(args.inputs, args.out)
        inferencer = LowLightInferencer(
            args.model, args.weights, device=args.device)
        report = enhance_folder(inferencer, pairs, overwrite=args.overwrite)
    print(f'results in {args.out}: {report}')
    return 1 if report.failed else 0


def _models(args: argparse.Namespace) -> None:
    from mmsdag.utils.model_index import GUIDANCE, trained_models
    for model in trained_models():
        print(', '.join(model.names))
    for model in trained_models(GUIDANCE):
        print("to guide (SDAGGuidanceHook's checkpoint): "
              f'{", ".join(model.names)}')


def _env(args: argparse.Namespace) -> None:
    from mmsdag.utils.env import environment_report
    print(environment_report())


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    return args.run(args) or 0


if __name__ == '__main__':
    sys.exit(main())
