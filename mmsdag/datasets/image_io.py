"""The old name of :mod:`mmsdag.utils.image_io`."""

from mmsdag.utils.moved import moved_module

moved_module(__name__, 'mmsdag.utils.image_io')
