"""mmagic, mmdet and mmseg beside each other, and enhancement before them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from mmengine.hub import get_config
from mmengine.registry import MODELS, init_default_scope
from mmseg.apis import MMSegInferencer

from mmsdag.utils import save_checkpoint

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parent


def test_packages_work_together_in_every_order_of_import():
    done = subprocess.run(
        [sys.executable, HERE / 'together.py'],
        env=dict(os.environ, OMP_NUM_THREADS='1'),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    orders = 6 if find_spec('mmagic') else 2
    assert f'{orders} orders work' in done.stdout


@pytest.fixture
def example(tmp_path, monkeypatch) -> str:
    """The documented example, in a folder that has what it names."""
    text = (ROOT / 'docs' / 'downstream.md').read_text()
    blocks = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    (block,) = (block for block in blocks if 'DetInferencer' in block)
    monkeypatch.chdir(tmp_path)
    Path('checkpoints').symlink_to(ROOT / 'checkpoints')
    Path('dark').mkdir()
    for name in ('a.png', 'b.png'):
        cv2.imwrite(f'dark/{name}', np.full((48, 64, 3), 20, np.uint8))
    init_default_scope('mmdet')
    detector = MODELS.build(get_config('mmdet::yolox/yolox_nano_8xb8-300e_coco.py').model)
    save_checkpoint(
        dict(
            state_dict=detector.state_dict(),
            meta=dict(dataset_meta=dict(classes=CocoDataset.METAINFO['classes'])),
        ),
        'yolox_nano.pth',
    )
    return block


def test_inferencers_take_enhanced_images_as_documented(example):
    names: dict = {}
    exec(compile(example, 'docs/downstream.md', 'exec'), names)
    images = names['images']
    assert [image.shape for image in images] == [(48, 64, 3)] * 2
    assert all(image.mean() > 25 for image in images)  # 20 in the dark
    assert len(names['predictions']) == 2
    for folder in ('enhanced', 'detected/vis'):
        found = {path.stem for path in Path(folder).iterdir()}
        assert found == {'a', 'b'}

    cfg = get_config('mmseg::segformer/segformer_mit-b0_8xb1-160k_cityscapes-1024x1024.py')
    cfg.model.backbone.init_cfg = None
    cfg.model.test_cfg = dict(mode='whole')
    cfg.test_dataloader.dataset.pipeline[1].scale = (64, 48)
    segment = MMSegInferencer(cfg)
    labels = segment(images, return_datasamples=True)
    assert [sample.pred_sem_seg.shape for sample in labels] == [(48, 64)] * 2
