"""Registered data transforms: thin classes over ``mmsdag.functional``."""

from .camera import CameraDegradation
from .darken import Darken, darkened
from .degradations import (
    GammaDegradation,
    GaussianNoiseDegradation,
    LowLightDegradation,
    PoissonGaussianNoiseDegradation,
)
from .enhance_image import EnhanceImage, beside_original
from .geometry import RandomCrop, RandomFlip, RandomTranspose
from .loading import LoadLowLightImage
from .maet import MAETDegradation
from .packing import PackImages, with_meta_keys

__all__ = [
    'CameraDegradation',
    'Darken',
    'EnhanceImage',
    'GammaDegradation',
    'GaussianNoiseDegradation',
    'LoadLowLightImage',
    'LowLightDegradation',
    'MAETDegradation',
    'PackImages',
    'PoissonGaussianNoiseDegradation',
    'RandomCrop',
    'RandomFlip',
    'RandomTranspose',
    'beside_original',
    'darkened',
    'with_meta_keys',
]
