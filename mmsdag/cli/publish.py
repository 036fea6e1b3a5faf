"""``tools/publish_checkpoint.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmsdag.utils.conversion import publish
from mmsdag.utils.launch import clear_errors

from .arguments import new_parser

DESCRIPTION = 'Reduce a training checkpoint to a small file to share: weights alone.'
EXAMPLES = """
example:
  python tools/publish_checkpoint.py \\
      work_dirs/sdag_vgg16_1xb16-1k_brackets/iter_1000.pth \\
      checkpoints/sdag_vgg16_1xb16-1k_brackets.pth
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    parser.add_argument('src', type=Path, help='checkpoint of a training')
    parser.add_argument('dst', type=Path, help='file to write')
    parser.add_argument(
        '--half', action='store_true', help='store the weights in float16: half the size'
    )
    args = parser.parse_args(argv)
    with clear_errors():
        digest = publish(args.src, args.dst, args.half)
    print(f'{args.dst}: {args.dst.stat().st_size:,} bytes, SHA-256 {digest}')
