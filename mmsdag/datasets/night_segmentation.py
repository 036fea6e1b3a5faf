"""Common parts of the night datasets with Cityscapes' classes.

They extend mmseg's datasets: the files are checked when the dataset is built,
and labels may be Cityscapes' label ids as well as its train ids.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from mmengine import fileio
from mmseg.datasets import BaseSegDataset

from .low_light_folder import named

#: Cityscapes' train id of each label id that is evaluated (its published
#: table); the other label ids, from 0 to 33, are ignored.
TRAIN_IDS = {
    label_id: train_id
    for train_id, label_id in enumerate(
        (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    )
}
_LABEL_IDS = range(34)


def label_id_map(
    train_id_map: dict[int, int] | None = None, ignore_index: int = 255
) -> dict[int, int]:
    """Map each label id of Cityscapes to a train id or to 255.

    Args:
        train_id_map: Further mapping of the train ids, as mmseg builds it if
            ``metainfo`` names only some of the classes.
        ignore_index: Value for the label ids that are not evaluated.

    Returns:
        The ``label_map`` for ``mmseg.LoadAnnotations``, which does not change
        values outside of it (255, which is ignored already: also the id -1 of
        license plates in 8 bits).
    """
    mapping = {}
    for label_id in _LABEL_IDS:
        train_id = TRAIN_IDS.get(label_id, ignore_index)
        mapping[label_id] = (train_id_map or {}).get(train_id, train_id)
    return mapping


class NightSegmentationBase(BaseSegDataset):
    """Check files and map label ids of an ``mmseg`` dataset.

    It comes before one of them in the bases of a class.

    Without ``seg_map_path`` in ``data_prefix`` the images have no labels, as
    those of a test set have none.

    Args:
        label_ids: Whether the labels are Cityscapes' label ids, which become
            train ids when ``mmseg.LoadAnnotations`` loads them.
        seg_map_suffix: End of the label files. Defaults to that of the files
            with train ids or, with ``label_ids``, of those with label ids.
        **kwargs: See ``mmseg.BaseSegDataset``.

    Raises:
        FileNotFoundError: A missing folder, list, image or label, or no image
            at all.
    """

    #: End of the label files by ``label_ids``.
    SEG_MAP_SUFFIXES = {False: '_gt_labelTrainIds.png', True: '_gt_labelIds.png'}

    def __init__(
        self, label_ids: bool = False, seg_map_suffix: str | None = None, **kwargs: Any
    ) -> None:
        # Before the dataset loads its list.
        self.label_ids = label_ids
        if seg_map_suffix is None:
            seg_map_suffix = self.SEG_MAP_SUFFIXES[label_ids]
        super().__init__(seg_map_suffix=seg_map_suffix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return ``img_path``, ``seg_map_path``, ``label_map`` of images."""
        name = type(self).__name__
        for key in ('img_path', 'seg_map_path'):
            folder = self.data_prefix.get(key)
            if folder is not None and not fileio.isdir(folder, self.backend_args):
                raise FileNotFoundError(
                    f'{name}: no folder {folder} (working folder '
                    f'{os.getcwd()}): check data_root={self.data_root!r} and '
                    f'data_prefix.{key}; docs/datasets.md shows the tree'
                )
        if self.ann_file and not fileio.exists(self.ann_file, self.backend_args):
            raise FileNotFoundError(f'{name}: no list of images ann_file={self.ann_file!r}')
        infos = super().load_data_list()
        if not infos:
            raise FileNotFoundError(self._nothing_found())
        self._check_files(infos, 'img_path', 'images')
        if 'seg_map_path' in infos[0]:
            self._check_files(infos, 'seg_map_path', 'labels')
        if self.label_ids:
            mapping = label_id_map(self.label_map, self.ignore_index)
            for info in infos:
                info['label_map'] = mapping
        return infos

    def _nothing_found(self) -> str:
        name, folder = type(self).__name__, self.data_prefix['img_path']
        if self.ann_file:
            return f'{name}: ann_file={self.ann_file!r} lists no image'
        ends = Counter(
            os.path.splitext(file)[1]
            for file in fileio.list_dir_or_file(
                folder, list_dir=False, recursive=True, backend_args=self.backend_args
            )
        )
        there = (
            ', '.join(f'{n} {end or "without suffix"}' for end, n in ends.most_common(3)) or 'none'
        )
        return (
            f'{name}: no image in {folder} and the folders in it ends in '
            f'img_suffix={self.img_suffix!r} (files there: {there}): '
            'check img_suffix and data_prefix.img_path'
        )

    def _check_files(self, infos: list[dict], key: str, kind: str) -> None:
        missing = [info[key] for info in infos if not fileio.exists(info[key], self.backend_args)]
        if not missing:
            return
        remedy = (
            'check data_prefix.img_path and ann_file, which holds names '
            f'without img_suffix={self.img_suffix!r}'
            if key == 'img_path'
            else f'check data_prefix.seg_map_path, seg_map_suffix='
            f'{self.seg_map_suffix!r} and label_ids={self.label_ids}; without '
            'data_prefix.seg_map_path, images are read without labels'
        )
        raise FileNotFoundError(
            f'{type(self).__name__}: {len(missing)} of {len(infos)} {kind} '
            f'are missing; {remedy}:{named(missing)}'
        )
