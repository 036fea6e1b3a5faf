"""Road scenes by day and at dusk."""

from __future__ import annotations

import os
import re
from typing import Any

from mmseg.datasets import BaseSegDataset

from mmsdag.registry import DATASETS

from .night_segmentation import NightSegmentationBase

#: The sequence taken at dusk.
_DUSK = '0001TP'
#: Frames in ten seconds of the videos.
_SCENE = 300
#: SegNet's classes and their colors.
_CLASSES = {
    'sky': [128, 128, 128],
    'building': [128, 0, 0],
    'pole': [192, 192, 128],
    'road': [128, 64, 128],
    'pavement': [60, 40, 222],
    'tree': [128, 128, 0],
    'sign': [192, 128, 128],
    'fence': [64, 64, 128],
    'car': [64, 0, 128],
    'pedestrian': [64, 64, 0],
    'bicyclist': [0, 128, 192],
}
#: SegNet's label of what is not evaluated.
_VOID = 11


@DATASETS.register_module()
class CamVidDataset(NightSegmentationBase, BaseSegDataset):
    """CamVid: Brostow et al., ECCV 2008, with SegNet's 11 classes.

    Images and labels have the same name, ``SEQUENCE_FRAME.png``. Label 11,
    which is ignored, becomes ``ignore_index``, 255 by default, when
    ``mmseg.LoadAnnotations`` loads it: stock metrics then ignore it. Frames
    have ``sequence``; those of ``0001TP`` were taken at dusk, all others by
    day. They also have ``scene``, the stretch of ten seconds that they belong
    to: neighboring frames are not independent, and a bootstrap has to draw
    them together.

    Args:
        light: ``'day'`` or ``'dusk'`` keeps these frames alone; ``None``
            keeps all.
        img_suffix: Suffix of the images.
        seg_map_suffix: Suffix of the labels.
        **kwargs: See ``mmseg.datasets.BaseSegDataset``.

    Raises:
        FileNotFoundError: If a folder, an image or a label is missing.
        ValueError: If ``light`` is none of these or keeps no frame.
    """

    METAINFO = dict(classes=tuple(_CLASSES), palette=list(_CLASSES.values()))

    def __init__(
        self,
        light: str | None = None,
        img_suffix: str = '.png',
        seg_map_suffix: str = '.png',
        **kwargs: Any,
    ) -> None:
        if light not in (None, 'day', 'dusk'):
            raise ValueError(f"light={light!r} of CamVidDataset: must be 'day', 'dusk' or None")
        self.light = light
        super().__init__(
            img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, reduce_zero_label=False, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """Return paths, ``sequence`` and ``scene`` of each frame."""
        infos = super().load_data_list()
        label_map = {**(self.label_map or {}), _VOID: self.ignore_index}
        for info in infos:
            name = os.path.basename(info['img_path'])
            sequence, _, frame = os.path.splitext(name)[0].partition('_')
            number = int(re.sub(r'\D', '', frame) or 0)
            info.update(
                sequence=sequence, scene=f'{sequence} {number // _SCENE}', label_map=label_map
            )
        kept = [
            info
            for info in infos
            if self.light is None or (info['sequence'] == _DUSK) == (self.light == 'dusk')
        ]
        if not kept:
            raise ValueError(
                f'CamVidDataset: light={self.light!r} keeps none of the {len(infos)} frames in '
                f'{self.data_prefix["img_path"]}; those at dusk are named {_DUSK}_*'
            )
        return kept
