"""``mmsdag convert`` and ``tools/convert_checkpoint.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmsdag.utils import save_checkpoint
from mmsdag.utils.conversion import METHODS, convert
from mmsdag.utils.launch import clear_errors

from .arguments import new_parser

DESCRIPTION = "Convert a checkpoint of a method's authors to this package's."
EXAMPLES = """
examples:
  mmsdag convert sdag SemanticAwareRecon.pth sdag.pth
  mmsdag convert sdag SemanticAwareRecon.pth ema.pth --key params_ema
  mmsdag convert zero-dce Epoch99.pth zero_dce.pth
  mmsdag convert zero-dce-pp Epoch99.pth zero_dce_pp.pth
  mmsdag convert sci medium.pt sci_medium.pth
  mmsdag convert ruas lol.pt ruas_lol.pth
  mmsdag convert enlighten-gan 200_net_G_A.pth enlighten_gan.pth
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('method', choices=METHODS, help='method of the file')
    parser.add_argument('src', type=Path, help="the authors' file")
    parser.add_argument('dst', type=Path, help='file to write')
    parser.add_argument(
        '--key',
        help='sdag: which weights, "params" (the default: the authors guide enhancers and test '
        'with them) or "params_ema" (their moving average)',
    )


def run(args: argparse.Namespace) -> None:
    """Convert the file and print what it holds."""
    with clear_errors():
        if args.dst.is_dir():
            raise ValueError(f'{str(args.dst)!r} is a folder: name the file')
        content = convert(args.method, args.src, args.key)
        save_checkpoint(content, args.dst)
    weights = content['state_dict'].values()
    key = content['meta']['source_key']
    print(
        f'{args.src}{f" [{key}]" if key else ""} -> {args.dst}: {len(weights)} tensors, '
        f'{sum(w.numel() for w in weights):,} weights, {args.dst.stat().st_size:,} bytes'
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run ``tools/convert_checkpoint.py``."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    add_arguments(parser)
    run(parser.parse_args(argv))
