from .build import build_enhancer, enhancer_config
from .classical import (
    CLAHEEnhancer,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    MultiScaleRetinexEnhancer,
)
from .ruas_net import RUASNet
from .sci_net import SCINet
from .zero_dce_net import ZeroDCENet
from .zero_dce_pp_net import ZeroDCEPPNet

__all__ = [
    'CLAHEEnhancer', 'GammaEnhancer', 'HistogramEqualizationEnhancer',
    'MultiScaleRetinexEnhancer', 'RUASNet', 'SCINet', 'ZeroDCENet',
    'ZeroDCEPPNet', 'build_enhancer', 'enhancer_config'
]
