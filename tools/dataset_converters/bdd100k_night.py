"""List the night images of BDD100K's semantic segmentation.

The time of day is an attribute in BDD100K's detection labels. Listed are the
images with timeofday=night that are in the folder of images and, where labels
are given, have one; the list is for mmsdag.BDD100KNightDataset.
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from mmsdag.utils import write_atomically
from mmsdag.utils.launch import clear_errors

EXAMPLE = """\
example:
  python tools/dataset_converters/bdd100k_night.py \\
      data/bdd100k/labels/det_20/det_*.json \\
      --images data/bdd100k/images/10k/val \\
      --masks data/bdd100k/labels/sem_seg/masks/val \\
      --out data/bdd100k/night_val.txt
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'labels',
        type=Path,
        nargs='+',
        help='JSON files of BDD100K with a name and attributes.timeofday of '
        'each image; those of all splits, as the 10k images are not split '
        'like the 100k')
    parser.add_argument(
        '--images', type=Path, required=True, help='folder of the images')
    parser.add_argument(
        '--masks', type=Path, help='folder of their label PNGs')
    parser.add_argument(
        '--out', type=Path, required=True, help='list to write')
    return parser.parse_args(argv)


def times_of_day(path: Path) -> dict[str, str]:
    """Time of day of each image that a file of labels names, by its stem."""
    if not path.is_file():
        raise FileNotFoundError(f'no labels {path}')
    try:
        frames = json.loads(path.read_text(encoding='utf-8'))
        return {
            Path(frame['name']).stem: frame['attributes']['timeofday']
            for frame in frames if frame.get('attributes')
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path}: not a list of images with name and attributes.timeofday '
            f'({type(error).__name__}: {error}); take the detection labels of '
            'BDD100K, det_train.json and det_val.json') from error


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    with clear_errors():
        for folder in filter(None, (args.images, args.masks)):
            if not folder.is_dir():
                raise FileNotFoundError(f'no folder {folder}')
        times = {}
        for path in args.labels:
            times.update(times_of_day(path))
        images = {path.stem for path in args.images.glob('*.jpg')}
        night = {name for name in images if times.get(name) == 'night'}
        names = night
        if args.masks:
            names = night & {path.stem for path in args.masks.glob('*.png')}
        print(f'{len(images)} images in {args.images}: '
              f'{len(images - times.keys())} without a known time of day, '
              f'{len(night)} at night, of which {len(names)} are listed in '
              f'{args.out}')
        if not names:
            raise ValueError('there is nothing to list: do the labels and '
                             'the folders belong together?')
        write_atomically(args.out, '\n'.join([*sorted(names), '']).encode())


if __name__ == '__main__':
    main()
