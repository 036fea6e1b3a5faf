from .enhancers import ZeroDCE, ZeroDCENet
from .losses import (
    ColorConstancyLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    MarginRankingLoss,
    SDAGGuidanceLoss,
    SpatialConsistencyLoss,
)
from .sdag import SDAG, BackboneExtractor, SDAGNet, VGGExtractor

__all__ = [
    'SDAG', 'BackboneExtractor', 'ColorConstancyLoss', 'ExposureControlLoss',
    'IlluminationSmoothnessLoss', 'MarginRankingLoss', 'SDAGGuidanceLoss',
    'SDAGNet', 'SpatialConsistencyLoss', 'VGGExtractor', 'ZeroDCE',
    'ZeroDCENet'
]
