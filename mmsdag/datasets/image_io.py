"""The old place of :mod:`mmsdag.utils.image_io`."""
from __future__ import annotations

import warnings

from mmsdag.utils.image_io import (
    IMAGE_SUFFIXES,
    BrokenImageError,
    inspect_image,
    read_image,
)

__all__ = ['IMAGE_SUFFIXES', 'BrokenImageError', 'inspect_image', 'read_image']

warnings.warn(
    'mmsdag.datasets.image_io is now mmsdag.utils.image_io: import '
    'from there',
    FutureWarning,
    stacklevel=2)
