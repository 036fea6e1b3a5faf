"""PASCAL VOC annotations.

XML with a document type is refused before anything is expanded, so that
neither entity bombs nor external entities can do harm.
"""

from __future__ import annotations

import os
from typing import Any
from xml.parsers import expat

from .base import MAX_COORDINATE, Annotation, AnnotationError, Box, read_number

# Nesting of elements; VOC has 4. A deeper file would slow the reader down.
_MAX_DEPTH = 16
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def parse_voc(content: bytes, path: str | os.PathLike) -> Annotation:
    """Read a PASCAL VOC annotation.

    Coordinates start at 1 in VOC; 1 is subtracted, as in mmdet.

    Args:
        content: An XML document.
        path: Its name, for messages.

    Raises:
        AnnotationError: Not XML or not VOC, a document type or entities, or
            a field that is not a number.
    """
    return _VOCReader(path).read(content)


class _VOCReader:
    """Collect the fields of a document while expat parses it."""

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
                f'incomplete XML ({expat.ErrorString(error.code)})', error.lineno
            ) from None
        # An encoding that Python does not know, or text that is not in it.
        except (LookupError, ValueError) as error:
            raise self._error(f'cannot be decoded ({error})') from None
        sides = [self.size.get(side, 0) for side in ('width', 'height')]
        if not all(0 < side <= MAX_COORDINATE and side == int(side) for side in sides):
            return Annotation(self.boxes)  # some tools write 0: not known
        return Annotation(self.boxes, (int(sides[0]), int(sides[1])))

    def _start(self, tag: str, _: dict) -> None:
        if not self.tags and tag.lower() != 'annotation':
            raise self._error(f'<{tag[:40]}> is not a VOC annotation')
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
            self.size[tag] = read_number(text, tag, self.path, self._line)
        elif place == ['object']:
            self.boxes.append(self._box())
        elif place[:1] == ['object'] and (
            place[1:] in (['name'], ['difficult']) or len(place) == 3 and place[1] == 'bndbox'
        ):
            if tag in self.object:
                raise self._error(f'a second <{tag[:40]}> in one object')
            self.object[tag] = text

    def _box(self) -> Box:
        missing = [tag for tag in ('name', *_CORNERS) if not self.object.get(tag)]
        if missing:
            raise self._error(f'object without <{missing[0]}>', self.object_line)
        x1, y1, x2, y2 = (
            read_number(self.object[tag], tag, self.path, self.object_line) - 1 for tag in _CORNERS
        )
        difficult = read_number(
            self.object.get('difficult') or '0', 'difficult', self.path, self.object_line
        )
        return Box(self.object['name'], (x1, y1, x2, y2), self.object_line, bool(difficult))

    @property
    def _line(self) -> int:
        return self.expat.CurrentLineNumber

    def _refuse(self, name: str, *_: Any) -> None:
        raise self._error(
            f'declares {name[:40]!r}: document types and entities are '
            'refused, since they can hold a bomb; take the declaration out'
        )

    def _error(self, reason: str, line: int | None = None) -> AnnotationError:
        return AnnotationError(self.path, line or self._line, reason)
