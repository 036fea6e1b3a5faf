"""Draw mmdet's predictions on the enhanced image."""

from __future__ import annotations

from mmdet.visualization import DetLocalVisualizer

from mmsdag.registry import VISUALIZERS

from .enhanced import EnhancedVisualizerMixin


@VISUALIZERS.register_module()
class EnhancedDetLocalVisualizer(EnhancedVisualizerMixin, DetLocalVisualizer):
    """``mmdet.DetLocalVisualizer`` that draws on the enhanced image.

    The arguments are those of :class:`EnhancedVisualizerMixin` and of
    ``mmdet.DetLocalVisualizer``, which a config inherits.

    Example:
        >>> visualizer = dict(
        ...     type='mmsdag.EnhancedDetLocalVisualizer',
        ...     enhancer='zero_dce.sdag')
    """
