"""Reading annotation files that anybody may have written.

Every parser takes bytes and either returns what they say or raises one
:class:`AnnotationError` that names the file and the line. XML with a document
type is refused before anything is expanded, so that neither entity bombs nor
external entities can do harm; sizes are limited, and all loops run once over
the bytes.
"""
from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat

#: The largest annotation of one image, and list or JSON of many, in bytes.
#: ExDark's largest has 11 kB; a box takes about 200 bytes.
MAX_IMAGE_BYTES = 4 * 2**20
MAX_LIST_BYTES = 2**30

#: Pixels; a coordinate beyond is no position in a photograph.
MAX_COORDINATE = 10**6

#: ExDark's classes, lighting types and environments: number n of
#: ``imageclasslist.txt`` is the n-th. Source: ``Groundtruth/README.md`` of
#: the data set's authors.
EXDARK_CLASSES = ('Bicycle', 'Boat', 'Bottle', 'Bus', 'Car', 'Cat', 'Chair',
                  'Cup', 'Dog', 'Motorbike', 'People', 'Table')
EXDARK_LIGHTING = ('Low', 'Ambient', 'Object', 'Single', 'Weak', 'Strong',
                   'Screen', 'Window', 'Shadow', 'Twilight')
EXDARK_ENVIRONMENTS = ('Indoor', 'Outdoor')
EXDARK_SPLITS = ('train', 'val', 'test')

# Elements in elements; VOC has 4. A deeper file would slow the reader down.
_MAX_DEPTH = 16

# Stricter than float(), which takes 'nan', '1_0' and digits of any script.
_NUMBER = re.compile(r'[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?', re.ASCII)
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


class AnnotationError(ValueError):
    """A broken annotation; the message names the file, the line and why."""

    def __init__(self, path: str | os.PathLike, line: int | None,
                 reason: str) -> None:
        super().__init__(path, line, reason)
        self.path = os.fspath(path)
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        where = self.path if self.line is None else f'{self.path}:{self.line}'
        return f'{where}: {self.reason}'


@dataclass(frozen=True)
class Box:
    """One labelled rectangle, as the file has it.

    Attributes:
        name: Class name.
        bbox: (x1, y1, x2, y2) in pixels, finite; nothing else is certain.
        line: Where the file says so.
        difficult: VOC's mark of objects that are not to be counted.
    """
    name: str
    bbox: tuple[float, float, float, float]
    line: int
    difficult: bool = False

    @property
    def fault(self) -> str | None:
        """What is wrong with the rectangle, if anything is."""
        x1, y1, x2, y2 = self.bbox
        if x2 < x1 or y2 < y1:
            return 'its right or lower edge comes before the left or upper'
        if x2 == x1 or y2 == y1:
            return 'it has no area'
        return None


@dataclass(frozen=True)
class Annotation:
    """What is known of one image.

    Attributes:
        boxes: All objects, in the order of the file.
        size: Width and height of the image in pixels, if the file says so.
    """
    boxes: list[Box] = field(default_factory=list)
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class ListedImage:
    """A line of a list of images; what a plain list does not say is None."""
    name: str
    line: int
    label: str | None = None
    lighting: str | None = None
    environment: str | None = None
    split: str | None = None


