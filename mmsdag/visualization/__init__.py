"""Visualizers that draw predictions on enhanced images."""

from __future__ import annotations

from mmsdag.registry import VISUALIZERS


def __getattr__(name: str) -> type:
    """What extends mmdet or mmseg is imported when asked for."""
    return VISUALIZERS.attribute_of(__name__, name)
