"""``tools/dataset_converters/bdd100k_night.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmsdag.datasets.converters.bdd100k import night_images
from mmsdag.utils import write_atomically
from mmsdag.utils.launch import clear_errors

from .arguments import new_parser

DESCRIPTION = """\
List the night images of BDD100K's semantic segmentation.

BDD100K's detection labels have the time of day of each image. The list has the
images with timeofday=night that are in the folder of images and, if labels are
given, have one; it is for mmsdag.BDD100KNightDataset.
"""
EXAMPLES = """\
example:
  python tools/dataset_converters/bdd100k_night.py \\
      data/bdd100k/labels/det_20/det_*.json \\
      --images data/bdd100k/images/10k/val \\
      --masks data/bdd100k/labels/sem_seg/masks/val \\
      --out data/bdd100k/night_val.txt
"""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    parser.add_argument(
        'labels',
        type=Path,
        nargs='+',
        help='JSON files of BDD100K with a name and attributes.timeofday of each image; those of '
        'all splits, as the 10k images are not split like the 100k',
    )
    parser.add_argument('--images', type=Path, required=True, help='folder of the images')
    parser.add_argument('--masks', type=Path, help='folder of their label PNGs')
    parser.add_argument('--out', type=Path, required=True, help='list to write')
    args = parser.parse_args(argv)
    with clear_errors():
        names, summary = night_images(args.labels, args.images, args.masks)
        write_atomically(args.out, '\n'.join([*names, '']).encode())
    print(f'{summary} in {args.out}')
