"""``mmsdag export`` and ``tools/export_onnx.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .arguments import new_parser

DESCRIPTION = (
    'Export an enhancer, alone or with a detector or segmentor, to '
    'ONNX, and check it in onnxruntime.'
)
EXAMPLES = """
The file takes images (N, 3, H, W), RGB, [0, 1], float32, as `image`. It is
written only if onnxruntime and PyTorch agree to 1e-4.

An enhancer returns `enhanced` of the same shape and range.

A config of an mmdet detector or mmseg segmentor, such as one whose data
preprocessor has an enhancer, gives one graph of enhancer, normalization and
network. Its outputs, to 1e-4 of their largest value:
  detector   `boxes` (N, P, 4), x1 y1 x2 y2 in pixels of the image, and
             `scores` (N, P, classes) of all P locations: before the score
             threshold and NMS, since each runtime has its own NMS
  segmentor  `logits` (N, classes, H, W), or with --class-map `classes`
             (N, H, W)

examples:
  mmsdag export zero_dce zero_dce.onnx
  mmsdag export configs/sci/sci_1xb8-1k_brackets.py \\
      work_dirs/sci/iter_1000.pth sci.onnx
  mmsdag export mmdet::yolox/yolox_nano_8xb8-300e_coco.py yolox_nano.pth \\
      night_yolox.onnx --enhancer zero_dce.sdag --static 1 416 416
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        'config',
        metavar='MODEL',
        help='name of a trained model (see `mmsdag models`), a config file, '
        'or the name of a config of the package, of mmdet or of mmseg',
    )
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='weights; not needed for a trained model, which brings its own, '
        'and for enhancers without weights, such as a gamma curve',
    )
    parser.add_argument('out', type=Path, help='file to write, replaced')
    parser.add_argument(
        '--static',
        type=int,
        nargs=3,
        metavar=('N', 'H', 'W'),
        help='fix the shape of the input, as TensorRT and LiteRT want it; by '
        'default the number of images and their size are free',
    )
    parser.add_argument(
        '--enhancer',
        metavar='NAME',
        help='enhancer in front of a detector or segmentor whose config has '
        'none: a name that `mmsdag models` lists, or a config',
    )
    parser.add_argument(
        '--class-map',
        action='store_true',
        help='of a segmentor: return the classes, not their logits',
    )


def run(args: argparse.Namespace) -> None:
    """Export the model and print the difference of both runtimes."""
    # After the arguments, because these take seconds.
    from mmsdag.apis.export import TOLERANCE, export_onnx
    from mmsdag.apis.export_recognizer import export_recognizer_onnx, find_recognizer
    from mmsdag.models.loading import load_enhancer
    from mmsdag.utils.launch import clear_errors

    with clear_errors():
        recognizer = find_recognizer(args.config)
        if recognizer is not None:
            difference = export_recognizer_onnx(
                recognizer, args.checkpoint, args.out, args.enhancer, args.static, args.class_map
            )
        elif args.enhancer or args.class_map:
            raise ValueError(
                f'{args.config!r} is an enhancer: --enhancer and --class-map '
                'are for the config of a detector or segmentor'
            )
        else:
            network = load_enhancer(args.config, args.checkpoint)
            difference = export_onnx(network, args.out, args.static)
    print(
        f'{args.out}: {args.out.stat().st_size / 1024:.0f} KiB; onnxruntime differs from PyTorch '
        f'by at most {difference:.1e} (allowed: {TOLERANCE:.0e})'
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run ``tools/export_onnx.py``; ``argv`` without the program's name."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    add_arguments(parser)
    run(parser.parse_args(argv))
