"""``mmsdag export`` and ``tools/export_onnx.py``."""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .arguments import new_parser

DESCRIPTION = 'Export an enhancer to ONNX, and check it in onnxruntime.'
EXAMPLES = """
The file takes images (N, 3, H, W), RGB, [0, 1], float32, of any batch and
size, as `image`, and returns `enhanced` of the same shape and range. It is
written only if onnxruntime and PyTorch agree to 1e-4.

examples:
  mmsdag export zero-dce zero-dce.onnx
  mmsdag export configs/sci/sci_1xb8-1k_brackets.py \\
      work_dirs/sci/iter_1000.pth sci.onnx
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        'config',
        metavar='MODEL',
        help='name of a trained model (see `mmsdag models`), a config file, '
        'or the name of a config of the package')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='weights; not needed for a trained model, which brings its own, '
        'and for enhancers without weights, such as a gamma curve')
    parser.add_argument('out', type=Path, help='file to write, replaced')


def run(args: argparse.Namespace) -> None:
    """Export the model and print the difference of both runtimes."""
    # After the arguments, because these take seconds.
    from mmsdag.apis.export import TOLERANCE, export_onnx
    from mmsdag.models.loading import load_enhancer
    from mmsdag.utils.launch import clear_errors

    with clear_errors():
        network = load_enhancer(args.config, args.checkpoint)
        difference = export_onnx(network, args.out)
    print(f'{args.out}: {args.out.stat().st_size / 1024:.0f} KiB; onnxruntime '
          f'differs from PyTorch by at most {difference:.1e} (allowed: '
          f'{TOLERANCE:.0e})')


def main(argv: Sequence[str] | None = None) -> None:
    """Run ``tools/export_onnx.py``; ``argv`` without the program's name."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    add_arguments(parser)
    run(parser.parse_args(argv))
