"""Fixtures for the tests of hooks and loops: tiny trainings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.guided_training import save_sdag
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmsdag.datasets.seeding import DrawIndex


class Samples:
    """Seven numbers; remembers the indices it was asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.draws: list[int] = []

    def __len__(self) -> int:
        return 7

    def __deepcopy__(self, memo: dict) -> Samples:
        # Runner copies its config; the test looks at this one.
        return self

    def __getitem__(self, index: int) -> torch.Tensor:
        self.asked.append(int(index))
        if isinstance(index, DrawIndex):
            self.draws.append(index.draw)
        return torch.tensor([index / 7])


class Line(BaseModel):
    """One weight and one bias, with noise; remembers the noise."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.noise: list[float] = []

    def forward(self, inputs: list, mode: str = 'tensor'):
        x = torch.stack(inputs)
        noise = torch.randn(1)
        self.noise.append(noise.item())
        return dict(loss=(self.layer(x) + noise).square().mean())


@pytest.fixture
def make_runner(tmp_path):
    """Build a runner of the tiny training; keywords override its config."""

    def make(work_dir: Path = tmp_path, **changes) -> Runner:
        torch.manual_seed(0)
        samples = Samples()
        config = dict(
            model=Line(),
            work_dir=str(work_dir),
            train_dataloader=dict(
                batch_size=2,
                num_workers=0,
                dataset=samples,
                collate_fn=lambda batch: dict(inputs=batch),
                sampler=dict(type='mmsdag.ResumableSampler'),
            ),
            train_cfg=dict(type='mmsdag.ResumableTrainLoop', max_iters=6),
            optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.1)),
            default_hooks=dict(
                logger=dict(type='LoggerHook', interval=100),
                checkpoint=dict(type='mmsdag.AtomicCheckpointHook', interval=1, by_epoch=False),
                seed=dict(type='mmsdag.SeedHook'),
            ),
            log_processor=dict(by_epoch=False),
            default_scope='mmsdag',
            randomness=dict(seed=5),
            experiment_name=f'{tmp_path.name}_{id(samples)}',
        )
        runner = Runner(**{**config, **changes})
        runner.samples = samples
        return runner

    return make


@pytest.fixture(scope='session')
def checkpoint(tmp_path_factory) -> str:
    """Weights of the network that helpers.guided_training describes."""
    torch.manual_seed(1)
    return save_sdag(tmp_path_factory.mktemp('sdag'))
