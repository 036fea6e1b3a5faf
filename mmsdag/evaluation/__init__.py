"""Image metrics, and recognition metrics from per-image statistics."""

from __future__ import annotations

from .bootstrap import Interval, interval, resample
from .classification import LabelHits
from .detection import DetectionMatches, match_detections
from .image_quality import LPIPS, NIQE, PSNR, SSIM, ImageStatistics, LightnessOrderError
from .mean_matched import MeanMatchedPSNR
from .reconstruction_error import SDAGReconstructionError
from .segmentation import PixelCounts

__all__ = [
    'LPIPS',
    'NIQE',
    'PSNR',
    'SSIM',
    'DetectionMatches',
    'ImageStatistics',
    'Interval',
    'LabelHits',
    'LightnessOrderError',
    'MeanMatchedPSNR',
    'PixelCounts',
    'SDAGReconstructionError',
    'interval',
    'match_detections',
    'resample',
]
