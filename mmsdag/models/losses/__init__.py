from .adversarial import LeastSquaresGANLoss
from .agreement import AgreementGuidanceLoss
from .consistency import ConsistencyGuidanceLoss
from .feature_preserving import SelfFeaturePreservingLoss
from .guidance import SDAGGuidanceLoss
from .margin_ranking import MarginRankingLoss
from .pixelwise import MSELoss
from .retinex import RetinexLoss
from .smoothness import MeanSmoothnessLoss, NeighborSmoothnessLoss
from .zero_ig import AdaptiveLightLoss, BlurredMSELoss, NoiseEnergyLoss, TextureConsistencyLoss
from .zero_reference import (
    ColorConstancyLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    SpatialConsistencyLoss,
)

__all__ = [
    'AdaptiveLightLoss',
    'AgreementGuidanceLoss',
    'BlurredMSELoss',
    'ColorConstancyLoss',
    'ConsistencyGuidanceLoss',
    'ExposureControlLoss',
    'IlluminationSmoothnessLoss',
    'LeastSquaresGANLoss',
    'MSELoss',
    'MarginRankingLoss',
    'MeanSmoothnessLoss',
    'NeighborSmoothnessLoss',
    'NoiseEnergyLoss',
    'RetinexLoss',
    'SDAGGuidanceLoss',
    'SelfFeaturePreservingLoss',
    'SpatialConsistencyLoss',
    'TextureConsistencyLoss',
]
