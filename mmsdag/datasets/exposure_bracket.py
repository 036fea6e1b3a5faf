"""Recognition in exposure brackets: what good light shows, in the dark."""
from __future__ import annotations

import os
from typing import Any

from mmdet.datasets import CocoDataset

from mmsdag.registry import DATASETS

from .annotations import MAX_LIST_BYTES, parse_coco, read_bytes
from .image_lists import Range, scenes_of_images


@DATASETS.register_module()
class ExposureBracketDataset(CocoDataset):
    """COCO annotations of some scenes of a folder of exposure brackets.

    The JSON is checked before it is used: every fault gives one error that
    names the file. Where there is a list of scenes, every image has
    ``scene``, the number of its own, or None if it is not listed.

    Args:
        ann_file: The annotations, of COCO's 80 classes by default.
        scenes_file: The list of scenes, in ``data_root``: a JSON list with
            an object for each, whose ``images`` are its file names. Must
            be there for a range.
        scene_range: First and last scene, both included; None is open. A
            scene has the number in the name of its first image, as in
            :class:`ExposureFolderDataset`.
        **kwargs: See :class:`mmdet.datasets.CocoDataset`; ``data_prefix`` is
            ``images`` by default.

    Raises:
        FileNotFoundError: A file is missing.
        AnnotationError: It is no COCO annotation or list of scenes.
        ValueError: The range holds no image.
    """

    METAINFO = dict(CocoDataset.METAINFO, dataset_type='exposure_bracket')

    def __init__(self,
                 *args: Any,
                 scenes_file: str = 'scenes.json',
                 scene_range: Range = (None, None),
                 data_prefix: dict | None = None,
                 **kwargs: Any) -> None:
        self.scenes_file = scenes_file
        self.scene_range = scene_range
        super().__init__(
            *args, data_prefix=data_prefix or dict(img='images'), **kwargs)

    def load_data_list(self) -> list[dict]:
        """Check and read the annotations; keep those in the range."""
        if not os.path.isfile(self.ann_file):
            raise FileNotFoundError(
                f'no annotations {self.ann_file!r} (working folder '
                f'{os.getcwd()}): check data_root and ann_file')
        data = parse_coco(
            read_bytes(self.ann_file, MAX_LIST_BYTES), self.ann_file)
        infos = super().load_data_list()
        self._label_by_name(
            infos, {c['id']: c['name'] for c in data['categories']})
        path = os.path.join(self.data_root or '', self.scenes_file)
        everything = tuple(self.scene_range) == (None, None)
        if everything and not os.path.isfile(path):
            return infos
        scenes = scenes_of_images(path, self.scene_range)
        for info in infos:
            info['scene'] = scenes.get(os.path.basename(info['img_path']))
        if everything:
            return infos
        infos = [info for info in infos if info['scene'] is not None]
        if not infos:
            raise ValueError(
                f'{self.ann_file}: no images of scenes {self.scene_range[0]} '
                f'to {self.scene_range[1]}: widen scene_range')
        return infos

    def _label_by_name(self, infos: list[dict], names: dict) -> None:
        """Make labels the places of the names in ``classes``.

        mmdet numbers the categories as they come in the JSON, and would mix
        them up where it lacks some or has them in another order.
        """
        classes = list(self.metainfo['classes'])
        labels = [classes.index(names[n]) for n in self.cat_ids]
        self.cat2label = dict(zip(self.cat_ids, labels))
        for info in infos:
            for instance in info['instances']:
                instance['bbox_label'] = labels[instance['bbox_label']]
