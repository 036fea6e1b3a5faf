from __future__ import annotations

from typing import Any

from .baselines import (
    DenoisedEnhancer,
    InverseGainEnhancer,
    MeanScaleEnhancer,
)
from .blend_unet import BlendUNet
from .classical import (
    CLAHEEnhancer,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    LIMEEnhancer,
    MultiScaleRetinexEnhancer,
)
from .denet import DENet
from .enlighten_gan_net import EnlightenGANNet
from .feat_enhancer import FeatEnHancer
from .frbnet import FRBNet
from .iat import IATNet
from .ruas_net import RUASNet
from .sci_net import SCINet
from .wrapper import EnhancerWrapper
from .yola import YOLANet
from .zero_dce_net import ZeroDCENet
from .zero_dce_pp_net import ZeroDCEPPNet

__all__ = [
    'BlendUNet', 'CLAHEEnhancer', 'DENet', 'DenoisedEnhancer',
    'EnhancerWrapper', 'EnlightenGANNet', 'FRBNet', 'FeatEnHancer',
    'GammaEnhancer', 'HistogramEqualizationEnhancer', 'IATNet',
    'InverseGainEnhancer', 'LIMEEnhancer', 'MeanScaleEnhancer',
    'MultiScaleRetinexEnhancer', 'RUASNet', 'SCINet', 'YOLANet', 'ZeroDCENet',
    'ZeroDCEPPNet'
]


def __getattr__(name: str) -> Any:
    """Find the loader, which was here, at its place."""
    if name in ('build_enhancer', 'enhancer_config', 'with_weights'):
        from mmsdag.models import loading  # imports this package
        return getattr(loading, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
