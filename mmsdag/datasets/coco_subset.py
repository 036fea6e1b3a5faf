"""COCO annotations of some of a detector's classes."""

from __future__ import annotations

import os
from typing import Any

from mmdet.datasets import CocoDataset

from mmsdag.registry import DATASETS

from .annotations import MAX_LIST_BYTES, parse_coco, read_bytes


@DATASETS.register_module()
class CocoSubsetDataset(CocoDataset):
    """COCO annotations whose categories are some of the dataset's classes.

    Labels are matched by the names of the categories. With the default
    classes, COCO's 80, a detector trained on COCO can be tested on a set that
    has annotations of a few of them, without a change of the detector. The
    annotations are checked before they are used: every fault gives one error
    that names the file.

    Args:
        *args: See :class:`mmdet.datasets.CocoDataset`.
        data_prefix: Folder of the images; ``dict(img='images')`` by default.
        **kwargs: See :class:`mmdet.datasets.CocoDataset`.

    Raises:
        AnnotationError: If the annotations are not in COCO's format.
        FileNotFoundError: If they are missing.
        ValueError: If a category is not one of the classes.
    """

    def __init__(self, *args: Any, data_prefix: dict | None = None, **kwargs: Any) -> None:
        super().__init__(*args, data_prefix=data_prefix or dict(img='images'), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Check and read the annotations; match labels by name."""
        if not os.path.isfile(self.ann_file):
            raise FileNotFoundError(
                f'no annotations {self.ann_file!r} (working folder '
                f'{os.getcwd()}): check data_root and ann_file'
            )
        data = parse_coco(read_bytes(self.ann_file, MAX_LIST_BYTES), self.ann_file)
        infos = super().load_data_list()
        self._label_by_name(infos, {c['id']: c['name'] for c in data['categories']})
        return infos

    def _label_by_name(self, infos: list[dict], names: dict) -> None:
        """Replace labels by the positions of their names in ``classes``.

        mmdet numbers the categories in the order of the file, which is wrong
        where the file lacks some classes or orders them differently.
        """
        classes = list(self.metainfo['classes'])
        labels = [classes.index(names[n]) for n in self.cat_ids]
        self.cat2label = dict(zip(self.cat_ids, labels))
        for info in infos:
            for instance in info['instances']:
                instance['bbox_label'] = labels[instance['bbox_label']]
