"""Registered data transforms: thin classes over ``mmsdag.functional``."""
from .degradations import (
                           GammaDegradation,
                           GaussianNoiseDegradation,
                           LowLightDegradation,
                           PoissonGaussianNoiseDegradation,
)
from .enhance_image import EnhanceImage
from .loading import LoadLowLightImage

__all__ = [
    'EnhanceImage', 'GammaDegradation', 'GaussianNoiseDegradation',
    'LoadLowLightImage', 'LowLightDegradation',
    'PoissonGaussianNoiseDegradation'
]
