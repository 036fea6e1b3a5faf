"""Entry point of the ``mmsdag`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mmsdag.utils.threads import restart_with_sleeping_threads
from mmsdag.version import __version__

from . import benchmark, convert, demo, enhance, env, export, models
from .arguments import describe

DESCRIPTION = 'Enhance low-light photographs, for people and for recognition.'
EXAMPLES = """
examples:
  mmsdag enhance photo.jpg                   # to enhanced/photo.png
  mmsdag enhance a.jpg holiday/ --out bright --model zero_dce
  mmsdag models                              # names for --model
  mmsdag models 'zero_dce*'                  # those that match a pattern
  mmsdag export zero_dce model.onnx          # for other programs
  mmsdag benchmark SPEC.py                   # mAP and mIoU behind enhancers
  mmsdag demo                                # everything, in five minutes
  mmsdag env                                 # for a bug report

Nothing is downloaded. `mmsdag COMMAND --help` has the options of a command;
tools/ in a clone has the scripts that train and test; docs/ has the rest.
"""

#: Modules of the commands, in the order of the help.
COMMANDS = {
    'enhance': enhance,
    'models': models,
    'export': export,
    'convert': convert,
    'benchmark': benchmark,
    'demo': demo,
    'env': env,
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; ``args.run`` is the command's function."""
    parser = describe(argparse.ArgumentParser(prog='mmsdag'), DESCRIPTION, EXAMPLES)
    parser.add_argument('--version', action='version', version=f'mmsdag {__version__}')
    parser.set_defaults(run=lambda args: parser.print_help())
    commands = parser.add_subparsers(metavar='COMMAND')
    for name, module in COMMANDS.items():
        summary = module.DESCRIPTION.splitlines()[0].rstrip('.')
        command = describe(
            commands.add_parser(name, help=summary[0].lower() + summary[1:]),
            module.DESCRIPTION,
            module.EXAMPLES,
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Args:
        argv: The command line without the name of the program.
    """
    if argv is None and sys.argv[1:2] in (['benchmark'], ['demo']):
        restart_with_sleeping_threads()
    args = parse_args(argv)
    return args.run(args) or 0
