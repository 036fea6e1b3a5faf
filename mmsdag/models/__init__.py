from __future__ import annotations

from typing import Any

from mmsdag.registry import MODELS

from . import enhancers, loading, losses
from .data_preprocessors import EnhancedDataPreprocessor, ImageDataPreprocessor
from .enhancers import *  # noqa: F403
from .enhancers.enlighten_gan import EnlightenGAN, NormFreePatchDiscriminator
from .enhancers.pairlie import PairLIE
from .enhancers.restorer import SelfSupervisedRestorer
from .enhancers.ruas import RUAS
from .enhancers.sci import SCI
from .enhancers.unsupervised import UnsupervisedEnhancer
from .enhancers.zero_dce import ZeroDCE
from .enhancers.zero_dce_pp import ZeroDCEPP
from .enhancers.zero_ig import ZeroIG
from .loading import load_enhancer
from .losses import *  # noqa: F403
from .maet import MAET
from .sdag import BackboneExtractor, DeepVGGExtractor, SDAGNet, VGGExtractor
from .sdag.sdag import SDAG

__all__ = [
    *enhancers.__all__,
    *losses.__all__,
    'BackboneExtractor',
    'DeepVGGExtractor',
    'EnhancedDataPreprocessor',
    'EnlightenGAN',
    'ImageDataPreprocessor',
    'MAET',
    'NormFreePatchDiscriminator',
    'PairLIE',
    'RUAS',
    'SCI',
    'SDAG',
    'SDAGNet',
    'SelfSupervisedRestorer',
    'UnsupervisedEnhancer',
    'VGGExtractor',
    'ZeroDCE',
    'ZeroDCEPP',
    'ZeroIG',
    'load_enhancer',
]


def __getattr__(name: str) -> Any:
    """Import a class that extends mmdet or mmseg on first access."""
    if name == 'build_enhancer':
        return getattr(loading, name)  # its older name, with a warning
    return MODELS.attribute_of(__name__, name)
