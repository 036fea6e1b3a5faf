from .backbone_extractor import BackboneExtractor
from .coupling import CouplingBlock, HalfInstanceNormBlock
from .extractors import DeepVGGExtractor, VGGExtractor
from .sdag_net import SDAGNet

__all__ = [
    'BackboneExtractor',
    'CouplingBlock',
    'DeepVGGExtractor',
    'HalfInstanceNormBlock',
    'SDAGNet',
    'VGGExtractor',
]
