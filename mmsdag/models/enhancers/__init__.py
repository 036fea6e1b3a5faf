from .baselines import (
    DenoisedEnhancer,
    InverseGainEnhancer,
    MeanScaleEnhancer,
)
from .blend_unet import BlendUNet
from .build import build_enhancer, enhancer_config, with_weights
from .classical import (
    CLAHEEnhancer,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    LIMEEnhancer,
    MultiScaleRetinexEnhancer,
)
from .enlighten_gan_net import EnlightenGANNet
from .iat import IATNet
from .ruas_net import RUASNet
from .sci_net import SCINet
from .wrapper import EnhancerWrapper
from .yola import YOLANet
from .zero_dce_net import ZeroDCENet
from .zero_dce_pp_net import ZeroDCEPPNet

__all__ = [
    'BlendUNet', 'CLAHEEnhancer', 'DenoisedEnhancer', 'EnhancerWrapper',
    'EnlightenGANNet', 'GammaEnhancer', 'HistogramEqualizationEnhancer',
    'IATNet', 'InverseGainEnhancer', 'LIMEEnhancer', 'MeanScaleEnhancer',
    'MultiScaleRetinexEnhancer', 'RUASNet', 'SCINet', 'YOLANet', 'ZeroDCENet',
    'ZeroDCEPPNet', 'build_enhancer', 'enhancer_config', 'with_weights'
]
