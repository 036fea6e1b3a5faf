from .coupling import CouplingBlock, HalfInstanceNormBlock
from .extractors import BackboneExtractor, VGGExtractor
from .sdag_net import SDAGNet

__all__ = [
    'BackboneExtractor', 'CouplingBlock', 'HalfInstanceNormBlock', 'SDAGNet',
    'VGGExtractor'
]
