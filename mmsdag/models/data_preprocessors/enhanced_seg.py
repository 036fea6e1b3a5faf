"""Enhancement before an mmseg segmentor."""

from __future__ import annotations

from mmseg.models import SegDataPreProcessor

from mmsdag.registry import MODELS

from .enhancement import EnhancementMixin


@MODELS.register_module()
class EnhancedSegDataPreprocessor(EnhancementMixin, SegDataPreProcessor):
    """``mmseg.SegDataPreProcessor`` that enhances each image first.

    The arguments are those of :class:`EnhancementMixin` and of
    ``mmseg.SegDataPreProcessor``, which a config inherits.

    Example:
        >>> model = dict(
        ...     data_preprocessor=dict(
        ...         type='mmsdag.EnhancedSegDataPreprocessor',
        ...         enhancer=dict(type='mmsdag.GammaEnhancer')))
    """
