"""Export an enhancer to ONNX, and check it in onnxruntime."""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = """
The file takes images (N, 3, H, W), RGB, [0, 1], float32, of any batch and
size, as `image`, and gives `enhanced`, the same. It is written only if
onnxruntime computes from it what PyTorch computes, to 1e-4.

examples:
  python tools/export_onnx.py zero-dce_sdag zero-dce_sdag.onnx
  python tools/export_onnx.py configs/sci/sci_1xb8-1k_brackets.py \\
      work_dirs/sci/iter_1000.pth sci.onnx
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config',
        help='name of a trained model (python -m mmsdag models), or config '
        'file, or name of one of the package')
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help="weights; a trained model's are its own, and some enhancers, "
        'such as a gamma curve, have none')
    parser.add_argument('out', type=Path, help='file to write, replaced')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    # After the arguments, because these take seconds.
    from mmsdag.apis.export import TOLERANCE, export_onnx
    from mmsdag.models.enhancers import build_enhancer
    from mmsdag.utils.launch import clear_errors

    with clear_errors():
        network = build_enhancer(args.config, args.checkpoint)
        difference = export_onnx(network, args.out)
    print(f'{args.out}: {args.out.stat().st_size / 1024:.0f} KiB; onnxruntime '
          f'differs from PyTorch by at most {difference:.1e} (allowed: '
          f'{TOLERANCE:.0e})')


if __name__ == '__main__':
    main()
