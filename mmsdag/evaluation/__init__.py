"""Metrics, and figures of recognition image by image."""
from __future__ import annotations

from mmsdag.registry import METRICS

from .bootstrap import Interval, interval, resample
from .detection import DetectionMatches, match_detections
from .reconstruction_error import SDAGReconstructionError
from .segmentation import PixelCounts

__all__ = [
    'DetectionMatches', 'Interval', 'PixelCounts', 'SDAGReconstructionError',
    'interval', 'match_detections', 'resample'
]


def __getattr__(name: str) -> type:
    """What extends mmagic is imported when asked for."""
    return METRICS.attribute_of(__name__, name)
