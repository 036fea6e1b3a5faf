"""Traffic signs: the German Traffic Sign Recognition Benchmark."""

from __future__ import annotations

import csv
import math
import os
import re
from collections import defaultdict
from typing import Any

from mmpretrain.datasets import BaseDataset

from mmsdag.registry import DATASETS

from .annotations import MAX_LIST_BYTES, AnnotationError, read_bytes
from .annotations.base import read_number, split_lines

_SUFFIXES = ('.ppm', '.png', '.jpg')
#: Names of images of all classes in one folder: CLASS_TRACK_FRAME.
_FLAT = re.compile(r'(000[0-3]\d|0004[0-2])_(\d+)_\d+\.(?:ppm|png|jpg)')
#: Every so many tracks of a class, one is left for validation.
_VALIDATION_TRACKS = 5


@DATASETS.register_module()
class GTSRBDataset(BaseDataset):
    """GTSRB: Stallkamp et al., Neural Networks 32, 2012; 43 classes.

    Four layouts are read:

    - without ``ann_file``, a folder for each class, named by its number:
      the official ``GTSRB/Final_Training/Images/00000`` to ``00042``;
    - without ``ann_file``, images of all classes in one folder, named
      ``CLASS_TRACK_FRAME`` as in ``00001_00012_00006.png``;
    - ``ann_file='….csv'``, the official ``GT-final_test.csv`` of
      ``GTSRB/Final_Test/Images``, with the columns ``Filename`` and
      ``ClassId``, separated by semicolons;
    - any other ``ann_file``, lines of a name, a class and, optionally, the
      mean gray level of the image: ``00011.png 7 36.9``.

    Training images have ``track``: the frames of a track show one sign and
    are almost the same. (Which test images belong to one track is not
    published.)

    Args:
        ann_file: See above; in ``data_root``.
        data_prefix: Folder of the images; in ``data_root``.
        tracks: ``'train'`` or ``'val'`` splits each class by its tracks: every
            fifth is for validation. ``None`` takes all of them. For folders
            of classes only.
        other_than: Folder of training images, in ``data_root``. Tracks that
            have an image there are left out.
        gray_range: Lowest and highest mean gray level [0, 255], the highest
            excluded; None is open. For lists that give the level.
        **kwargs: See ``mmpretrain.datasets.BaseDataset``.

    Raises:
        AnnotationError: If a line of ``ann_file`` is not of its format.
        FileNotFoundError: If a folder, the list or an image is missing.
        ValueError: If an option has no such value, does not apply to the
            layout, or leaves no image.
    """

    METAINFO = dict(classes=tuple(f'{number:05d}' for number in range(43)))

    def __init__(
        self,
        ann_file: str = '',
        data_prefix: str | dict = '',
        tracks: str | None = None,
        gray_range: tuple[float | None, float | None] = (None, None),
        other_than: str | None = None,
        **kwargs: Any,
    ) -> None:
        if tracks not in (None, 'train', 'val'):
            raise ValueError(f"tracks={tracks!r} of GTSRBDataset: must be 'train', 'val' or None")
        if (tracks or other_than) and ann_file:
            raise ValueError(
                f'tracks={tracks!r}, other_than={other_than!r} of GTSRBDataset: only training '
                f'images have a track, and ann_file={ann_file!r} is a list: leave one of them out'
            )
        self.tracks = tracks
        self.other_than = other_than
        self.gray_range = tuple(gray_range)
        super().__init__(ann_file, data_prefix=data_prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return ``img_path`` and ``gt_label`` of each image.

        Also ``track``, of images in folders of classes; ``gray``, the mean
        gray level, and ``lighting``, its range of ten levels, where the list
        gives it.
        """
        folder = self.img_prefix
        if not os.path.isdir(folder):
            raise FileNotFoundError(
                f'GTSRBDataset: no folder {folder} (working folder {os.getcwd()}): check '
                f'data_root={self.data_root!r} and data_prefix; docs/datasets.md shows the layout'
            )
        if not self.ann_file:
            infos = self._training_images(folder)
        elif not os.path.isfile(self.ann_file):
            raise FileNotFoundError(
                f'GTSRBDataset: no list {self.ann_file!r} (working folder '
                f'{os.getcwd()}): check data_root and ann_file'
            )
        else:
            infos = self._listed(folder)
        infos = [info for info in infos if self._is_in_range(info)]
        if not infos:
            raise ValueError(
                f'GTSRBDataset: no image in {self.ann_file or folder} with '
                f'tracks={self.tracks!r} and gray_range={self.gray_range}'
            )
        missing = [info['img_path'] for info in infos if not os.path.isfile(info['img_path'])]
        if missing:
            raise FileNotFoundError(
                f'GTSRBDataset: {len(missing)} of {len(infos)} images of {self.ann_file} are '
                f'missing, for example {missing[0]}: check data_prefix'
            )
        return infos

    def _training_images(self, folder: str) -> list[dict]:
        """Return the images of a folder whose names tell their tracks."""
        infos = self._images_in_one_folder(folder) or self._images_in_folders(folder, self.tracks)
        if self.other_than is None:
            return infos
        other = os.path.join(self.data_root or '', self.other_than)
        known = {info['track'] for info in self._images_in_folders(other, None)}
        return [info for info in infos if info['track'] not in known]

    def _images_in_one_folder(self, folder: str) -> list[dict]:
        """Return images named CLASS_TRACK_FRAME; none with ``tracks``."""
        infos = []
        for name in sorted(os.listdir(folder)):
            match = _FLAT.fullmatch(name)
            if match and self.tracks is None:
                label, track = match.groups()
                infos.append(
                    dict(
                        img_path=os.path.join(folder, name),
                        gt_label=int(label),
                        track=f'{label}/{track}',
                    )
                )
        return infos

    def _images_in_folders(self, folder: str, split: str | None) -> list[dict]:
        """Return the images of a split in folders of classes."""
        infos = []
        for label, name in enumerate(self.METAINFO['classes']):
            path = os.path.join(folder, name)
            if not os.path.isdir(path):
                raise FileNotFoundError(
                    f'GTSRBDataset: no folder {path} of the class {label}: data_prefix must hold a '
                    'folder for each class, 00000 to 00042, or images named CLASS_TRACK_FRAME '
                    '(then without tracks); for a list of images, set ann_file'
                )
            tracks = defaultdict(list)
            for image in sorted(os.listdir(path)):
                if image.lower().endswith(_SUFFIXES):
                    tracks[image.partition('_')[0]].append(image)
            for position, (track, images) in enumerate(tracks.items()):
                # Two tracks are the fewest: the second is for validation.
                is_val = position % _VALIDATION_TRACKS == 1
                if split in (None, 'val' if is_val else 'train'):
                    infos += [
                        dict(
                            img_path=os.path.join(path, image),
                            gt_label=label,
                            track=f'{name}/{track}',
                        )
                        for image in images
                    ]
        return infos

    def _listed(self, folder: str) -> list[dict]:
        lines = split_lines(read_bytes(self.ann_file, MAX_LIST_BYTES), self.ann_file)
        if self.ann_file.lower().endswith('.csv'):
            rows = csv.DictReader(lines, delimiter=';')
            columns = {'Filename', 'ClassId'}
            if not columns <= set(rows.fieldnames or ()):
                raise AnnotationError(
                    self.ann_file,
                    1,
                    'must have the columns Filename and '
                    f'ClassId, separated by semicolons; has {rows.fieldnames}',
                )
            fields = [[row['Filename'], row['ClassId']] for row in rows]
            first = 2
        else:
            fields, first = [line.split() for line in lines], 1
        return [
            self._info(folder, values, number)
            for number, values in enumerate(fields, first)
            if values
        ]

    def _info(self, folder: str, fields: list[str], number: int) -> dict:
        """Return the data of a line with a name, a class and a gray level."""
        if not 2 <= len(fields) <= 3 or None in fields:
            raise AnnotationError(
                self.ann_file,
                number,
                f'expected a name, a class and, optionally, a mean gray level, got {fields}',
            )
        name, label, *gray = fields
        if not label.isdecimal() or int(label) >= len(self.METAINFO['classes']):
            raise AnnotationError(self.ann_file, number, f'class {label!r}: must be from 0 to 42')
        info: dict[str, Any] = dict(img_path=os.path.join(folder, name), gt_label=int(label))
        if gray:
            level = read_number(gray[0], 'mean gray level', self.ann_file, number)
            tens = int(level // 10) * 10
            info.update(gray=level, lighting=f'gray {tens} to {tens + 10}')
        return info

    def _is_in_range(self, info: dict) -> bool:
        if self.gray_range == (None, None):
            return True
        if 'gray' not in info:
            raise ValueError(
                f'gray_range={self.gray_range} of GTSRBDataset: '
                f'{self.ann_file or self.img_prefix} gives no mean gray level '
                f'of {info["img_path"]}: add it as third column of ann_file'
            )
        low, high = self.gray_range
        return (
            (-math.inf if low is None else low)
            <= info['gray']
            < (math.inf if high is None else high)
        )
