"""Visualizers that draw predictions on enhanced images."""

from __future__ import annotations

from mmsdag.registry import VISUALIZERS


def __getattr__(name: str) -> type:
    """Import a class that extends mmdet or mmseg on first access."""
    return VISUALIZERS.attribute_of(__name__, name)
