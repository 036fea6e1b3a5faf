"""ExDark's own annotations, ``% bbGt version=3``."""

from __future__ import annotations

import os
import re

from .base import Annotation, AnnotationError, Box, quote, read_number, split_lines


def parse_bbgt(content: bytes, path: str | os.PathLike) -> Annotation:
    """Read a ``% bbGt version=3`` text file, ExDark's own format.

    A line has a class name, left, top, width and height, and seven numbers
    that ExDark does not use. Like Matlab, from which it comes, the format
    counts pixels from 1: 1 is taken off, so that the boxes are those of
    :func:`parse_voc` for the VOC files, which repeat the numbers.

    Raises:
        AnnotationError: Another format, or a field that is not a number.
    """
    lines = split_lines(content, path)
    if not re.match(r'%\s*bbGt version=3\b', lines[0]):
        raise AnnotationError(path, 1, f"must start with '% bbGt version=3', not {quote(lines[0])}")
    boxes = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split()
        if not cells:
            continue
        if len(cells) not in (5, 12):
            raise AnnotationError(
                path,
                number,
                f'{len(cells)} columns in {quote(line)}: '
                'expected a name and 4 or 11 numbers; is the file cut off?',
            )
        left, top, width, height, *_ = (
            read_number(cell, 'column', path, number) for cell in cells[1:]
        )
        boxes.append(Box(cells[0], (left - 1, top - 1, left + width - 1, top + height - 1), number))
    return Annotation(boxes)
