"""ExDark, DARK FACE and exposure brackets as COCO JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from mmsdag.utils.image_io import IMAGE_SUFFIXES, inspect_image

from ..annotations import (
    MAX_LIST_BYTES,
    FileIndex,
    ListedImage,
    Parser,
    Record,
    parse_coco,
    read_bytes,
    read_records,
)
from ..image_lists import Range, read_list, scenes_of_images

KEEP, DROP, CLIP = 'keep', 'drop', 'clip'
#: Findings of a check that the summary names.
NAMED = 5


@dataclass
class Checks:
    """Handle boxes and images that fail a check, and record them.

    Attributes:
        policies: For each check ``'keep'``, ``'drop'`` or ``'clip'``.
        found: For each check a line for each finding.
    """

    policies: dict[str, str]
    found: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found = {check: [] for check in self.policies}

    def keeps(self, check: str, finding: str) -> bool:
        """Record a finding; return whether the box or image is kept."""
        self.found[check].append(finding)
        return self.policies[check] != DROP

    def summary(self) -> Iterator[str]:
        """Yield the lines of a summary for people."""
        done = {KEEP: 'kept', DROP: 'dropped', CLIP: 'clipped'}
        for check, findings in self.found.items():
            yield (
                f'  {check:<14}{len(findings):>6}'
                + (f'  {done[self.policies[check]]}' if findings else '')
            )
            yield from (f'    {line}' for line in findings[:NAMED])
            if len(findings) > NAMED:
                yield (f'    and {len(findings) - NAMED} more: --report names them all')

    def report(self) -> str:
        """Return all findings, one per line."""
        return ''.join(
            f'{check}\t{finding}\n'
            for check, findings in self.found.items()
            for finding in findings
        )


class CocoWriter:
    """Collect images and boxes for a COCO JSON.

    Args:
        classes: Names of the categories, numbered from 1.
        checks: What to do with faulty boxes and images.
    """

    def __init__(self, classes: Sequence[str], checks: Checks) -> None:
        self.checks = checks
        self.categories = {name: n for n, name in enumerate(classes, 1)}
        self.images: list[dict] = []
        self.annotations: list[dict] = []

    def add_image(self, name: str, width: int, height: int, **more: str | None) -> int:
        """Add an image and return its id."""
        self.images.append(
            dict(
                id=len(self.images) + 1,
                file_name=name,
                width=width,
                height=height,
                **{k: v for k, v in more.items() if v is not None},
            )
        )
        return len(self.images)

    def add_box(
        self,
        where: str,
        image_id: int,
        name: str,
        bbox: Sequence[float],
        crowd: int = 0,
        **more: float,
    ) -> None:
        """Add a box of an added image, unless a check drops it.

        Args:
            where: File and line, for the findings.
            image_id: Id of the image.
            name: Class name, in upper or lower case.
            bbox: (x1, y1, x2, y2) in pixels.
            crowd: COCO's ``iscrowd``: metrics leave the box out.
            **more: Further fields of the annotation.
        """
        finding = f'{where}: {name[:40]} {[round(v, 2) for v in bbox]}'
        corners = self._checked(bbox, self.images[image_id - 1], finding)
        category = corners and self._category(name, finding)
        if not corners or not category:
            return
        x1, y1, x2, y2 = corners
        self.annotations.append(
            dict(
                id=len(self.annotations) + 1,
                image_id=image_id,
                category_id=category,
                bbox=[x1, y1, x2 - x1, y2 - y1],
                area=(x2 - x1) * (y2 - y1),
                iscrowd=crowd,
                **more,
            )
        )

    def content(self) -> bytes:
        """Return the JSON."""
        return json.dumps(
            dict(
                images=self.images,
                annotations=self.annotations,
                categories=[dict(id=n, name=name) for name, n in self.categories.items()],
            )
        ).encode()

    def _checked(
        self, bbox: Sequence[float], image: dict, finding: str
    ) -> tuple[float, ...] | None:
        """Return the corners to write; None drops the box."""
        x1, y1, x2, y2 = bbox
        if x2 <= x1 or y2 <= y1:
            if not self.checks.keeps('zero-area', finding):
                return None
            x2, y2 = max(x1, x2), max(y1, y2)
        width, height = image['width'], image['height']
        if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
            if not self.checks.keeps('outside', f'{finding} in {width}x{height}'):
                return None
            if self.checks.policies['outside'] == CLIP:
                x1, x2 = (min(max(x, 0), width) for x in (x1, x2))
                y1, y2 = (min(max(y, 0), height) for y in (y1, y2))
                if x1 == x2 or y1 == y2:  # nothing lies inside
                    return None
        return x1, y1, x2, y2

    def _category(self, name: str, finding: str) -> int | None:
        """Return the id of a class; None drops the box."""
        names = {known.casefold(): known for known in self.categories}
        known = names.get(name.casefold())
        if known is None:
            if not self.checks.keeps('unknown-class', finding):
                return None
            known = name
            self.categories[name] = len(self.categories) + 1
        return self.categories[known]


def convert_files(
    annotations: Path,
    images: Path | None,
    image_list: Path | None,
    checks: Checks,
    classes: Sequence[str],
    parsers: dict[str, Parser],
    select: Callable[[list[ListedImage]], list[ListedImage]],
) -> CocoWriter:
    """Convert a data set with one annotation file for each image.

    Args:
        annotations: Folder or zip archive of the annotations.
        images: Folder of the images; None: sizes come from the annotations.
        image_list: List of images; None: every annotated image.
        checks: What to do with faulty boxes and images.
        classes: Names of the categories.
        parsers: See :func:`read_records`.
        select: Chooses among the listed images.
    """
    coco = CocoWriter(classes, checks)
    image_index = FileIndex(images or '', IMAGE_SUFFIXES, '--images', required=images is not None)
    annotation_index = FileIndex(annotations, parsers, '--annotations')
    listed = read_list(image_list, '--list') if image_list else annotation_index.list_images()

    def progress(found: Iterable) -> Iterable:
        return tqdm(found, unit='image')

    for record in read_records(select(listed), image_index, annotation_index, parsers, progress):
        name = record.image.name
        if record.img_path is not None and images is not None:
            name = Path(record.img_path).relative_to(images).as_posix()
        elif images is not None and not checks.keeps('missing-image', name):
            continue
        image_id = coco.add_image(
            name,
            *_size(record),
            lighting=record.image.lighting,
            environment=record.image.environment,
        )
        for box in record.annotation.boxes:
            coco.add_box(
                f'{record.ann_path}:{box.line}', image_id, box.name, box.bbox, int(box.difficult)
            )
    return coco


def _size(record: Record) -> tuple[int, int]:
    """Return width and height: those of the image, else those annotated."""
    if record.img_path is not None:
        height, width = inspect_image(record.img_path)
        return width, height
    if record.annotation.size is None:
        raise ValueError(
            f'{record.ann_path} does not give the size of '
            f'{record.image.name}: name the folder of the images by --images'
        )
    return record.annotation.size


def convert_brackets(
    annotations: Path, images: Path | None, scenes: Path | None, numbers: Range, checks: Checks
) -> CocoWriter:
    """Select a part of the COCO annotations of exposure brackets, by scene.

    Args:
        annotations: COCO JSON of all brackets.
        images: Folder of the images; None: their existence is not checked.
        scenes: ``scenes.json``; None takes all images.
        numbers: First and last scene.
        checks: What to do with faulty boxes and images.

    Raises:
        ValueError: ``numbers`` without ``scenes``.
    """
    if scenes is None and numbers != (None, None):
        raise ValueError('--numbers needs the list of the scenes: --scenes')
    data = parse_coco(read_bytes(annotations, MAX_LIST_BYTES), annotations)
    chosen = scenes_of_images(scenes, numbers) if scenes else None
    names = {c['id']: c['name'] for c in data['categories']}
    coco = CocoWriter(list(names.values()), checks)
    ids = {}
    for image in tqdm(data['images'], unit='image'):
        name = image['file_name']
        if chosen is not None and Path(name).name not in chosen:
            continue
        if images is not None and not (images / name).is_file():
            if not checks.keeps('missing-image', name):
                continue
        ids[image['id']] = coco.add_image(name, image['width'], image['height'])
    for box in data['annotations']:
        if box['image_id'] not in ids:
            continue
        x, y, width, height = box['bbox']
        more = {'score': box['score']} if 'score' in box else {}
        coco.add_box(
            f'{annotations}: annotation {box["id"]}',
            ids[box['image_id']],
            names[box['category_id']],
            (x, y, x + width, y + height),
            box.get('iscrowd', 0),
            **more,
        )
    return coco
