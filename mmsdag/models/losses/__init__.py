from .guidance import SDAGGuidanceLoss
from .margin_ranking import MarginRankingLoss
from .zero_reference import (
    ColorConstancyLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    SpatialConsistencyLoss,
)

__all__ = [
    'ColorConstancyLoss', 'ExposureControlLoss', 'IlluminationSmoothnessLoss',
    'MarginRankingLoss', 'SDAGGuidanceLoss', 'SpatialConsistencyLoss'
]
