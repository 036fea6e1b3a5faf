"""Detection in exposure brackets, labeled on the well-lit shots."""

from __future__ import annotations

import os
from typing import Any

from mmdet.datasets import CocoDataset

from mmsdag.registry import DATASETS

from .coco_subset import CocoSubsetDataset
from .image_lists import Range, scenes_of_images


@DATASETS.register_module()
class ExposureBracketDataset(CocoSubsetDataset):
    """COCO annotations of some scenes of a folder of exposure brackets.

    Where there is a list of scenes, every image has ``scene``, the number of
    its scene, or None if the list does not name the image.

    Args:
        *args: See :class:`CocoSubsetDataset`.
        scene_range: First and last scene, both included; None is open. It
            needs the list of scenes, ``scenes.json`` in ``data_root``, with
            an object for each, whose ``images`` are its file names. The
            number of a scene is the one in the name of its first image, as in
            :class:`ExposureFolderDataset`.
        **kwargs: See :class:`CocoSubsetDataset`.

    Raises:
        AnnotationError: If a file is no COCO annotation or list of scenes.
        FileNotFoundError: If a file is missing.
        ValueError: If the range holds no image.
    """

    METAINFO = dict(CocoDataset.METAINFO, dataset_type='exposure_bracket')

    def __init__(self, *args: Any, scene_range: Range = (None, None), **kwargs: Any) -> None:
        self.scene_range = scene_range
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Check and read the annotations; keep those in the range."""
        infos = super().load_data_list()
        path = os.path.join(self.data_root or '', 'scenes.json')
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
                f'to {self.scene_range[1]}: widen scene_range'
            )
        return infos
