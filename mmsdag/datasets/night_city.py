"""NightCity and NightCity-fine."""

from __future__ import annotations

from typing import Any

from mmseg.datasets import CityscapesDataset

from mmsdag.registry import DATASETS

from .night_segmentation import NightSegmentationBase


@DATASETS.register_module()
class NightCityDataset(NightSegmentationBase, CityscapesDataset):
    """NightCity: Tan et al., TIP 2021; 19 classes of Cityscapes.

    Images are ``NightCity-images/images/SPLIT/NAME.png``, labels
    ``NightCity-label/label/SPLIT/NAME_labelIds.png``, which hold label ids.
    In NightCity-fine (Wei et al., ICCV 2023) they are ``SPLIT/img/NAME.png``
    and, with train ids (``label_ids=False``),
    ``SPLIT/lbl/NAME_trainIds.png``.

    Args:
        label_ids: Whether the labels are label ids.
        img_suffix: End of the image files; some copies hold ``'.jpg'``.
        **kwargs: See
            :class:`mmsdag.datasets.night_segmentation.NightSegmentationBase`.
    """

    SEG_MAP_SUFFIXES = {False: '_trainIds.png', True: '_labelIds.png'}

    def __init__(self, label_ids: bool = True, img_suffix: str = '.png', **kwargs: Any) -> None:
        super().__init__(label_ids=label_ids, img_suffix=img_suffix, **kwargs)
