from .bootstrap import Interval, interval, resample
from .detection import DetectionMatches, match_detections
from .reconstruction_error import SDAGReconstructionError
from .segmentation import PixelCounts

__all__ = [
    'DetectionMatches', 'Interval', 'PixelCounts', 'SDAGReconstructionError',
    'interval', 'match_detections', 'resample'
]
