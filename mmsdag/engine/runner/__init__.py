from .loops import ResumableTrainLoop

__all__ = ['ResumableTrainLoop']
