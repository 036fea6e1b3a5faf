"""Base of the annotation parsers.

Files may come from anybody. Every parser takes bytes and either returns an
annotation or raises one :class:`AnnotationError` that names the file and the
line. Sizes are limited, and every loop runs once over the bytes.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field

#: The largest annotation of one image, and list or JSON of many, in bytes.
#: ExDark's largest has 11 kB; a box takes about 200 bytes.
MAX_IMAGE_BYTES = 4 * 2**20
MAX_LIST_BYTES = 2**30

#: Pixels; a coordinate beyond is no position in a photograph.
MAX_COORDINATE = 10**6

# Stricter than float(), which takes 'nan', '1_0' and digits of any script.
_NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?', re.ASCII)


class AnnotationError(ValueError):
    """A broken annotation; the message names file, line and reason."""

    def __init__(self, path: str | os.PathLike, line: int | None, reason: str) -> None:
        super().__init__(path, line, reason)
        self.path = os.fspath(path)
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        where = self.path if self.line is None else f'{self.path}:{self.line}'
        return f'{where}: {self.reason}'


@dataclass(frozen=True)
class Box:
    """One labeled rectangle, with the values of the file.

    Attributes:
        name: Class name.
        bbox: (x1, y1, x2, y2) in pixels; finite, but otherwise unchecked.
        line: Line of the file.
        difficult: VOC's mark of objects that metrics leave out.
    """

    name: str
    bbox: tuple[float, float, float, float]
    line: int
    difficult: bool = False

    @property
    def fault(self) -> str | None:
        """The rectangle's error as text, or None."""
        x1, y1, x2, y2 = self.bbox
        if x2 < x1 or y2 < y1:
            return 'its right or lower edge comes before the left or upper'
        if x2 == x1 or y2 == y1:
            return 'it has no area'
        return None


@dataclass(frozen=True)
class Annotation:
    """The annotation of one image.

    Attributes:
        boxes: All objects, in the order of the file.
        size: (width, height) of the image in pixels, if the file has it.
    """

    boxes: list[Box] = field(default_factory=list)
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class ListedImage:
    """A line of an image list; fields that it does not have are None."""

    name: str
    line: int
    label: str | None = None
    lighting: str | None = None
    environment: str | None = None
    split: str | None = None


def read_bytes(path: str | os.PathLike, limit: int = MAX_IMAGE_BYTES) -> bytes:
    """Read a regular file of at most ``limit`` bytes.

    Raises:
        FileNotFoundError: If it is missing, a folder or a device.
        AnnotationError: If it is larger.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{os.fspath(path)!r} is not a file')
    with open(path, 'rb') as file:
        content = file.read(limit + 1)
    check_size(path, len(content), limit)
    return content


def check_size(path: str | os.PathLike, size: int, limit: int) -> None:
    """Refuse a file of more than ``limit`` bytes."""
    if size > limit:
        raise AnnotationError(path, None, f'larger than {limit:,} bytes: is it an annotation?')


def split_lines(content: bytes, path: str | os.PathLike) -> list[str]:
    """Split a UTF-8 text into lines, at least one.

    Raises:
        AnnotationError: If the text is not UTF-8.
    """
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise AnnotationError(
            path, content[: error.start].count(b'\n') + 1, 'the text is not UTF-8; save it as UTF-8'
        ) from None
    # splitlines() would also split at characters that editors show inside a
    # line.
    return re.split(r'\r\n|\n|\r', text)


def read_number(text: str, what: str, path: str | os.PathLike, line: int) -> float:
    """Read a finite number of pixels.

    Args:
        text: The number.
        what: Name of the field, for the message.
        path: Name of the file.
        line: Line of the file.

    Raises:
        AnnotationError: If it is not a number, or beyond
            :data:`MAX_COORDINATE`.
    """
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value) and abs(value) <= MAX_COORDINATE:
            return value
    raise AnnotationError(path, line, f'{what} is {quote(text)}, which is not a number of pixels')


def quote(text: str) -> str:
    """Quote the start of a text for a message."""
    return repr(text if len(text) <= 40 else f'{text[:40]}…')
