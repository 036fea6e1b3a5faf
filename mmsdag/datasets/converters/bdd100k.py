"""Night images of BDD100K."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path


def times_of_day(path: Path) -> dict[str, str]:
    """Read the time of day of each image of a label file, by its stem.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a label file of BDD100K.
    """
    if not path.is_file():
        raise FileNotFoundError(f'no label file {path}')
    try:
        frames = json.loads(path.read_text(encoding='utf-8'))
        return {
            Path(frame['name']).stem: frame['attributes']['timeofday']
            for frame in frames
            if frame.get('attributes')
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path}: not a list of images with name and attributes.timeofday '
            f'({type(error).__name__}: {error}); take the detection labels of '
            'BDD100K, det_train.json and det_val.json'
        ) from error


def night_images(
    labels: Iterable[Path], images: Path, masks: Path | None = None
) -> tuple[list[str], str]:
    """List the night images that exist and, with ``masks``, have a mask.

    Args:
        labels: Detection labels of BDD100K, which have the time of day.
        images: Folder of the images.
        masks: Folder of their label PNGs.

    Returns:
        The sorted names without suffix, and a summary for people.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ValueError: If a label file is broken, or no image is left.
    """
    for folder in filter(None, (images, masks)):
        if not folder.is_dir():
            raise FileNotFoundError(f'no folder {folder}')
    times: dict[str, str] = {}
    for path in labels:
        times.update(times_of_day(path))
    found = set(_stems(images, '*.jpg'))
    night = {name for name in found if times.get(name) == 'night'}
    names = night & set(_stems(masks, '*.png')) if masks else night
    summary = (
        f'{len(found)} images in {images}: {len(found - times.keys())} without a known time of '
        f'day, {len(night)} at night, of which {len(names)} are listed'
    )
    if not names:
        raise ValueError(f'{summary}; do the labels and the folders belong together?')
    return sorted(names), summary


def _stems(folder: Path, pattern: str) -> Iterator[str]:
    return (path.stem for path in folder.glob(pattern))
