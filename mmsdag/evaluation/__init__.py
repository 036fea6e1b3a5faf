from .reconstruction_error import SDAGReconstructionError

__all__ = ['SDAGReconstructionError']
