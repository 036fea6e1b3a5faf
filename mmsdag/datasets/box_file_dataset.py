"""mmdet datasets that have one annotation file for each image."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from logging import WARNING
from typing import Any

from mmdet.datasets import BaseDetDataset
from mmengine.logging import print_log

from mmsdag.utils.image_io import IMAGE_SUFFIXES, inspect_image

from .annotations import AnnotationError, FileIndex, ListedImage, Parser, Record, read_records
from .image_lists import read_list
from .low_light_folder import named

_THREADS = 8


class BoxFileDataset(BaseDetDataset):
    """Dataset of listed images, each with an annotation file.

    Images may lie in folders of folders, and annotations in a zip archive;
    names are found in upper and lower case.

    Args:
        ann_file: The list of images. Empty: every annotated image.
        data_prefix: ``img_path``, the folder of the images, and
            ``ann_path``, the folder or zip archive of the annotations.
        missing_images: What to do with listed images that are not there:
            ``'error'``, ``'skip'`` (with a warning) or ``'keep'``, which is
            for counting annotations without any image.
        bad_boxes: What to do with boxes of zero or negative size or of an
            unknown class: ``'error'`` or ``'skip'`` (with a warning). A file
            that cannot be read is always an error.
        **kwargs: See :class:`mmdet.datasets.BaseDetDataset`.

    Raises:
        FileNotFoundError: A list, a folder, annotations or images are
            missing.
        AnnotationError: A broken list, annotation or box.
        ValueError: An option of another value, or no images left.
    """

    #: How to read annotations, by the ending of their names.
    PARSERS: dict[str, Parser] = {}

    def __init__(
        self, *args: Any, missing_images: str = 'error', bad_boxes: str = 'error', **kwargs: Any
    ) -> None:
        _check_choice('missing_images', missing_images, ('error', 'skip', 'keep'))
        _check_choice('bad_boxes', bad_boxes, ('error', 'skip'))
        self.missing_images = missing_images
        self.bad_boxes = bad_boxes
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Find and read everything.

        Returns:
            For each image ``img_path``, ``img_id`` (its listed name),
            ``height``, ``width``, ``instances``, and what
            :meth:`describe` adds.
        """
        for key in ('img_path', 'ann_path'):
            if key not in self.data_prefix:
                raise ValueError(
                    f'{type(self).__name__}: data_prefix={self.data_prefix!r} '
                    f'has no {key!r}; it takes img_path, the folder of the '
                    'images, and ann_path, that of the annotations'
                )
        images = FileIndex(
            self.data_prefix['img_path'],
            IMAGE_SUFFIXES,
            'data_root and data_prefix.img_path',
            required=self.missing_images != 'keep',
        )
        annotations = FileIndex(
            self.data_prefix['ann_path'], self.PARSERS, 'data_root and data_prefix.ann_path'
        )
        listed = self.select(self._list(annotations))
        records = list(read_records(listed, images, annotations, self.PARSERS))
        self._check_images(records)
        if self.missing_images == 'skip':
            records = [r for r in records if r.img_path is not None]
        sizes = self._sizes(records)
        faults: list[str] = []
        infos = [
            dict(
                img_path=record.img_path or os.path.join(images.root, record.image.name),
                img_id=record.image.name,
                height=height,
                width=width,
                instances=self._instances(record, faults),
                **self.describe(record.image),
            )
            for record, (width, height) in zip(records, sizes)
        ]
        if faults:
            print_log(
                f'{type(self).__name__}: {len(faults)} boxes are left out:{named(faults)}',
                'current',
                WARNING,
            )
        return infos

    def filter_data(self) -> list[dict]:
        """Apply ``filter_cfg`` (``filter_empty_gt``, ``min_size``) to train.

        As mmdet's datasets do, all images are kept in test mode.

        Raises:
            ValueError: If none is left.
        """
        if self.test_mode or self.filter_cfg is None:
            return self.data_list
        empty_too = not self.filter_cfg.get('filter_empty_gt', False)
        min_size = self.filter_cfg.get('min_size', 0)
        infos = [
            info
            for info in self.data_list
            if (empty_too or info['instances']) and min(info['width'], info['height']) >= min_size
        ]
        if not infos:
            raise ValueError(
                f'{type(self).__name__}: filter_cfg={self.filter_cfg} leaves '
                f'none of the {len(self.data_list)} images'
            )
        return infos

    def select(self, listed: list[ListedImage]) -> list[ListedImage]:
        """Select listed images; the base class keeps all."""
        return listed

    def describe(self, image: ListedImage) -> dict:
        """Return more entries of an image; the base class has none."""
        return {}

    def _list(self, annotations: FileIndex) -> list[ListedImage]:
        return (
            read_list(self.ann_file, 'data_root and ann_file')
            if self.ann_file
            else annotations.list_images()
        )

    def _check_images(self, records: list[Record]) -> None:
        missing = [r.image.name for r in records if r.img_path is None]
        if not missing or self.missing_images == 'keep':
            return
        message = (
            f'{type(self).__name__}: {len(missing)} of {len(records)} listed images are not in '
            f'{self.data_prefix["img_path"]}'
        )
        if len(missing) == len(records):
            raise FileNotFoundError(
                f'{message}: check data_root and data_prefix.img_path:{named(missing)}'
            )
        if self.missing_images == 'error':
            raise FileNotFoundError(
                f'{message}: check data_root and data_prefix.img_path, or '
                f'leave them out by missing_images=skip:{named(missing)}'
            )
        print_log(f'{message}, and left out:{named(missing)}', 'current', WARNING)

    def _sizes(self, records: list[Record]) -> list[tuple[int, int]]:
        """Read the width and height of the images, in pixels.

        Where the annotation does not say, the header of the image does, or,
        with ``missing_images='keep'``, the boxes tell how large it is at
        least.
        """

        def size(record: Record) -> tuple[int, int]:
            if record.annotation.size is not None:
                return record.annotation.size
            if record.img_path is not None:
                height, width = inspect_image(record.img_path)
                return width, height
            corners = [box.bbox[2:] for box in record.annotation.boxes]
            width, height = (max(1, *map(int, side)) for side in zip(*corners, (1, 1)))
            return width, height

        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(size, records))

    def _instances(self, record: Record, faults: list[str]) -> list[dict]:
        known = {name.casefold() for name in self.METAINFO['classes']}
        labels = {name.casefold(): label for label, name in enumerate(self.metainfo['classes'])}
        instances = []
        for box in record.annotation.boxes:
            name = box.name.casefold()
            fault = box.fault
            if name not in labels and name not in known:
                fault = f'{box.name[:40]!r} is no class'
            if fault:
                error = AnnotationError(
                    record.ann_path,
                    box.line,
                    f'box {[round(edge, 2) for edge in box.bbox]} cannot be used: {fault}',
                )
                if self.bad_boxes == 'error':
                    raise AnnotationError(
                        error.path,
                        error.line,
                        f'{error.reason}; correct it, or leave such boxes out by bad_boxes=skip',
                    )
                faults.append(str(error))
            elif name in labels:  # else: not among metainfo.classes
                instances.append(
                    dict(
                        bbox=list(box.bbox), bbox_label=labels[name], ignore_flag=int(box.difficult)
                    )
                )
        return instances


def _check_choice(key: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f'{key}={value!r} is none of {", ".join(choices)}')
