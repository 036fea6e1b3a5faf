"""Select the images of a dataset by lists."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import replace

from .annotations import MAX_LIST_BYTES, AnnotationError, ListedImage, parse_image_list, read_bytes

#: First and last number, both included; None is open.
Range = tuple['int | None', 'int | None']


def read_list(path: str | os.PathLike, key: str = 'ann_file') -> list[ListedImage]:
    """Read a list of images; see :func:`parse_image_list`.

    Args:
        path: The file.
        key: The config key or option that names it, for messages.

    Raises:
        FileNotFoundError: If there is no such file.
        AnnotationError: If it is no list, or empty.
    """
    path = os.fspath(path)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f'no list of images {path!r} (working folder {os.getcwd()}): check {key}'
        )
    listed = parse_image_list(read_bytes(path, MAX_LIST_BYTES), path)
    if not listed:
        raise AnnotationError(path, None, 'lists no images')
    return listed


def classify(listed: list[ListedImage], class_list: list[ListedImage]) -> list[ListedImage]:
    """Add the entries of ExDark's ``imageclasslist.txt`` to a plain list.

    Folders before the names and the case of the endings, which differ from
    list to list, do not matter.

    Raises:
        ValueError: If an image is not in it.
    """
    known = {_key(image): image for image in class_list}
    missing = [image.name for image in listed if _key(image) not in known]
    if missing:
        raise ValueError(
            f'{len(missing)} of {len(listed)} listed images are not in class_list, for example '
            f"{missing[0]!r}: complete it, or set class_list='' to read no kinds of light"
        )
    return [replace(known[_key(i)], name=i.name, line=i.line) for i in listed]


def choose(listed: list[ListedImage], **filters: Collection[str] | None) -> list[ListedImage]:
    """Keep images whose ``lighting``, ``split``, … is one of the given values.

    Raises:
        ValueError: If the list lacks an attribute, or no image is left.
    """
    for key, chosen in filters.items():
        if chosen is None:
            continue
        if any(getattr(image, key) is None for image in listed):
            raise ValueError(
                f'{key}={sorted(chosen)} needs imageclasslist.txt, as the '
                'list itself or as class_list'
            )
        listed = [image for image in listed if getattr(image, key) in chosen]
    if not listed:
        raise ValueError(
            'no image matches '
            + ', '.join(f'{k}={sorted(v)}' for k, v in filters.items() if v is not None)
        )
    return listed


def in_range(listed: list[ListedImage], numbers: Range) -> list[ListedImage]:
    """Keep images whose number, the first in the name, is in a range.

    Raises:
        ValueError: For a name without a number, or if none is left.
    """
    if tuple(numbers) == (None, None):
        return listed
    chosen = sorted(
        (image for image in listed if _within(image.name, numbers)),
        key=lambda image: _number(image.name),
    )
    if not chosen:
        raise ValueError(
            f'none of the {len(listed)} images has a number from {numbers[0]} to {numbers[1]}'
        )
    return chosen


def read_scenes(
    path: str | os.PathLike, numbers: Range = (None, None), keys: Collection[str] = ('images',)
) -> list[dict]:
    """Read the scenes of exposure brackets.

    Args:
        path: JSON list with an object for each scene, whose ``images`` are
            its file names; the first number in the first of them is the
            number of the scene.
        numbers: Range of the numbers of scenes.
        keys: Keys that each scene must have.

    Raises:
        FileNotFoundError: If there is no list.
        AnnotationError: If it is not a list of scenes with these keys.
    """
    try:
        scenes = json.loads(read_bytes(path, MAX_LIST_BYTES))
        return [
            {key: scene[key] for key in keys}
            for scene in scenes
            if tuple(numbers) == (None, None) or _within(scene['images'][0], numbers)
        ]
    except AnnotationError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise AnnotationError(
            path,
            None,
            f'must be a JSON list of scenes with '
            f'{", ".join(keys)} ({type(error).__name__}: {error})',
        ) from error


def scenes_of_images(path: str | os.PathLike, numbers: Range = (None, None)) -> dict[str, int]:
    """Return the number of the scene of each image; see :func:`read_scenes`.

    Raises:
        FileNotFoundError: If there is no list.
        AnnotationError: If it is not a list of scenes.
    """
    try:
        return {
            name: _number(scene['images'][0])
            for scene in read_scenes(path, numbers)
            for name in scene['images']
        }
    except (TypeError, IndexError) as error:
        raise AnnotationError(
            path, None, f'must be a JSON list of scenes with images ({error})'
        ) from error


def _key(image: ListedImage) -> str:
    return os.path.basename(image.name).casefold()


def _within(name: str, numbers: Range) -> bool:
    first, last = numbers
    number = _number(name)
    return (first is None or first <= number) and (last is None or number <= last)


def _number(name: str) -> int:
    match = re.search(r'[0-9]{1,9}', os.path.basename(name))
    if match is None:
        raise ValueError(f'a range needs a number in {name!r}')
    return int(match[0])
