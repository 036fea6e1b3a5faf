"""Training loop that resumes exactly and without delay."""

from __future__ import annotations

from itertools import chain, repeat

from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop
from torch import nn

from mmsdag.datasets.samplers import ResumableSampler
from mmsdag.registry import LOOPS


@LOOPS.register_module()
class ResumableTrainLoop(IterBasedTrainLoop):
    """MMEngine's iteration-based loop, with exact and fast resuming.

    On a resume, MMEngine's loop loads all earlier batches again. With
    ``ResumableSampler`` this loop skips them; with other samplers it behaves
    like MMEngine's. With the same batch size and number of processes, a
    resumed run sees the same samples as an uninterrupted one.
    """

    def run(self) -> nn.Module:
        """Train from the current iteration to the last.

        Raises:
            ValueError: If the model cannot learn from batches of this size.
        """
        model = self.runner.model
        if is_model_wrapper(model):
            model = model.module
        if hasattr(model, 'check_batch_size'):
            model.check_batch_size(self.dataloader.batch_size)
        sampler = self.dataloader.sampler
        if isinstance(sampler, ResumableSampler):
            # The sampler's seed is fixed before the checkpoint is read, and
            # random where the config sets none.
            hub = self.runner.message_hub
            sampler.seed = hub.get_info('sampler_seed', sampler.seed)
            hub.update_info('sampler_seed', sampler.seed)
            # OneDL's MMEngine calls the sampler's skip().
            batches = self.dataloader_iterator  # type: ignore[has-type]
            if self.iter > 0 and not hasattr(batches, 'skip_iter'):
                sampler.start = self.iter * self.dataloader.batch_size
                # The base class takes as many batches as were seen; they
                # cost nothing.
                self.dataloader_iterator = chain(repeat(None, self.iter), self.dataloader)
        return super().run()
