"""Every config of the repository says what can be built."""
from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsdag.registry import DATASETS, HOOKS, MODELS, TRANSFORMS

CONFIGS = Path(__file__).parents[2] / 'configs'
LEAVES = sorted(
    path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)


@pytest.mark.parametrize(
    'path', LEAVES, ids=lambda path: path.stem)
def test_model_pipelines_and_hooks_build(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    assert len(path.read_text().splitlines()) <= 60
    model = MODELS.build(cfg.model)
    assert any(p.requires_grad for p in model.parameters())
    for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        dataset = (cfg.get(key) or {}).get('dataset')
        if dataset:
            assert DATASETS.get(dataset.type) is not None
            for transform in dataset.pipeline:
                TRANSFORMS.build(transform)
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
