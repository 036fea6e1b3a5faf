from __future__ import annotations

from mmsdag.registry import MODELS

from .enhancers import (
    CLAHEEnhancer,
    EnhancerWrapper,
    EnlightenGANNet,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    LIMEEnhancer,
    MultiScaleRetinexEnhancer,
    RUASNet,
    SCINet,
    ZeroDCENet,
    ZeroDCEPPNet,
    build_enhancer,
)
from .losses import (
    ColorConstancyLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    MarginRankingLoss,
    MeanSmoothnessLoss,
    NeighborSmoothnessLoss,
    SDAGGuidanceLoss,
    SelfFeaturePreservingLoss,
    SpatialConsistencyLoss,
)
from .sdag import (
    BackboneExtractor,
    DeepVGGExtractor,
    SDAGNet,
    VGGExtractor,
)

__all__ = [
    'BackboneExtractor', 'CLAHEEnhancer', 'ColorConstancyLoss',
    'DeepVGGExtractor', 'EnhancerWrapper', 'EnlightenGANNet',
    'ExposureControlLoss', 'GammaEnhancer', 'HistogramEqualizationEnhancer',
    'IlluminationSmoothnessLoss', 'LIMEEnhancer', 'MarginRankingLoss',
    'MeanSmoothnessLoss', 'MultiScaleRetinexEnhancer',
    'NeighborSmoothnessLoss', 'RUASNet', 'SCINet', 'SDAGGuidanceLoss',
    'SDAGNet', 'SelfFeaturePreservingLoss', 'SpatialConsistencyLoss',
    'VGGExtractor', 'ZeroDCENet', 'ZeroDCEPPNet', 'build_enhancer'
]


def __getattr__(name: str) -> type:
    """What extends mmagic, mmdet or mmseg is imported when asked for."""
    return MODELS.attribute_of(__name__, name)