def read_bytes(path: str | os.PathLike, limit: int = MAX_IMAGE_BYTES) -> bytes:
    """Content of a regular file of at most ``limit`` bytes.

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
        raise AnnotationError(
            path, None, f'larger than {limit:,} bytes: is it an annotation?')


def parse_voc(content: bytes, path: str | os.PathLike) -> Annotation:
    """Read a PASCAL VOC annotation.

    Corners count pixels from 1, as VOC's do: 1 is taken off, mmdet's way.

    Args:
        content: An XML document.
        path: Its name, for messages.

    Raises:
        AnnotationError: No XML, a document type or entities, no VOC, or
            numbers that are none.
    """
    return _VOCReader(path).read(content)


class _VOCReader:
    """Collects the leaves that matter while expat walks over a document."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = path
        self.boxes: list[Box] = []
        self.size: dict[str, float] = {}
        self.tags: list[str] = []
        self.text: list[str] = []
        self.object: dict[str, str] = {}
        self.object_line = 0
        self.expat = expat.ParserCreate()
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self._start
        self.expat.EndElementHandler = self._end
        self.expat.CharacterDataHandler = self.text.append
        self.expat.StartDoctypeDeclHandler = self._refuse
        self.expat.EntityDeclHandler = self._refuse

    def read(self, content: bytes) -> Annotation:
        try:
            self.expat.Parse(content, True)
        except AnnotationError:
            raise
        except expat.ExpatError as error:
            raise self._error(
                f'no complete XML ({expat.ErrorString(error.code)})',
                error.lineno) from None
        # An encoding that Python does not know, or text that is not in it.
        except (LookupError, ValueError) as error:
            raise self._error(f'cannot be decoded ({error})') from None
        sides = [self.size.get(side, 0) for side in ('width', 'height')]
        if not all(0 < side <= MAX_COORDINATE and side == int(side)
                   for side in sides):
            return Annotation(self.boxes)  # some tools write 0: not known
        return Annotation(self.boxes, (int(sides[0]), int(sides[1])))

    def _start(self, tag: str, _: dict) -> None:
        if not self.tags and tag.lower() != 'annotation':
            raise self._error(f'<{tag[:40]}> is no VOC annotation')
        if len(self.tags) == _MAX_DEPTH:
            raise self._error('more elements in elements than VOC has')
        self.tags.append(tag)
        self.text.clear()
        if self.tags[1:] == ['object']:
            self.object = {}
            self.object_line = self.expat.CurrentLineNumber

    def _end(self, tag: str) -> None:
        place = self.tags[1:]
        self.tags.pop()
        text = ''.join(self.text).strip()
        self.text.clear()
        if place in (['size', 'width'], ['size', 'height']):
            self.size[tag] = _number(text, tag, self.path, self._line)
        elif place == ['object']:
            self.boxes.append(self._box())
        elif place[:1] == ['object'] and (
                place[1:] in (['name'], ['difficult'])
                or len(place) == 3 and place[1] == 'bndbox'):
            if tag in self.object:
                raise self._error(f'a second <{tag[:40]}> in one object')
            self.object[tag] = text

    def _box(self) -> Box:
        missing = [
            tag for tag in ('name', *_CORNERS) if not self.object.get(tag)
        ]
        if missing:
            raise self._error(f'object without <{missing[0]}>',
                              self.object_line)
        x1, y1, x2, y2 = (
            _number(self.object[tag], tag, self.path, self.object_line) - 1
            for tag in _CORNERS)
        difficult = _number(
            self.object.get('difficult') or '0', 'difficult', self.path,
            self.object_line)
        return Box(self.object['name'], (x1, y1, x2, y2), self.object_line,
                   bool(difficult))

    @property
    def _line(self) -> int:
        return self.expat.CurrentLineNumber

    def _refuse(self, name: str, *_: Any) -> None:
        raise self._error(
            f'declares {name[:40]!r}: document types and entities are '
            'refused, since they can hold a bomb; take the declaration out')

    def _error(self, reason: str, line: int | None = None) -> AnnotationError:
        return AnnotationError(self.path, line or self._line, reason)


