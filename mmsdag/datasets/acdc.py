"""The night part of ACDC, the Adverse Conditions Dataset."""

from __future__ import annotations

from typing import Any

from mmseg.datasets import CityscapesDataset

from mmsdag.registry import DATASETS

from .night_segmentation import NightSegmentationBase


@DATASETS.register_module()
class ACDCNightDataset(NightSegmentationBase, CityscapesDataset):
    """ACDC at night: Sakaridis et al., ICCV 2021; Cityscapes' 19 classes.

    Images are ``rgb_anon/night/SPLIT/GOPRxxxx/NAME_rgb_anon.png``, labels
    ``gt/night/SPLIT/GOPRxxxx/NAME_gt_labelTrainIds.png`` or, with
    ``label_ids``, ``NAME_gt_labelIds.png``. The split ``test`` has no public
    labels.

    Args:
        img_suffix: End of the image files.
        **kwargs: See
            :class:`mmsdag.datasets.night_segmentation.NightSegmentationBase`.
    """

    def __init__(self, img_suffix: str = '_rgb_anon.png', **kwargs: Any) -> None:
        super().__init__(img_suffix=img_suffix, **kwargs)
