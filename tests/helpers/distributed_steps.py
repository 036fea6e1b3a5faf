"""A process of two that train; the tests start both.

Called with its rank and a folder, it takes the same training steps alone with
the joint batch, and together with the other process with a half of it, and
writes all weights into the folder.
"""

from __future__ import annotations

import copy
import sys
from functools import partial
from pathlib import Path

import torch
import torch.distributed
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODEL_WRAPPERS, MODELS, init_default_scope
from torch import Tensor, nn

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '_base_'
STEPS = 2


class Detector(BaseModel):
    """Learns with the enhancer before it."""

    def __init__(self) -> None:
        super().__init__(
            dict(
                type='mmsdag.EnhancedDetDataPreprocessor',
                enhancer=dict(type='mmsdag.ZeroDCENet'),
                trainable=True,
                mean=[100.0] * 3,
                std=[50.0] * 3,
            )
        )
        self.head = nn.Conv2d(3, 4, 3)

    def forward(self, inputs: Tensor, data_samples: None, mode: str) -> dict:
        return dict(loss=self.head(inputs).square().mean())


def detector(find_unused_parameters: bool) -> tuple:
    init_default_scope('mmdet')
    optimizer = dict(optimizer=dict(type='SGD', lr=0.01))
    # As MMEngine's runner wraps a model.
    return (
        Detector(),
        optimizer,
        partial(
            MMDistributedDataParallel,
            broadcast_buffers=False,
            find_unused_parameters=find_unused_parameters,
        ),
    )


def ruas() -> tuple:
    init_default_scope('mmsdag')
    schedule = Config.fromfile(CONFIGS / 'schedules' / 'ruas_800.py')
    # The smoothness of a batch is no mean over its images.
    model = MODELS.build(
        dict(
            type='RUAS',
            generator=dict(type='RUASNet'),
            smoothness_loss=dict(type='MeanSmoothnessLoss', loss_weight=0.0),
            denoise_interval=2,
        )
    )
    model.init_weights()
    return (
        model,
        schedule.optim_wrapper,
        lambda module: MODEL_WRAPPERS.build(
            schedule.model_wrapper_cfg, default_args=dict(module=module)
        ),
    )


def train(model: nn.Module, optimizer: dict, wrapped: nn.Module, images: list) -> dict[str, Tensor]:
    """The weights after some steps."""
    optimizer = build_optim_wrapper(model, copy.deepcopy(optimizer))
    for step in range(STEPS):
        MessageHub.get_current_instance().update_info('iter', step)
        wrapped.train_step(dict(inputs=images, data_samples=None), optimizer)
    return model.state_dict()


def main(rank: int, folder: Path) -> None:
    """Train everything, alone and together."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', f'file://{folder / "meeting"}', rank=rank, world_size=2
    )
    images = torch.randint(
        0, 256, (4, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    result = {}
    for name, make in dict(
        detector=partial(detector, False), detector_unused=partial(detector, True), ruas=ruas
    ).items():
        torch.manual_seed(0)
        model, optimizer, wrapper = make()
        before = copy.deepcopy(model.state_dict())
        twin = copy.deepcopy(model)
        result[name] = dict(
            before=before,
            alone=train(twin, optimizer, twin, list(images)),
            together=train(model, optimizer, wrapper(model), list(images[2 * rank : 2 * rank + 2])),
        )
    torch.save(result, folder / f'{rank}.pth')
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(int(sys.argv[1]), Path(sys.argv[2]))
