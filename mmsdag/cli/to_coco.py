"""``tools/dataset_converters/to_coco.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmsdag.datasets.annotations import (
    DARK_FACE_PARSERS,
    EXDARK_CLASSES,
    EXDARK_ENVIRONMENTS,
    EXDARK_LIGHTING,
    EXDARK_PARSERS,
    EXDARK_SPLITS,
    ListedImage,
)
from mmsdag.datasets.converters.coco import (
    CLIP,
    DROP,
    KEEP,
    NAMED,
    Checks,
    CocoWriter,
    convert_brackets,
    convert_files,
)
from mmsdag.datasets.image_lists import choose, classify, in_range, read_list
from mmsdag.utils import write_atomically
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.options import add_option

from .arguments import describe

DESCRIPTION = """\
Convert ExDark, DARK FACE or exposure brackets to COCO JSON.

Every box and image is checked. Those that fail a check are counted, named, and
kept or dropped as the options say; a file that cannot be read is an error. The
JSON is written completely or not at all.

checks:
  outside        a box that reaches beyond the image
  zero-area      a box without width or height, or with swapped corners
  unknown-class  a class that the data set does not have; kept, it becomes a
                 category after the others
  missing-image  a listed image that is not in --images
"""
EXAMPLES = """\
examples:
  # ExDark, as its authors publish it (the archives may stay packed)
  python tools/dataset_converters/to_coco.py exdark data/exdark/train.json \\
      --images data/exdark/ExDark --annotations data/exdark/ExDark_Annno \\
      --list data/exdark/imageclasslist.txt --split train

  # ExDark as VOC XML; only the twilight of the test set
  python tools/dataset_converters/to_coco.py exdark twilight.json \\
      --images data/exdark/JPEGImages --annotations data/exdark/Annotations \\
      --list data/exdark/test.txt \\
      --class-list data/exdark/imageclasslist.txt --lighting Twilight

  # DARK FACE: the images 5401 to 6000
  python tools/dataset_converters/to_coco.py dark-face val.json \\
      --images data/dark_face/image --annotations data/dark_face/label \\
      --numbers 5401:6000

  # Exposure brackets: the scenes up to 900
  python tools/dataset_converters/to_coco.py brackets choose.json \\
      --annotations ../shared/brackets/dark.json \\
      --scenes ../shared/brackets/scenes.json --numbers :900 \\
      --images ../shared/brackets/images
"""

#: Choices of each check, the default first.
POLICIES = {
    'outside': (KEEP, CLIP, DROP),
    'zero-area': (DROP, KEEP),
    'unknown-class': (DROP, KEEP),
    'missing-image': (DROP, KEEP),
}


def _exdark(args: argparse.Namespace, checks: Checks) -> CocoWriter:

    def select(listed: list[ListedImage]) -> list[ListedImage]:
        if args.class_list:
            listed = classify(listed, read_list(args.class_list, '--class-list'))
        return choose(
            listed,
            split=args.split and {args.split},
            lighting=args.lighting and set(args.lighting),
            environment=args.environment and {args.environment},
        )

    return convert_files(
        args.annotations, args.images, args.list, checks, EXDARK_CLASSES, EXDARK_PARSERS, select
    )


def _dark_face(args: argparse.Namespace, checks: Checks) -> CocoWriter:
    return convert_files(
        args.annotations,
        args.images,
        args.list,
        checks,
        ('face',),
        DARK_FACE_PARSERS,
        lambda listed: in_range(listed, args.numbers),
    )


def _brackets(args: argparse.Namespace, checks: Checks) -> CocoWriter:
    return convert_brackets(args.annotations, args.images, args.scenes, args.numbers, checks)


def number_range(text: str) -> tuple[int | None, int | None]:
    """Read ``FIRST:LAST``, of which either may be empty."""
    first, colon, last = text.partition(':')
    if not colon or not all(part.isdecimal() or not part for part in (first, last)):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not of the form FIRST:LAST, such as 1:900, 901: or :900'
        )
    return (int(first) if first else None, int(last) if last else None)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = describe(argparse.ArgumentParser(), DESCRIPTION, EXAMPLES)
    sub = parser.add_subparsers(dest='dataset', required=True)

    exdark = sub.add_parser('exdark', help='ExDark, from VOC XML or bbGt text files')
    _add_common(exdark, _exdark)
    _add_files(exdark)
    exdark.add_argument(
        '--list',
        required=True,
        type=Path,
        help='train.txt, val.txt, test.txt or imageclasslist.txt',
    )
    exdark.add_argument(
        '--class-list',
        type=Path,
        help='imageclasslist.txt, for the filters below, if --list is a plain list',
    )
    exdark.add_argument('--split', choices=EXDARK_SPLITS)
    exdark.add_argument('--lighting', choices=EXDARK_LIGHTING, nargs='+')
    exdark.add_argument('--environment', choices=EXDARK_ENVIRONMENTS)

    dark_face = sub.add_parser('dark-face', help='DARK FACE, from its text files or VOC XML')
    _add_common(dark_face, _dark_face)
    _add_files(dark_face)
    _add_numbers(dark_face)
    dark_face.add_argument(
        '--list',
        type=Path,
        help='text file with the name of an image per line (default: all '
        'images with an annotation)',
    )

    brackets = sub.add_parser(
        'brackets', help='part of the COCO annotations of exposure brackets, by scene'
    )
    _add_common(brackets, _brackets)
    _add_numbers(brackets)
    brackets.add_argument(
        '--annotations', required=True, type=Path, help='COCO JSON: dark.json or bright.json'
    )
    brackets.add_argument('--scenes', type=Path, help='scenes.json, for --numbers')
    return parser.parse_args(argv)


def _add_common(parser: argparse.ArgumentParser, convert: object) -> None:
    parser.set_defaults(convert=convert)
    parser.add_argument('out', type=Path, help='JSON to write')
    parser.add_argument(
        '--images',
        type=Path,
        help='folder of the images, searched with all folders in it; without it no image is opened',
    )
    for check, choices in POLICIES.items():
        add_option(
            parser, f'--{check}', choices[0], 'treatment of what fails this check', choices=choices
        )
    parser.add_argument(
        '--report',
        type=Path,
        help=f'text file to write with every finding; the summary names {NAMED} of each check',
    )


def _add_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--annotations',
        required=True,
        type=Path,
        help='folder, searched with all folders in it, or zip archive of the annotations',
    )


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--numbers',
        type=number_range,
        default=(None, None),
        metavar='FIRST:LAST',
        help='only these, by the number in the name of an image or of the '
        'first image of a scene; either may be left out',
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    with clear_errors():
        if args.out.is_dir():
            raise ValueError(f'{str(args.out)!r} is a folder: name the file')
        checks = Checks({check: getattr(args, check.replace('-', '_')) for check in POLICIES})
        coco = args.convert(args, checks)
        if not coco.images:
            raise ValueError(
                'no image is left, so nothing is written:\n' + '\n'.join(checks.summary())
            )
        write_atomically(args.out, coco.content())
        if args.report:
            write_atomically(args.report, checks.report().encode())
    print(
        f'{args.dataset} -> {args.out}: {len(coco.images):,} images, '
        f'{len(coco.annotations):,} boxes, {len(coco.categories)} classes'
    )
    print('\n'.join(checks.summary()))
