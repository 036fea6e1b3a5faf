"""Lists of images: plain, or of ExDark."""

from __future__ import annotations

import os
import re

from .base import AnnotationError, ListedImage, quote, split_lines

#: ExDark's classes, lighting types and environments: number n of
#: ``imageclasslist.txt`` is the n-th. Source: ``Groundtruth/README.md`` of
#: the data set's authors.
EXDARK_CLASSES = (
    'Bicycle',
    'Boat',
    'Bottle',
    'Bus',
    'Car',
    'Cat',
    'Chair',
    'Cup',
    'Dog',
    'Motorbike',
    'People',
    'Table',
)
EXDARK_LIGHTING = (
    'Low',
    'Ambient',
    'Object',
    'Single',
    'Weak',
    'Strong',
    'Screen',
    'Window',
    'Shadow',
    'Twilight',
)
EXDARK_ENVIRONMENTS = ('Indoor', 'Outdoor')
EXDARK_SPLITS = ('train', 'val', 'test')


def parse_image_list(content: bytes, path: str | os.PathLike) -> list[ListedImage]:
    """Read a list of images: plain, or ExDark's ``imageclasslist.txt``.

    A plain list has a file name a line. ExDark's has name, class, lighting
    type, environment and split, the last four as numbers, below a heading.

    Raises:
        AnnotationError: A line of another format, a number out of range, or
            a name listed twice.
    """
    images: list[ListedImage] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(split_lines(content, path), 1):
        line = line.strip()
        if not line or number == 1 and re.fullmatch(r'Name(\s*\|.*)+', line):
            continue
        image = _listed(line, path, number)
        name = image.name.casefold()
        if name in seen:
            raise AnnotationError(
                path, number, f'{quote(image.name)} is listed twice, first in line {seen[name]}'
            )
        seen[name] = number
        images.append(image)
    return images


def _listed(line: str, path: str | os.PathLike, number: int) -> ListedImage:
    match = re.fullmatch(r'(\S+)\s+(\d{1,2})\s+(\d{1,2})\s+(\d{1,2})\s+(\d{1,2})', line, re.ASCII)
    if match is None:
        if not line.isprintable():
            raise AnnotationError(path, number, f'{quote(line)} is not a file name')
        return ListedImage(line, number)
    choices = dict(
        label=EXDARK_CLASSES,
        lighting=EXDARK_LIGHTING,
        environment=EXDARK_ENVIRONMENTS,
        split=EXDARK_SPLITS,
    )
    chosen = {}
    for (what, names), digits in zip(choices.items(), match.groups()[1:]):
        if not 1 <= int(digits) <= len(names):
            raise AnnotationError(path, number, f'{what} {digits} is not in 1 to {len(names)}')
        chosen[what] = names[int(digits) - 1]
    return ListedImage(match[1], number, **chosen)
