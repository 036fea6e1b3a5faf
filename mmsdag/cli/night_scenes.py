"""``tools/dataset_converters/night_scenes.py``."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmsdag.synthetic.night_scenes import write_night_scenes
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.options import add_option

from .arguments import new_parser

DESCRIPTION = """\
Render a labeled set of scenes by day and by night; nothing is downloaded.

A scene has shapes of random size and pose, partly occluded, on a photograph.
Each class has its own colors. Textures and backgrounds are photographs of
scikit-image and scikit-learn. Each scene is rendered again by night: little
light, and a camera's noise.

Files in OUT:

  day/SPLIT/0000.png        the scenes, for training and as the upper bound
  night/SPLIT/0000.png      the same scenes by night
  masks/SPLIT/0000.png      class of each pixel (mmseg.BaseSegDataset)
  annotations/SPLIT.json    boxes and masks of the objects (COCO, for mmdet)
  contact_sheet.jpg         two scenes of each split: day, night, mask, boxes
  manifest.json             settings and credits

The splits train, val and test share no photograph. The same seed gives the
same files.
"""
EXAMPLES = """\
examples:
  python tools/dataset_converters/night_scenes.py data/night_scenes

  # more and larger images, another seed
  python tools/dataset_converters/night_scenes.py data/night_scenes_large \\
      --train 2000 --val 200 --test 500 --size 384 --seed 1
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    parser.add_argument('out', type=Path, help='folder of the set')
    for split, count in (('train', 320), ('val', 40), ('test', 120)):
        add_option(parser, f'--{split}', count, f'scenes to render for {split}', metavar='SCENES')
    add_option(parser, '--size', 128, 'height and width', metavar='PIXELS')
    parser.add_argument('--seed', type=int, default=0, help='(default: %(default)s)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    counts = dict(train=args.train, val=args.val, test=args.test)
    with clear_errors():
        if not write_night_scenes(args.out, counts, args.size, args.seed):
            print('done already')
    for split, count in counts.items():
        content = json.loads((args.out / 'annotations' / f'{split}.json').read_text())
        names = {c['id']: c['name'] for c in content['categories']}
        objects = Counter(names[a['category_id']] for a in content['annotations'])
        text = ', '.join(f'{objects[name]} {name}' for name in names.values())
        print(f'{split}: {count} scenes, {objects.total()} objects ({text})')
    print(args.out / 'contact_sheet.jpg')
