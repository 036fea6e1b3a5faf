"""Batches on the device; enhancement before data preprocessors of others."""
from .image import ImageDataPreprocessor

__all__ = ['ImageDataPreprocessor']
