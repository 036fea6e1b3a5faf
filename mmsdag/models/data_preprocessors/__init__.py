"""Data preprocessors that enhance images, and that of our own models."""

from .enhanced_any import EnhancedDataPreprocessor
from .image import ImageDataPreprocessor

__all__ = ['EnhancedDataPreprocessor', 'ImageDataPreprocessor']
