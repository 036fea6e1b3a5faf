"""Datasets, samplers and image transforms."""

from __future__ import annotations

from mmsdag.registry import DATASETS

from .exposure_folder import ExposureFolderDataset
from .low_light_folder import LowLightFolderDataset
from .paired_folder import PairedFolderDataset
from .samplers import ResumableSampler
from .unpaired import UnpairedDataset

__all__ = [
    'ExposureFolderDataset',
    'LowLightFolderDataset',
    'PairedFolderDataset',
    'ResumableSampler',
    'UnpairedDataset',
]


def __getattr__(name: str) -> type:
    """Import a class that extends mmdet or mmseg on first access."""
    return DATASETS.attribute_of(__name__, name)
