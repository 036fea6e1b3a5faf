"""The old name of :mod:`mmsdag.synthetic.night_scenes`."""

from mmsdag.utils.moved import moved_module

moved_module(__name__, 'mmsdag.synthetic.night_scenes')
