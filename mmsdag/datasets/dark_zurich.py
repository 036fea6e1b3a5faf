"""Dark Zurich."""

from __future__ import annotations

from mmseg.datasets import DarkZurichDataset as MMSegDarkZurichDataset

from mmsdag.registry import DATASETS

from .night_segmentation import NightSegmentationBase


@DATASETS.register_module()
class DarkZurichDataset(NightSegmentationBase, MMSegDarkZurichDataset):
    """mmseg's Dark Zurich, with its files checked and label ids too.

    Sakaridis et al., ICCV 2019; 19 classes of Cityscapes. Images are
    ``rgb_anon/val/night/GOPRxxxx/NAME_rgb_anon.png``, labels
    ``gt/val/night/GOPRxxxx/NAME_gt_labelTrainIds.png`` or, with ``label_ids``,
    ``NAME_gt_labelIds.png``. Only ``val`` has public labels.

    Args:
        label_ids, seg_map_suffix, **kwargs: See
            :class:`mmsdag.datasets.night_segmentation.NightSegmentationBase`.
    """
