"""The night images of BDD100K's semantic segmentation."""

from __future__ import annotations

from typing import Any

from mmseg.datasets import BDD100KDataset

from mmsdag.registry import DATASETS

from .night_segmentation import NightSegmentationBase


@DATASETS.register_module()
class BDD100KNightDataset(NightSegmentationBase, BDD100KDataset):
    """mmseg's BDD100K, of the images in a list; 19 classes of Cityscapes.

    Images are ``images/10k/SPLIT/NAME.jpg``, labels
    ``labels/sem_seg/masks/SPLIT/NAME.png``, which hold train ids.

    Args:
        ann_file: Text file with the names of the night images, one a line,
            without suffix; ``tools/dataset_converters/bdd100k_night.py``
            makes it from BDD100K's own attributes.
        **kwargs: See
            :class:`mmsdag.datasets.night_segmentation.NightSegmentationBase`.

    Raises:
        ValueError: If there is no list: the folders hold day and night.
    """

    SEG_MAP_SUFFIXES = {False: '.png', True: '.png'}

    def __init__(self, ann_file: str = '', **kwargs: Any) -> None:
        if not ann_file:
            raise ValueError(
                'BDD100KNightDataset: ann_file must name the list of night images, as the folders '
                'hold day and night; tools/dataset_converters/bdd100k_night.py makes one'
            )
        super().__init__(ann_file=ann_file, **kwargs)
