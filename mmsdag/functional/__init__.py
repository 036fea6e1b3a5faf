"""Pure tensor kernels: no registry, no config, no randomness of their own."""

from ._onednn import set_private_ops, uses_private_ops
from .convolution import conv_of_parts
from .coupling import affine_coupling, coupling_gain
from .curves import apply_curves
from .degradations import (
    add_gaussian_noise,
    add_poisson_gaussian_noise,
    darken_gamma,
    linear_to_srgb,
    read_variance,
    simulate_low_light,
    srgb_to_linear,
    standard_normal,
)
from .fourier import filter_by_matrices, filter_frequencies, frequencies
from .half_instance_norm import half_instance_norm, half_instance_norm_block
from .normalization import IMAGENET_MEAN, IMAGENET_STD, denormalize, normalize
from .patches import diagonal_halves, local_deviation, local_mean, residual_energy, wide_blur
from .pixels import (
    array_from_unit_rgb,
    at_least_float32,
    map_pixels,
    to_uint8,
    to_unit_rgb,
    uint8_from_unit,
    unit_from_uint8,
    unit_rgb_from_array,
)
from .pointwise import pointwise_conv
from .raw import retake_in_the_dark
from .similarity import SIMILARITY_DIMS, cosine_similarity
from .smoothness import flattened_ycbcr, mean_smoothness, neighbor_smoothness
from .window import window_maximum

__all__ = [
    'IMAGENET_MEAN',
    'IMAGENET_STD',
    'SIMILARITY_DIMS',
    'add_gaussian_noise',
    'add_poisson_gaussian_noise',
    'affine_coupling',
    'apply_curves',
    'array_from_unit_rgb',
    'at_least_float32',
    'conv_of_parts',
    'cosine_similarity',
    'coupling_gain',
    'darken_gamma',
    'denormalize',
    'diagonal_halves',
    'filter_by_matrices',
    'filter_frequencies',
    'flattened_ycbcr',
    'frequencies',
    'half_instance_norm',
    'half_instance_norm_block',
    'linear_to_srgb',
    'local_deviation',
    'local_mean',
    'map_pixels',
    'mean_smoothness',
    'neighbor_smoothness',
    'normalize',
    'pointwise_conv',
    'read_variance',
    'residual_energy',
    'retake_in_the_dark',
    'set_private_ops',
    'simulate_low_light',
    'srgb_to_linear',
    'standard_normal',
    'to_uint8',
    'to_unit_rgb',
    'uint8_from_unit',
    'unit_from_uint8',
    'unit_rgb_from_array',
    'uses_private_ops',
    'wide_blur',
    'window_maximum',
]
