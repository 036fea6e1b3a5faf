"""Common objects by day and at night."""

from __future__ import annotations

import os
from typing import Any

from mmpretrain.datasets import BaseDataset

from mmsdag.registry import DATASETS

SPLITS = ('train', 'val', 'test_day', 'test_night')


@DATASETS.register_module()
class CODaNDataset(BaseDataset):
    """CODaN: Lengyel et al., ICCV 2021; 10 classes, 224x224 pixels.

    Images are ``SPLIT/CLASS/NAME.jpg`` (or ``.JPEG``), as the authors'
    archives unpack: 10,000 of ``train``, 500 of ``val`` and 2,500 of
    ``test_day``, all by day, and 2,500 of ``test_night``.

    Args:
        split: ``'train'``, ``'val'``, ``'test_day'`` or ``'test_night'``.
        data_root: Folder of the splits.
        **kwargs: See ``mmpretrain.datasets.BaseDataset``.

    Raises:
        FileNotFoundError: If the folder of the split or of a class is
            missing.
        ValueError: If there is no such split.
    """

    METAINFO = dict(
        classes=(
            'Bicycle',
            'Car',
            'Motorbike',
            'Bus',
            'Boat',
            'Cat',
            'Dog',
            'Bottle',
            'Cup',
            'Chair',
        )
    )

    def __init__(self, split: str = 'test_night', data_root: str = '', **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'split={split!r} of CODaNDataset: must be one of {", ".join(SPLITS)}')
        self.split = split
        super().__init__(ann_file='', data_root=data_root, data_prefix=split, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return ``img_path`` and ``gt_label`` of each image."""
        infos = []
        for label, name in enumerate(self.METAINFO['classes']):
            folder = os.path.join(self.img_prefix, name)
            if not os.path.isdir(folder):
                raise FileNotFoundError(
                    f'CODaNDataset: no folder {folder} (working folder {os.getcwd()}): unpack '
                    f'codan_{self.split}.tar.bz2 and set data_root={self.data_root!r} to the '
                    f'folder of its {self.split}/'
                )
            infos += [
                dict(img_path=os.path.join(folder, image), gt_label=label)
                for image in sorted(os.listdir(folder))
                if image.lower().endswith(('.jpg', '.jpeg'))
            ]
        return infos
