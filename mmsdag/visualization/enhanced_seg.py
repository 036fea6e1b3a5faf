"""Draw mmseg's predictions on the enhanced image."""

from __future__ import annotations

from mmseg.visualization import SegLocalVisualizer

from mmsdag.registry import VISUALIZERS

from .enhanced import EnhancedVisualizerMixin


@VISUALIZERS.register_module()
class EnhancedSegLocalVisualizer(EnhancedVisualizerMixin, SegLocalVisualizer):
    """``mmseg.SegLocalVisualizer`` that draws on the enhanced image.

    The arguments are those of :class:`EnhancedVisualizerMixin` and of
    ``mmseg.SegLocalVisualizer``, which a config inherits.

    Example:
        >>> visualizer = dict(
        ...     type='mmsdag.EnhancedSegLocalVisualizer',
        ...     enhancer='zero_dce.sdag')
    """
