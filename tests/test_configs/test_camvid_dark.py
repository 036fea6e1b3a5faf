"""CGNet on darkened CamVid frames: every front end trains, guided or not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

CONFIGS = Path(__file__).parents[2] / 'configs'
#: Folder of a front end, and its name in the config files.
FRONT_ENDS = {
    'denet': 'denet',
    'feat_enhancer': 'feat-enhancer',
    'frbnet': 'frbnet',
    'iat': 'iat',
    'yola': 'yola',
}
LEAVES = [
    'camvid_dark/cgnet_camvid-dark',
    *(
        f'{folder}/cgnet-{name}{guided}_camvid-dark'
        for folder, name in FRONT_ENDS.items()
        for guided in ('', '-sdag')
    ),
]


class Outputs(Hook):
    """Keep what the training steps return."""

    def __init__(self) -> None:
        self.seen: list[dict] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.seen.append({key: float(value) for key, value in outputs.items()})


@pytest.fixture
def camvid(tmp_path, monkeypatch) -> Path:
    """Two frames a split: colored stripes, each of its own class."""
    rng = np.random.default_rng(0)
    colors = rng.integers(60, 255, (12, 3), np.uint8)
    labels = np.repeat(np.arange(12, dtype=np.uint8), 8)[None].repeat(72, 0)
    for split, suffix in (('train', 'jpg'), ('val', 'jpg'), ('test', 'png')):
        for folder, image, end in (
            ('images', colors[labels], suffix),
            ('annotations', labels, 'png'),
        ):
            (tmp_path / folder / split).mkdir(parents=True)
            for name in ('0001TP_000000', 'Seq05VD_f00000'):
                cv2.imwrite(str(tmp_path / folder / split / f'{name}.{end}'), image)
    monkeypatch.setenv('MMSDAG_CAMVID', str(tmp_path))
    return tmp_path


def tiny(leaf: str, camvid: Path) -> Config:
    """Return the config, with crops of 32 pixels and one iteration."""
    cfg = Config.fromfile(CONFIGS / f'{leaf}.py')
    cfg.merge_from_dict(
        dict(
            work_dir=str(camvid / 'run'),
            load_from=None,
            train_cfg=dict(max_iters=1),
            param_scheduler=dict(end=1),
            model=dict(
                data_preprocessor=dict(size=(32, 32)),
                backbone=dict(num_blocks=(1, 1), init_cfg=None),
            ),
            train_dataloader=dict(batch_size=2, num_workers=0, persistent_workers=False),
            test_dataloader=dict(
                num_workers=0, persistent_workers=False, dataset=dict(light='day')
            ),
            default_hooks=dict(checkpoint=None),
        )
    )
    (crop,) = [t for t in cfg.train_dataloader.dataset.pipeline if t.type == 'RandomCrop']
    crop.crop_size = (32, 32)
    return cfg


@pytest.mark.slow
@pytest.mark.parametrize('leaf', LEAVES)
def test_front_end_and_segmentor_learn_from_dark_frames(leaf, camvid):
    runner = Runner.from_cfg(tiny(leaf, camvid))
    outputs = Outputs()
    runner.register_hook(outputs)
    before = {name: p.detach().clone() for name, p in runner.model.named_parameters()}
    runner.train()
    changed = {
        name.split('.')[0]
        for name, p in runner.model.named_parameters()
        if not torch.equal(p, before[name])
    }
    front_end = set() if 'camvid_dark' in leaf else {'data_preprocessor'}
    trained = {'backbone', 'decode_head'} | front_end
    assert changed == trained
    (losses,) = outputs.seen
    assert ('loss_sdag' in losses) == ('-sdag' in leaf)
    assert all(np.isfinite(value) for value in losses.values())


def test_training_and_test_frames_are_dark(camvid):
    cfg = Config.fromfile(CONFIGS / f'{LEAVES[0]}.py')
    levels = []
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        (level,) = [t for t in loader.dataset.pipeline if t.type.startswith('mmsdag.')]
        levels.append(level.exposure)
    # The test's share of the light is one of those that are trained on.
    (least, most), tested = levels
    assert least < tested < most < 0.2