def parse_bbgt(content: bytes, path: str | os.PathLike) -> Annotation:
    """Read a ``% bbGt version=3`` text file, ExDark's own format.

    A line has a class name, left, top, width and height, and seven numbers
    that ExDark does not use. Like Matlab, from which it comes, the format
    counts pixels from 1: 1 is taken off, so that the boxes are those of
    :func:`parse_voc` for the VOC files, which repeat the numbers.

    Raises:
        AnnotationError: Another format, or numbers that are none.
    """
    lines = _lines(content, path)
    if not re.match(r'%\s*bbGt version=3\b', lines[0]):
        raise AnnotationError(
            path, 1, "must start with '% bbGt version=3', not "
            f'{_shown(lines[0])}')
    boxes = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split()
        if not cells:
            continue
        if len(cells) not in (5, 12):
            raise AnnotationError(
                path, number, f'{len(cells)} columns in {_shown(line)}: a '
                'name and 4 or 11 numbers are due; is the file cut off?')
        left, top, width, height, *_ = (
            _number(cell, 'column', path, number) for cell in cells[1:])
        boxes.append(
            Box(cells[0],
                (left - 1, top - 1, left + width - 1, top + height - 1),
                number))
    return Annotation(boxes)


def parse_dark_face(content: bytes, path: str | os.PathLike) -> Annotation:
    """Read a label file of DARK FACE.

    The first line counts the faces; each of the others has the left, upper,
    right and lower edge of one, which are taken as they stand.

    Raises:
        AnnotationError: Another format, numbers that are none, or another
            count of faces than the first line says.
    """
    lines = _lines(content, path)
    count = re.fullmatch(r'[ \t]*(\d{1,6})[ \t]*', lines[0], re.ASCII)
    if count is None:
        raise AnnotationError(
            path, 1, 'must start with the count of the faces, not '
            f'{_shown(lines[0])}')
    boxes = []
    for number, line in enumerate(lines[1:], 2):
        cells = line.split()
        if not cells:
            continue
        if len(cells) != 4:
            raise AnnotationError(
                path, number, f'{len(cells)} columns in {_shown(line)}: '
                'x1 y1 x2 y2 are due; is the file cut off?')
        x1, y1, x2, y2 = (
            _number(cell, 'column', path, number) for cell in cells)
        boxes.append(Box('face', (x1, y1, x2, y2), number))
    if len(boxes) != int(count[1]):
        raise AnnotationError(
            path, 1, f'{int(count[1])} faces announced, {len(boxes)} there: '
            'is the file cut off?')
    return Annotation(boxes)


def parse_image_list(content: bytes,
                     path: str | os.PathLike) -> list[ListedImage]:
    """Read a list of images: plain, or ExDark's ``imageclasslist.txt``.

    A plain list has a file name a line. ExDark's has name, class, lighting
    type, environment and split, the last four as numbers, below a heading.

    Raises:
        AnnotationError: A line of another format, a number out of range, or
            a name listed twice.
    """
    images: list[ListedImage] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(_lines(content, path), 1):
        line = line.strip()
        if not line or number == 1 and re.fullmatch(r'Name(\s*\|.*)+', line):
            continue
        image = _listed(line, path, number)
        name = image.name.casefold()
        if name in seen:
            raise AnnotationError(
                path, number, f'{_shown(image.name)} is listed twice, first '
                f'in line {seen[name]}')
        seen[name] = number
        images.append(image)
    return images


def _listed(line: str, path: str | os.PathLike, number: int) -> ListedImage:
    match = re.fullmatch(
        r'(\S+)\s+(\d{1,2})\s+(\d{1,2})\s+(\d{1,2})\s+(\d{1,2})', line,
        re.ASCII)
    if match is None:
        if not line.isprintable():
            raise AnnotationError(path, number,
                                  f'{_shown(line)} is no file name')
        return ListedImage(line, number)
    choices = dict(
        label=EXDARK_CLASSES, lighting=EXDARK_LIGHTING,
        environment=EXDARK_ENVIRONMENTS, split=EXDARK_SPLITS)
    chosen = {}
    for (what, names), digits in zip(choices.items(), match.groups()[1:]):
        if not 1 <= int(digits) <= len(names):
            raise AnnotationError(
                path, number, f'{what} {digits} is not in 1 to {len(names)}')
        chosen[what] = names[int(digits) - 1]
    return ListedImage(match[1], number, **chosen)


