"""Datasets, samplers and image transforms."""
from .exposure_folder import ExposureFolderDataset
from .low_light_folder import LowLightFolderDataset
from .samplers import ResumableSampler

__all__ = [
    'ExposureFolderDataset', 'LowLightFolderDataset', 'ResumableSampler'
]
