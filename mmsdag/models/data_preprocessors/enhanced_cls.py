"""Enhancement before an mmpretrain classifier."""

from __future__ import annotations

from mmpretrain.models import ClsDataPreprocessor

from mmsdag.registry import MODELS

from .enhancement import EnhancementMixin


@MODELS.register_module()
class EnhancedClsDataPreprocessor(EnhancementMixin, ClsDataPreprocessor):
    """``mmpretrain.ClsDataPreprocessor`` that enhances each image first.

    The arguments are those of :class:`EnhancementMixin` and of
    ``mmpretrain.ClsDataPreprocessor``, which a config inherits. Images are
    BGR, as mmcv loads them, whatever ``to_rgb`` says about their order in the
    classifier.

    Example:
        >>> data_preprocessor = dict(
        ...     type='mmsdag.EnhancedClsDataPreprocessor',
        ...     enhancer=dict(type='mmsdag.GammaEnhancer'))
    """