def parse_coco(content: bytes, path: str | os.PathLike) -> dict:
    """Read detection annotations in COCO's JSON.

    Args:
        content: The JSON.
        path: Its name, for messages.

    Returns:
        The object, in which every box is finite and not negative, and every
        image and category that an annotation names is there once.

    Raises:
        AnnotationError: If it is anything else.
    """

    def refuse(constant: str) -> None:
        raise AnnotationError(path, None, f'{constant} is no number of JSON')

    try:
        data = json.loads(content, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise AnnotationError(path, error.lineno,
                              f'no complete JSON ({error.msg})') from None
    except AnnotationError:
        raise
    # Wrong encodings, integers of thousands of digits, brackets in brackets.
    except (ValueError, RecursionError) as error:
        raise AnnotationError(path, None, f'no JSON ({error})') from None
    try:
        images = _unique(data['images'], 'image', path)
        categories = _unique(data['categories'], 'category', path)
        _unique(data['annotations'], 'annotation', path)
        for image in data['images']:
            if not isinstance(image['file_name'], str):
                raise AnnotationError(
                    path, None, f'image {image["id"]!r}: file_name is no text')
            if not (0 < image['width'] <= MAX_COORDINATE
                    and 0 < image['height'] <= MAX_COORDINATE):
                raise AnnotationError(
                    path, None, f'image {image["id"]!r}: it has no area')
        for category in data['categories']:
            if not isinstance(category['name'], str):
                raise AnnotationError(
                    path, None,
                    f'category {category["id"]!r}: name is no text')
        for annotation in data['annotations']:
            what = f'annotation {annotation["id"]!r}: '
            x, y, width, height = annotation['bbox']
            if not all(abs(number) <= MAX_COORDINATE
                       for number in (x, y, width, height)):
                raise AnnotationError(
                    path, None,
                    f'{what}bbox {annotation["bbox"]} is no place in an image')
            if width < 0 or height < 0:
                raise AnnotationError(
                    path, None, f'{what}bbox {annotation["bbox"]} has a '
                    'negative width or height')
            if not annotation['area'] >= 0:
                raise AnnotationError(path, None,
                                      f'{what}its area is negative')
            if annotation['image_id'] not in images:
                raise AnnotationError(
                    path, None, f'{what}there is no image '
                    f'{annotation["image_id"]!r}')
            if annotation['category_id'] not in categories:
                raise AnnotationError(
                    path, None, f'{what}there is no category '
                    f'{annotation["category_id"]!r}')
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(
            path, None, 'no COCO annotations: images, categories and '
            'annotations, each with its fields, are due '
            f'({type(error).__name__}: {error})') from None
    return data


def _unique(items: list, what: str, path: str | os.PathLike) -> set:
    if not isinstance(items, list):
        raise AnnotationError(path, None, f'the {what} list is no list')
    ids = [item['id'] for item in items]
    counts = Counter(ids)
    if len(counts) < len(ids):
        (twice, _), = counts.most_common(1)
        raise AnnotationError(path, None, f'{what} {twice!r} is there twice')
    return set(counts)


def _lines(content: bytes, path: str | os.PathLike) -> list[str]:
    """Lines of a text, at least one."""
    try:
        text = content.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        raise AnnotationError(
            path, content[:error.start].count(b'\n') + 1,
            'the text is not in UTF-8; save it so') from None
    # Not splitlines(), which also splits at characters that editors do not
    # count as the end of a line.
    return re.split(r'\r\n|\n|\r', text)


def _number(text: str, what: str, path: str | os.PathLike,
            line: int) -> float:
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value) and abs(value) <= MAX_COORDINATE:
            return value
    raise AnnotationError(
        path, line, f'{what} is {_shown(text)}, which is no number of pixels')


def _shown(text: str) -> str:
    """A piece of a file, fit for a message."""
    return repr(text if len(text) <= 40 else f'{text[:40]}…')
