"""Label files of DARK FACE."""

from __future__ import annotations

import os
import re

from .base import Annotation, AnnotationError, Box, quote, read_number, split_lines


def parse_dark_face(content: bytes, path: str | os.PathLike) -> Annotation:
    """Read a label file of DARK FACE.

    The first line counts the faces; each of the others has the left, upper,
    right and lower edge of one, which are taken as they stand.

    Raises:
        AnnotationError: Another format, a field that is not a number, or a
            count of faces that differs from the first line.
    """
    lines = split_lines(content, path)
    count = re.fullmatch(r'[ \t]*(\d{1,6})[ \t]*', lines[0], re.ASCII)
    if count is None:
        raise AnnotationError(
            path, 1, f'must start with the count of the faces, not {quote(lines[0])}'
        )
    boxes = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != 4:
            raise AnnotationError(
                path,
                number,
                f'{len(cells)} columns in {quote(line)}: '
                'expected x1 y1 x2 y2; is the file cut off?',
            )
        x1, y1, x2, y2 = (read_number(cell, 'column', path, number) for cell in cells)
        boxes.append(Box('face', (x1, y1, x2, y2), number))
    if len(boxes) != int(count[1]):
        raise AnnotationError(
            path, 1, f'{int(count[1])} faces announced, {len(boxes)} there: is the file cut off?'
        )
    return Annotation(boxes)
