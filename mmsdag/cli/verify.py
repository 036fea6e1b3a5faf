"""``tools/dataset_converters/verify.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsdag.datasets.inspection import Split, describe_splits, inspect_split
from mmsdag.utils.configs import config_folder
from mmsdag.utils.drawing import contact_sheet
from mmsdag.utils.image_writer import write_image
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.options import add_option, add_override_option

from .arguments import new_parser

DESCRIPTION = """\
Count the contents of a data set, check its files, and draw some of it.

Prints Markdown tables: images and boxes (or pixels) of each class in each
split, and of each kind of light. Checks that each image exists, can be decoded
and has the size of its annotation, and that each mask has the size of its
image and only labels that are classes. With --sheet, draws a contact sheet
with the boxes or masks.
"""
EXAMPLES = """\
examples:
  # a configuration of this package by its name, or any config file
  python tools/dataset_converters/verify.py exdark_voc --sheet exdark.jpg
  python tools/dataset_converters/verify.py my_config.py

  # annotations without images, straight out of a zip archive
  python tools/dataset_converters/verify.py exdark_voc --dataset-options \\
      data_root=../shared/exdark data_prefix.ann_path=annotations_voc.zip \\
      missing_images=keep
"""


def read_config(name: str) -> Config:
    """Read a config file, or a data set's of this package by its name.

    Raises:
        FileNotFoundError: If there is neither.
    """
    folder = config_folder() / '_base_' / 'datasets'
    path = Path(name) if name.endswith('.py') else folder / f'{name}.py'
    if not path.is_file():
        known = ', '.join(sorted(p.stem for p in folder.glob('*.py')))
        raise FileNotFoundError(f'{name!r} is neither a config file nor one of {known}')
    return Config.fromfile(path)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(DESCRIPTION, EXAMPLES)
    parser.add_argument(
        'config',
        nargs='+',
        metavar='CONFIG_OR_DATASET',
        help='config files with train_, val_ or test_dataloader, or names of '
        'files in configs/_base_/datasets/',
    )
    add_override_option(
        parser, 'settings of every split, for example data_root=/data/exdark', '--dataset-options'
    )
    parser.add_argument('--sheet', type=Path, help='JPEG to write')
    add_option(parser, '--pictures', 12, 'how many of each split are on it')
    add_option(parser, '--side', 240, 'pixels of the longer side of each')
    return parser.parse_args(argv)


def inspect(name: str, args: argparse.Namespace) -> list[Split]:
    """Inspect the splits of a config.

    Raises:
        ValueError: If it has none.
    """
    cfg = read_config(name)
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    splits: list[Split] = []
    seen: list[dict] = []
    for key in ('train', 'val', 'test'):
        loader = cfg.get(f'{key}_dataloader')
        if loader is None or loader['dataset'] in seen:
            continue  # test is often the same as val
        seen.append(loader['dataset'])
        splits.append(
            inspect_split(
                key,
                loader['dataset'],
                args.dataset_options,
                args.pictures if args.sheet else 0,
                args.side,
            )
        )
    if not splits:
        raise ValueError(f'{name!r} has no train_, val_ or test_dataloader')
    return splits


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; ``argv`` without the name of the program.

    Returns:
        The exit status: 1 if files have faults or are missing, else 0.
        With ``missing_images=keep`` they may be missing.
    """
    args = parse_args(argv)
    pictures: list[np.ndarray] = []
    complete = args.dataset_options.get('missing_images') != 'keep'
    status = 0
    with clear_errors():
        for name in args.config:
            splits = inspect(name, args)
            print('\n\n'.join([f'## {Path(name).stem}', *describe_splits(splits)]))
            pictures += [p for split in splits for p in split.pictures]
            if any(s.faults or s.mask_faults or (complete and s.missing) for s in splits):
                status = 1
        if args.sheet:
            if not pictures:
                raise ValueError('there is no image to draw on --sheet')
            write_image(args.sheet, contact_sheet(pictures))
            print(f'\n{len(pictures)} images drawn -> {args.sheet}')
    return status
