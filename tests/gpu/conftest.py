"""Device of the tests that need a GPU, and small trainings for it.

``MMSDAG_GPU_DRY_RUN=1`` runs them on a CPU, to find mistakes in the tests
themselves where there is no GPU.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[2]
DRY_RUN = bool(os.environ.get('MMSDAG_GPU_DRY_RUN'))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder; skip them without a GPU."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if not torch.cuda.is_available() and not DRY_RUN:
                item.add_marker(pytest.mark.skip(reason='needs a GPU'))


@pytest.fixture(scope='session')
def device() -> torch.device:
    """The GPU, or the CPU in a dry run."""
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


@pytest.fixture
def exact_convolutions() -> None:
    """Compute float32 convolutions in float32, not in TF32."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False):
        yield


def dark_ramp(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a dark ramp with noise: (H, W, 3), BGR, uint8."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 60, width)[None, :, None]
    return (ramp + rng.uniform(0, 40, (height, width, 3))).astype(np.uint8)


@pytest.fixture(scope='session')
def photograph() -> Callable[..., np.ndarray]:
    """Return a function that makes an image of a height and width."""
    return dark_ramp


@pytest.fixture(scope='session')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of eight small dark photographs."""
    path = tmp_path_factory.mktemp('photographs')
    for i in range(8):
        cv2.imwrite(str(path / f'{i}.png'), dark_ramp(72, 96, i))
    return path


@pytest.fixture
def training(folder: Path, tmp_path: Path) -> Callable[..., Config]:
    """Return a function that makes the config of a small training.

    ``kind`` is ``'stage_one'`` (SDAG itself) or ``'guided'`` (Zero-DCE under
    its guidance); further keywords go into the config.
    """
    names = dict(stage_one='demo/sdag_demo.py', guided='demo/zero-dce_demo.py')

    def make(
        kind: str, amp_dtype: str | None = None, iterations: int = 4, **options: object
    ) -> Config:
        config = Config.fromfile(ROOT / 'configs' / names[kind])
        if kind == 'guided':
            config.custom_hooks = [
                dict(
                    type='SDAGGuidanceHook',
                    checkpoint=str(ROOT / 'checkpoints' / 'sdag_vgg16_1xb16-1k_brackets.pth'),
                    loss_weight=20.0,
                    amp_dtype=amp_dtype,
                )
            ]
        config.merge_from_dict(
            {
                'model.amp_dtype': amp_dtype,
                'train_dataloader.dataset.data_root': str(folder),
                'train_dataloader.dataset.min_size': 32,
                'train_dataloader.batch_size': 4,
                'train_dataloader.dataset.pipeline.1.crop_size': (32, 32),
                'train_cfg.max_iters': iterations,
                'default_hooks.checkpoint.interval': 2,
                'default_hooks.checkpoint.max_keep_ckpts': -1,
                'default_hooks.logger.interval': 1,
                'randomness': dict(seed=0, deterministic=True),
                'work_dir': str(tmp_path / 'work'),
                'experiment_name': f'{tmp_path.name}_{kind}_{len(options)}',
                **options,
            }
        )
        return config

    return make
