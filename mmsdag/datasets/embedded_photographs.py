"""The old name of :mod:`mmsdag.synthetic.embedded_photographs`."""

from mmsdag.utils.moved import moved_module

moved_module(__name__, 'mmsdag.synthetic.embedded_photographs')
