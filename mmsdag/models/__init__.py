from __future__ import annotations

from mmsdag.registry import MODELS

from .enhancers import (
    CLAHEEnhancer,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
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
    SpatialConsistencyLoss,
)
from .sdag import BackboneExtractor, SDAGNet, VGGExtractor

__all__ = [
    'BackboneExtractor', 'CLAHEEnhancer', 'ColorConstancyLoss',
    'ExposureControlLoss', 'GammaEnhancer', 'HistogramEqualizationEnhancer',
    'IlluminationSmoothnessLoss', 'MarginRankingLoss', 'MeanSmoothnessLoss',
    'MultiScaleRetinexEnhancer', 'NeighborSmoothnessLoss', 'RUASNet',
    'SCINet', 'SDAGGuidanceLoss', 'SDAGNet', 'SpatialConsistencyLoss',
    'VGGExtractor', 'ZeroDCENet', 'ZeroDCEPPNet', 'build_enhancer'
]


def __getattr__(name: str) -> type:
    """What extends mmagic, mmdet or mmseg is imported when asked for."""
    return MODELS.attribute_of(__name__, name)
