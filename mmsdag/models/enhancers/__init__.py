from __future__ import annotations

from mmsdag.utils.moved import moved_names

from .baselines import DenoisedEnhancer, InverseGainEnhancer, MeanScaleEnhancer
from .blend_unet import BlendUNet
from .classical import (
    CLAHEEnhancer,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    LIMEEnhancer,
    MultiScaleRetinexEnhancer,
)
from .colie import CoLIEEnhancer
from .denet import DENet
from .enlighten_gan_net import EnlightenGANNet
from .feat_enhancer import FeatEnHancer
from .frbnet import FRBNet
from .iat import IATNet
from .pairlie_net import PairLIENet
from .ruas_net import RUASNet
from .sci_net import SCINet
from .wrapper import EnhancerWrapper
from .yola import YOLANet
from .zero_dce_net import ZeroDCENet
from .zero_dce_pp_net import ZeroDCEPPNet
from .zero_ig_net import ZeroIGNet

__all__ = [
    'BlendUNet',
    'CLAHEEnhancer',
    'CoLIEEnhancer',
    'DENet',
    'DenoisedEnhancer',
    'EnhancerWrapper',
    'EnlightenGANNet',
    'FRBNet',
    'FeatEnHancer',
    'GammaEnhancer',
    'HistogramEqualizationEnhancer',
    'IATNet',
    'InverseGainEnhancer',
    'LIMEEnhancer',
    'MeanScaleEnhancer',
    'MultiScaleRetinexEnhancer',
    'PairLIENet',
    'RUASNet',
    'SCINet',
    'YOLANet',
    'ZeroDCENet',
    'ZeroDCEPPNet',
    'ZeroIGNet',
]


#: The loader was here.
__getattr__ = moved_names(
    __name__,
    dict(
        build_enhancer='mmsdag.models.loading:load_enhancer',
        enhancer_config='mmsdag.models.loading:network_config',
        with_weights='mmsdag.models.loading:resolve',
    ),
)
