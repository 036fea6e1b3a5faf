"""The reference computation that the benchmark measures against.

The published formulas in the simplest form: eager float32, default memory
layout, one forward pass per batch, nothing fused, nothing in place. Networks
are functions of a state dict with the names of ours, so that both sides
compute with the same weights. Nothing here imports mmsdag.
"""

from .blend_unet import blend_unet, blend_unet_loss
from .common import Weights, part_of
from .enlighten_gan import enlighten_gan, enlighten_gan_losses
from .ruas import ruas, ruas_loss
from .sci import sci, sci_loss
from .sdag import sdag, stage_one_loss
from .zero_dce import guided_loss, zero_dce, zero_dce_pp, zero_dce_pp_loss

__all__ = [
    'Weights',
    'blend_unet',
    'blend_unet_loss',
    'enlighten_gan',
    'enlighten_gan_losses',
    'guided_loss',
    'part_of',
    'ruas',
    'ruas_loss',
    'sci',
    'sci_loss',
    'sdag',
    'stage_one_loss',
    'zero_dce',
    'zero_dce_pp',
    'zero_dce_pp_loss',
]
