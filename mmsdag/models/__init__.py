from __future__ import annotations

from typing import Any

from mmsdag.registry import MODELS

from . import loading
from .data_preprocessors import EnhancedDataPreprocessor, ImageDataPreprocessor
from .enhancers import (
    BlendUNet,
    CLAHEEnhancer,
    CoLIEEnhancer,
    DENet,
    DenoisedEnhancer,
    EnhancerWrapper,
    EnlightenGANNet,
    FeatEnHancer,
    FRBNet,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    IATNet,
    InverseGainEnhancer,
    LIMEEnhancer,
    MeanScaleEnhancer,
    MultiScaleRetinexEnhancer,
    PairLIENet,
    RUASNet,
    SCINet,
    YOLANet,
    ZeroDCENet,
    ZeroDCEPPNet,
    ZeroIGNet,
)
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
from .losses import (
    AdaptiveLightLoss,
    AgreementGuidanceLoss,
    BlurredMSELoss,
    ColorConstancyLoss,
    ConsistencyGuidanceLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    LeastSquaresGANLoss,
    MarginRankingLoss,
    MeanSmoothnessLoss,
    MSELoss,
    NeighborSmoothnessLoss,
    NoiseEnergyLoss,
    RetinexLoss,
    SDAGGuidanceLoss,
    SelfFeaturePreservingLoss,
    SpatialConsistencyLoss,
    TextureConsistencyLoss,
)
from .maet import MAET
from .sdag import BackboneExtractor, DeepVGGExtractor, SDAGNet, VGGExtractor
from .sdag.sdag import SDAG

__all__ = [
    'AdaptiveLightLoss',
    'AgreementGuidanceLoss',
    'BackboneExtractor',
    'BlendUNet',
    'BlurredMSELoss',
    'CLAHEEnhancer',
    'CoLIEEnhancer',
    'ColorConstancyLoss',
    'ConsistencyGuidanceLoss',
    'DENet',
    'DeepVGGExtractor',
    'DenoisedEnhancer',
    'EnhancedDataPreprocessor',
    'EnhancerWrapper',
    'EnlightenGAN',
    'EnlightenGANNet',
    'ExposureControlLoss',
    'FRBNet',
    'FeatEnHancer',
    'GammaEnhancer',
    'HistogramEqualizationEnhancer',
    'IATNet',
    'IlluminationSmoothnessLoss',
    'ImageDataPreprocessor',
    'InverseGainEnhancer',
    'LIMEEnhancer',
    'LeastSquaresGANLoss',
    'MAET',
    'MSELoss',
    'MarginRankingLoss',
    'MeanScaleEnhancer',
    'MeanSmoothnessLoss',
    'MultiScaleRetinexEnhancer',
    'NeighborSmoothnessLoss',
    'NoiseEnergyLoss',
    'NormFreePatchDiscriminator',
    'PairLIE',
    'PairLIENet',
    'RUAS',
    'RUASNet',
    'RetinexLoss',
    'SCI',
    'SCINet',
    'SDAG',
    'SDAGGuidanceLoss',
    'SDAGNet',
    'SelfFeaturePreservingLoss',
    'SelfSupervisedRestorer',
    'SpatialConsistencyLoss',
    'TextureConsistencyLoss',
    'UnsupervisedEnhancer',
    'VGGExtractor',
    'YOLANet',
    'ZeroDCE',
    'ZeroDCENet',
    'ZeroDCEPP',
    'ZeroDCEPPNet',
    'ZeroIG',
    'ZeroIGNet',
    'load_enhancer',
]


def __getattr__(name: str) -> Any:
    """Import what extends mmdet or mmseg when it is asked for."""
    if name == 'build_enhancer':
        return getattr(loading, name)  # its older name, with a warning
    return MODELS.attribute_of(__name__, name)
