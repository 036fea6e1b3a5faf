"""Trainings of a few iterations that a guidance hook takes part in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import torch
from mmengine.config import ConfigDict
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmsdag.models import SDAGNet

from .weights import save_weights

try:  # MMagic's models need its own
    from mmagic.structures import DataSample as DATA_SAMPLE
except ImportError:
    from mmengine.structures import BaseDataElement as DATA_SAMPLE

SDAG_NET = dict(
    type='mmsdag.SDAGNet', extractor=dict(type='mmsdag.VGGExtractor', init_cfg=None), num_blocks=1
)
ZERO_DCE = dict(type='mmsdag.ZeroDCE', generator=dict(type='mmsdag.ZeroDCENet', channels=4))
#: Numbers the experiments: MMEngine wants a name of its own for each.
_RUNS = count()


class Photographs(Dataset):
    """Four dark images, which are also their own ground truth."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict:
        image = torch.randint(0, 90, (3, 32, 32), generator=torch.Generator().manual_seed(index))
        return dict(
            inputs=image.to(torch.uint8), data_samples=DATA_SAMPLE(gt_img=image.to(torch.uint8))
        )


class Recorder(Hook):
    """Keep the losses and the outputs of the guided module."""

    priority = 'LOWEST'

    def __init__(self, target: str = 'generator') -> None:
        self.target = target
        self.images: list = []
        self.losses: list[dict] = []

    def before_train(self, runner) -> None:
        runner.model.get_submodule(self.target).register_forward_hook(
            lambda module, args, out: self.images.append(out)
        )

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.losses.append(outputs)


def train(
    folder: Path, model: dict, hooks: Sequence[Any], iters: int = 2, **changes: Any
) -> Runner:
    """Train a model on photographs.

    Args:
        folder: Working directory.
        model: Its config.
        hooks: The custom hooks.
        iters: Number of iterations.
        **changes: Arguments of the runner that replace others.
    """
    config = dict(
        model=ConfigDict(model),
        work_dir=str(folder),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            dataset=Photographs(),
            collate_fn=dict(type='pseudo_collate'),
            sampler=dict(type='InfiniteSampler', shuffle=False),
        ),
        train_cfg=dict(by_epoch=False, max_iters=iters),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_hooks=dict(checkpoint=None),
        custom_hooks=hooks,
        log_processor=dict(by_epoch=False),
        default_scope='mmsdag',
        randomness=dict(seed=2),
        experiment_name=f'{folder.name}_{len(hooks)}_{iters}_{next(_RUNS)}',
    )
    runner = Runner(**{**config, **changes})
    runner.train()
    return runner


def guidance(checkpoint: str, **kwargs: Any) -> dict:
    """Return the config of a guidance hook, in float32."""
    return dict(
        type='SDAGGuidanceHook',
        checkpoint=checkpoint,
        sdag=SDAG_NET,
        **{'amp_dtype': None, **kwargs},
    )


def save_sdag(folder: Path) -> str:
    """Write random weights of :data:`SDAG_NET`; return the file."""
    path = folder / 'sdag.pth'
    save_weights(SDAGNet(SDAG_NET['extractor'], num_blocks=1), path)
    return str(path)


def frozen_net(checkpoint: str) -> SDAGNet:
    """Build the network that guides, without the code under test."""
    net = SDAGNet(SDAG_NET['extractor'], num_blocks=1)
    weights = torch.load(checkpoint, weights_only=True)['state_dict']
    net.load_state_dict({name[len('generator.') :]: w for name, w in weights.items()})
    return net
