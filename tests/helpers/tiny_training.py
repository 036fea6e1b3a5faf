"""A training that takes seconds: what the tests of tools/ run.

Imported by ``tiny_config.py`` in the processes that the tests start. The
environment says where to slow down and where to die.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn

from mmsdag.datasets.seeding import DrawIndex, seeded
from mmsdag.registry import DATASETS, HOOKS, METRICS, MODELS
from mmsdag.utils import files


@DATASETS.register_module()
class TinyDataset:
    """Eleven samples with random numbers of all three generators.

    In testing, where draws have no numbers, they are the same each time.
    """

    metainfo = dict(names=('a', 'b'), scale=np.float64(0.5))

    def __len__(self) -> int:
        return 11

    def __getitem__(self, index: int) -> dict:
        if not isinstance(index, DrawIndex):
            index = DrawIndex(index, index, 0)
        with seeded(index):
            noise = random.random() + np.random.rand() + torch.rand(3, 6, 6)
        return dict(inputs=noise + index / 11)


@MODELS.register_module()
class TinyModel(BaseModel):
    """Two convolutions, batch norm, and noise drawn in the forward pass.

    Args:
        noise: Strength of that noise.
        norm: Whether batch norm is used (not linear in the batch).
    """

    def __init__(self, noise: float = 0.1, norm: bool = True) -> None:
        super().__init__()
        self.noise = noise
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3),
            nn.BatchNorm2d(8) if norm else nn.Identity(),
            nn.ReLU(),
            nn.Conv2d(8, 1, 3),
        )

    def forward(self, inputs: list, mode: str = 'tensor'):
        x = torch.stack(list(inputs))
        if mode != 'loss':
            return [dict(score=s) for s in self.net(x).mean((1, 2, 3))]
        out = self.net(x + self.noise * torch.randn_like(x))
        return dict(loss_a=(out - 1).square().mean(), loss_b=out.abs().mean())


@METRICS.register_module()
class TinyMetric(BaseMetric):
    """Mean score."""

    def process(self, data_batch: dict, data_samples: list) -> None:
        self.results += [float(s['score']) for s in data_samples]

    def compute_metrics(self, results: list) -> dict:
        return dict(score=float(np.mean(results)))


@HOOKS.register_module()
class TraceHook(Hook):
    """Say how far the training is, and take one's time."""

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        with open(Path(runner.work_dir) / 'trace', 'a') as file:
            file.write(f'{runner.iter + 1}\n')
        time.sleep(float(os.environ.get('TINY_DELAY', 0)))


def _die_while_writing(name: str) -> None:
    """Die with half of the file ``name`` on the disk."""
    fsync = os.fsync

    def dying_fsync(descriptor: int) -> None:
        path = Path(os.readlink(f'/proc/self/fd/{descriptor}'))
        if name in path.name:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(descriptor)

    files.os.fsync = dying_fsync


if os.environ.get('TINY_PROCESS'):
    # Spares importing mmagic, which nothing here needs and takes seconds.
    MODELS._imported = True
if os.environ.get('TINY_DIE_WRITING'):
    _die_while_writing(os.environ['TINY_DIE_WRITING'])
