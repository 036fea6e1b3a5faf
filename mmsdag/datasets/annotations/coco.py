"""Detection annotations in COCO's JSON."""

from __future__ import annotations

import json
import os
from collections import Counter

from .base import MAX_COORDINATE, AnnotationError


def parse_coco(content: bytes, path: str | os.PathLike) -> dict:
    """Read and check detection annotations.

    Args:
        content: The JSON.
        path: Its name, for messages.

    Returns:
        The JSON object. Every box is finite and has no negative side, and
        every image and category that an annotation names exists once.

    Raises:
        AnnotationError: If the file is anything else.
    """
    data = _load(content, path)
    try:
        _check(data)
    except _Fault as fault:
        raise AnnotationError(path, None, str(fault)) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AnnotationError(
            path,
            None,
            'not COCO annotations: expected images, categories and annotations, each with its '
            f'fields ({type(error).__name__}: {error})',
        ) from None
    return data


class _Fault(Exception):
    """A value that COCO does not allow."""


def _load(content: bytes, path: str | os.PathLike) -> dict:

    def refuse(constant: str) -> None:
        raise AnnotationError(path, None, f'{constant} is not valid in JSON')

    try:
        return json.loads(content, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise AnnotationError(path, error.lineno, f'incomplete JSON ({error.msg})') from None
    except AnnotationError:
        raise
    # Wrong encodings, integers of thousands of digits, brackets in brackets.
    except (ValueError, RecursionError) as error:
        raise AnnotationError(path, None, f'not JSON ({error})') from None


def _check(data: dict) -> None:
    images = _unique(data['images'], 'image')
    categories = _unique(data['categories'], 'category')
    _unique(data['annotations'], 'annotation')
    for image in data['images']:
        if not isinstance(image['file_name'], str):
            raise _Fault(f'image {image["id"]!r}: file_name is not a text')
        if not all(0 < image[side] <= MAX_COORDINATE for side in ('width', 'height')):
            raise _Fault(f'image {image["id"]!r}: it has no area')
    for category in data['categories']:
        if not isinstance(category['name'], str):
            raise _Fault(f'category {category["id"]!r}: name is not a text')
    for annotation in data['annotations']:
        try:
            _check_annotation(annotation, images, categories)
        except _Fault as fault:
            raise _Fault(f'annotation {annotation["id"]!r}: {fault}') from None


def _check_annotation(annotation: dict, images: set, categories: set) -> None:
    x, y, width, height = box = annotation['bbox']
    if not all(abs(value) <= MAX_COORDINATE for value in box):
        raise _Fault(f'bbox {box} is outside of any image')
    if width < 0 or height < 0:
        raise _Fault(f'bbox {box} has a negative width or height')
    if not annotation['area'] >= 0:
        raise _Fault('its area is negative')
    for key, known in (('image', images), ('category', categories)):
        if annotation[f'{key}_id'] not in known:
            raise _Fault(f'there is no {key} {annotation[f"{key}_id"]!r}')


def _unique(items: list, what: str) -> set:
    if not isinstance(items, list):
        raise _Fault(f'the {what} list is not a list')
    counts = Counter(item['id'] for item in items)
    if len(counts) < len(items):
        ((twice, _),) = counts.most_common(1)
        raise _Fault(f'{what} {twice!r} is there twice')
    return set(counts)
