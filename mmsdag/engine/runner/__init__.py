from .loops import ResumableTrainLoop
from .own_step_data_parallel import OwnStepDataParallel

__all__ = ['OwnStepDataParallel', 'ResumableTrainLoop']
