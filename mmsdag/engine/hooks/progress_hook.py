"""Progress bar of a training."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from mmsdag.registry import HOOKS


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show progress, speed and time left, on a terminal, in one process.

    Elsewhere (a log file, a CI, the other processes) MMEngine's log lines say
    the same, and no bar is drawn.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._bar: tqdm | None = None

    def before_train(self, runner: Runner) -> None:
        """Open the bar at the iteration that comes next."""
        self._open(runner, 'train', runner.max_iters, runner.iter)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Advance the bar."""
        if self._bar is not None:
            if outputs and 'loss' in outputs:
                loss = torch.as_tensor(outputs['loss']).item()
                self._bar.set_postfix(loss=f'{loss:.4g}', refresh=False)
            self._bar.update()

    def after_train(self, runner: Runner) -> None:
        """Close the bar."""
        self._close()

    def before_test(self, runner: Runner) -> None:
        """Open the bar."""
        self._open(runner, 'test', len(runner.test_dataloader))

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: list | None = None,
    ) -> None:
        """Advance the bar."""
        if self._bar is not None:
            self._bar.update()

    def after_test(self, runner: Runner) -> None:
        """Close the bar."""
        self._close()

    def _open(self, runner: Runner, name: str, total: int, done: int = 0) -> None:
        if runner.rank == 0 and sys.stderr.isatty():
            # Log lines go above the bar instead of through it.
            self._stack.enter_context(logging_redirect_tqdm([runner.logger]))
            self._bar = self._stack.enter_context(
                tqdm(desc=name, total=total, initial=done, dynamic_ncols=True)
            )

    def _close(self) -> None:
        self._stack.close()
        self._bar = None
