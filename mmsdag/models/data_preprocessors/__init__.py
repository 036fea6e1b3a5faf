"""Batches on the device; enhancement before data preprocessors of others."""
from .enhanced_any import EnhancedDataPreprocessor
from .image import ImageDataPreprocessor

__all__ = ['EnhancedDataPreprocessor', 'ImageDataPreprocessor']
