"""Registered data transforms: thin classes over ``mmsdag.functional``."""
from .degradations import (
                           GammaDegradation,
                           GaussianNoiseDegradation,
                           LowLightDegradation,
                           PoissonGaussianNoiseDegradation,
)
from .loading import LoadLowLightImage

__all__ = [
    'GammaDegradation', 'GaussianNoiseDegradation', 'LoadLowLightImage',
    'LowLightDegradation', 'PoissonGaussianNoiseDegradation'
]
