"""Random numbers that a resumed training repeats."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmsdag.datasets.seeding import seed_step
from mmsdag.registry import HOOKS


@HOOKS.register_module()
class SeedHook(Hook):
    """Seed all generators from (seed, rank, iteration) before each step.

    What a model draws in training then depends neither on what ran before
    nor on whether the run was interrupted, and differs between processes.
    """

    priority = 'VERY_HIGH'

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed the step."""
        seed_step(runner.seed, runner.rank, runner.iter)
