from .coupling import CouplingBlock, HalfInstanceNormBlock
from .extractors import BackboneExtractor, VGGExtractor
from .sdag import SDAG
from .sdag_net import SDAGNet

__all__ = [
    'SDAG', 'BackboneExtractor', 'CouplingBlock', 'HalfInstanceNormBlock',
    'SDAGNet', 'VGGExtractor'
]
