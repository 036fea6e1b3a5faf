"""Turn ExDark, DARK FACE or exposure brackets into COCO JSON.

Every box and image is checked on the way. What fails a check is counted,
named, and kept or dropped as you say; a file that cannot be read is an error.
The JSON is written whole or not at all.

checks:
  outside        a box that reaches beyond the image
  zero-area      a box of no width or no height, or turned inside out
  unknown-class  a class that the data set does not have; kept, it becomes a
                 category after the others
  missing-image  a listed image that is not in --images
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from mmsdag.datasets.box_files import (
    DARK_FACE_PARSERS,
    EXDARK_PARSERS,
    FileIndex,
    Parser,
    Record,
    read_records,
)
from mmsdag.datasets.image_lists import (
    choose,
    classify,
    in_range,
    read_list,
    scenes_of_images,
)
from mmsdag.datasets.parsing import (
    EXDARK_CLASSES,
    EXDARK_ENVIRONMENTS,
    EXDARK_LIGHTING,
    EXDARK_SPLITS,
    MAX_LIST_BYTES,
    ListedImage,
    parse_coco,
    read_bytes,
)
from mmsdag.utils import write_atomically
from mmsdag.utils.image_io import IMAGE_SUFFIXES, inspect_image
from mmsdag.utils.launch import clear_errors

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

KEEP, DROP, CLIP = 'keep', 'drop', 'clip'
_NAMED = 5  # findings of a check that the summary names


@dataclass
class Checks:
    """What to do with what fails a check, and what did.

    Attributes:
        policies: Check by check, ``'keep'``, ``'drop'`` or ``'clip'``.
        found: Check by check, a line for each finding.
    """
    policies: dict[str, str]
    found: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {check: [] for check in self.policies}

    def keeps(self, check: str, finding: str) -> bool:
        """Note a finding; whether it stays."""
        self.found[check].append(finding)
        return self.policies[check] != DROP

    def summary(self) -> Iterator[str]:
        """Lines for people."""
        done = {KEEP: 'kept', DROP: 'dropped', CLIP: 'clipped'}
        for check, findings in self.found.items():
            yield (f'  {check:<14}{len(findings):>6}' +
                   (f'  {done[self.policies[check]]}' if findings else ''))
            yield from (f'    {line}' for line in findings[:_NAMED])
            if len(findings) > _NAMED:
                yield (f'    and {len(findings) - _NAMED} more: --report '
                       'names them all')


class Coco:
    """COCO's JSON, as it grows.

    Args:
        classes: Names of the categories, from id 1 on.
        checks: What to do with faults.
    """

    def __init__(self, classes: Sequence[str], checks: Checks) -> None:
        self.checks = checks
        self.categories = {name: n for n, name in enumerate(classes, 1)}
        self.images: list[dict] = []
        self.annotations: list[dict] = []

    def add_image(self, name: str, width: int, height: int,
                  **more: str | None) -> int:
        """Add an image; its id."""
        self.images.append(
            dict(
                id=len(self.images) + 1,
                file_name=name,
                width=width,
                height=height,
                **{k: v for k, v in more.items() if v is not None}))
        return len(self.images)

    def add_box(self, where: str, image_id: int, name: str,
                bbox: Sequence[float], crowd: int = 0, **more: float) -> None:
        """Add a box of an image that is there, unless a check drops it.

        Args:
            where: File and line, for the findings.
            image_id: Of which image.
            name: Class name, in any case of its letters.
            bbox: (x1, y1, x2, y2) in pixels.
            crowd: COCO's ``iscrowd``: not to be counted.
            **more: What else the annotation says.
        """
        image = self.images[image_id - 1]
        x1, y1, x2, y2 = bbox
        finding = f'{where}: {name[:40]} {[round(v, 2) for v in bbox]}'
        keeps = self.checks.keeps
        if x2 <= x1 or y2 <= y1:
            if not keeps('zero-area', finding):
                return
            x2, y2 = max(x1, x2), max(y1, y2)
        width, height = image['width'], image['height']
        if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
            if not keeps('outside', f'{finding} in {width}x{height}'):
                return
            if self.checks.policies['outside'] == CLIP:
                x1, x2 = (min(max(x, 0), width) for x in (x1, x2))
                y1, y2 = (min(max(y, 0), height) for y in (y1, y2))
                if x1 == x2 or y1 == y2:  # all of it lay outside
                    return
        names = {known.casefold(): known for known in self.categories}
        known = names.get(name.casefold())
        if known is None:
            if not keeps('unknown-class', finding):
                return
            known = name
            self.categories[name] = len(self.categories) + 1
        self.annotations.append(
            dict(
                id=len(self.annotations) + 1,
                image_id=image_id,
                category_id=self.categories[known],
                bbox=[x1, y1, x2 - x1, y2 - y1],
                area=(x2 - x1) * (y2 - y1),
                iscrowd=crowd,
                **more))

    def content(self) -> bytes:
        """The JSON."""
        return json.dumps(
            dict(
                images=self.images,
                annotations=self.annotations,
                categories=[
                    dict(id=n, name=name)
                    for name, n in self.categories.items()
                ])).encode()


def convert_files(args: argparse.Namespace, checks: Checks,
                  classes: Sequence[str], parsers: dict[str, Parser],
                  select: Callable[[list[ListedImage]], list[ListedImage]]
                  ) -> Coco:
    """Convert a data set with one annotation file for each image."""
    coco = Coco(classes, checks)
    images = FileIndex(args.images or '', IMAGE_SUFFIXES, '--images',
                       required=args.images is not None)
    annotations = FileIndex(args.annotations, parsers, '--annotations')
    listed = (read_list(args.list, '--list')
              if args.list else annotations.list_images())

    def progress(found: list) -> Iterator:
        return tqdm(found, unit='image')

    for record in read_records(
            select(listed), images, annotations, parsers, progress):
        if record.img_path is None and args.images is not None and (
                not checks.keeps('missing-image', record.image.name)):
            continue
        name = (Path(record.img_path).relative_to(args.images).as_posix()
                if record.img_path else record.image.name)
        image_id = coco.add_image(
            name, *_size(record), lighting=record.image.lighting,
            environment=record.image.environment)
        for box in record.annotation.boxes:
            coco.add_box(f'{record.ann_path}:{box.line}', image_id, box.name,
                         box.bbox, int(box.difficult))
    return coco


def _size(record: Record) -> tuple[int, int]:
    """Width and height, which the image knows best."""
    if record.img_path is not None:
        height, width = inspect_image(record.img_path)
        return width, height
    if record.annotation.size is None:
        raise ValueError(
            f'{record.ann_path} does not say how large {record.image.name} '
            'is: name the folder of the images by --images')
    return record.annotation.size


def convert_exdark(args: argparse.Namespace, checks: Checks) -> Coco:
    """ExDark, from VOC XML or bbGt text files."""

    def select(listed: list[ListedImage]) -> list[ListedImage]:
        if args.class_list:
            listed = classify(listed,
                              read_list(args.class_list, '--class-list'))
        return choose(
            listed,
            split=args.split and {args.split},
            lighting=args.lighting and set(args.lighting),
            environment=args.environment and {args.environment})

    return convert_files(args, checks, EXDARK_CLASSES, EXDARK_PARSERS, select)


def convert_dark_face(args: argparse.Namespace, checks: Checks) -> Coco:
    """DARK FACE, from its text files or VOC XML."""
    return convert_files(args, checks, ('face', ), DARK_FACE_PARSERS,
                         lambda listed: in_range(listed, args.numbers))


def convert_brackets(args: argparse.Namespace, checks: Checks) -> Coco:
    """Part of the COCO annotations of exposure brackets, by scene."""
    data = parse_coco(
        read_bytes(args.annotations, MAX_LIST_BYTES), args.annotations)
    chosen = (scenes_of_images(args.scenes, args.numbers)
              if args.scenes else None)
    if chosen is None and args.numbers != (None, None):
        raise ValueError('--numbers needs the list of the scenes: --scenes')
    names = {c['id']: c['name'] for c in data['categories']}
    coco = Coco(list(names.values()), checks)
    ids = {}
    for image in tqdm(data['images'], unit='image'):
        name = image['file_name']
        if chosen is not None and Path(name).name not in chosen:
            continue
        if args.images is not None and not (args.images / name).is_file():
            if not checks.keeps('missing-image', name):
                continue
        ids[image['id']] = coco.add_image(name, image['width'],
                                          image['height'])
    for box in data['annotations']:
        if box['image_id'] not in ids:
            continue
        x, y, width, height = box['bbox']
        more = {'score': box['score']} if 'score' in box else {}
        coco.add_box(f'{args.annotations}: annotation {box["id"]}',
                     ids[box['image_id']], names[box['category_id']],
                     (x, y, x + width, y + height), box.get('iscrowd', 0),
                     **more)
    return coco


def number_range(text: str) -> tuple[int | None, int | None]:
    """Read ``FIRST:LAST``, of which either may be empty."""
    first, colon, last = text.partition(':')
    if not colon or not all(part.isdecimal() or not part
                            for part in (first, last)):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no FIRST:LAST, such as 1:900, 901: or :900')
    return (int(first) if first else None, int(last) if last else None)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument('out', type=Path, help='JSON to write')
    common.add_argument(
        '--images', type=Path,
        help='folder of the images, and folders in it; without it none is '
        'looked for')
    for check, choices, default in (
        ('outside', (KEEP, CLIP, DROP), KEEP),
        ('zero-area', (KEEP, DROP), DROP),
        ('unknown-class', (KEEP, DROP), DROP),
        ('missing-image', (KEEP, DROP), DROP)):
        common.add_argument(
            f'--{check}', choices=choices, default=default,
            help='what to do with it (default: %(default)s)')
    common.add_argument(
        '--report', type=Path,
        help='text file to write with every finding; the summary names '
        f'{_NAMED} of each check')

    files = argparse.ArgumentParser(add_help=False)
    files.add_argument(
        '--annotations', required=True, type=Path,
        help='folder, and folders in it, or zip archive of the annotations')

    numbers = argparse.ArgumentParser(add_help=False)
    numbers.add_argument(
        '--numbers', type=number_range, default=(None, None),
        metavar='FIRST:LAST',
        help='only these, by the number in the name of an image or of the '
        'first image of a scene; either may be left out')

    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest='dataset', required=True)

    exdark = sub.add_parser(
        'exdark', parents=[common, files], help=convert_exdark.__doc__)
    exdark.add_argument(
        '--list', required=True, type=Path,
        help='train.txt, val.txt, test.txt or imageclasslist.txt')
    exdark.add_argument(
        '--class-list', type=Path,
        help='imageclasslist.txt, for the filters below, where --list is a '
        'plain list')
    exdark.add_argument('--split', choices=EXDARK_SPLITS)
    exdark.add_argument('--lighting', choices=EXDARK_LIGHTING, nargs='+')
    exdark.add_argument('--environment', choices=EXDARK_ENVIRONMENTS)
    exdark.set_defaults(convert=convert_exdark)

    dark_face = sub.add_parser(
        'dark-face', parents=[common, files, numbers],
        help=convert_dark_face.__doc__)
    dark_face.add_argument(
        '--list', type=Path,
        help='text file with the name of an image a line (default: all that '
        'have an annotation)')
    dark_face.set_defaults(convert=convert_dark_face)

    brackets = sub.add_parser(
        'brackets', parents=[common, numbers], help=convert_brackets.__doc__)
    brackets.add_argument(
        '--annotations', required=True, type=Path,
        help='COCO JSON: dark.json or bright.json')
    brackets.add_argument(
        '--scenes', type=Path, help='scenes.json, for --numbers')
    brackets.set_defaults(convert=convert_brackets)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    with clear_errors():
        if args.out.is_dir():
            raise ValueError(f'{str(args.out)!r} is a folder: name the file')
        checks = Checks({
            'outside': args.outside, 'zero-area': args.zero_area,
            'unknown-class': args.unknown_class,
            'missing-image': args.missing_image
        })
        coco = args.convert(args, checks)
        if not coco.images:
            raise ValueError(
                'no image is left, so nothing is written:\n' +
                '\n'.join(checks.summary()))
        write_atomically(args.out, coco.content())
        if args.report:
            write_atomically(
                args.report, ''.join(
                    f'{check}\t{finding}\n'
                    for check, findings in checks.found.items()
                    for finding in findings).encode())
    print(f'{args.dataset} -> {args.out}: {len(coco.images):,} images, '
          f'{len(coco.annotations):,} boxes, {len(coco.categories)} classes')
    print('\n'.join(checks.summary()))


if __name__ == '__main__':
    main()
