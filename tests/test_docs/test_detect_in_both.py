"""The example of detection in both images runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

pytest.importorskip('mmdet')

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_merges_the_boxes_of_both_images(tmp_path):
    text = (ROOT / 'docs' / 'downstream.md').read_text()
    (example,) = re.findall(r'```python\n(# both.py\n.*?)```', text, re.DOTALL)
    (tmp_path / 'both.py').write_text(example)
    cfg = Config.fromfile(tmp_path / 'both.py')
    photograph = tmp_path / 'dark.png'
    pixels = np.random.default_rng(0).integers(0, 60, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(photograph)
    # Untrained, it is sure of nothing.
    cfg.model.test_cfg.score_thr = 0.0
    with DefaultScope.overwrite_default_scope('mmdet'):
        views = Compose(cfg.tta_pipeline)(dict(img_path=str(photograph), img_id=1, instances=[]))
        model = MODELS.build(dict(cfg.tta_model, module=cfg.model)).eval()
    enhanced, original = (view.float() for view in views['inputs'])
    assert enhanced.shape == original.shape == (3, 416, 416)
    assert original[:, :312].mean() == pytest.approx(pixels.mean(), abs=1)
    assert enhanced[:, :312].mean() > 2 * original[:, :312].mean()
    (merged,) = model.test_step(pseudo_collate([views]))
    alone = [
        model.module.test_step(pseudo_collate([{key: value[i] for key, value in views.items()}]))[0]
        for i in range(2)
    ]
    best = [sample.pred_instances.scores.max().item() for sample in alone]
    assert best[0] != best[1]
    assert merged.pred_instances.scores.max().item() == max(best)
