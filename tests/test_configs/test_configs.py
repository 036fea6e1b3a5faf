"""Every config of the repository says what can be built."""
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmsdag.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from mmsdag.utils import load_checkpoint

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


ROOT = CONFIGS.parent
PUBLISHED = [
    model for name in yaml.safe_load(
        (ROOT / 'model-index.yml').read_text())['Import']
    for model in yaml.safe_load((ROOT / name).read_text())['Models']
]


@pytest.mark.parametrize(
    'model', PUBLISHED, ids=lambda model: model['Name'])
def test_published_checkpoint_is_small_whole_and_fits_its_config(model):
    weights = ROOT / model['Weights']
    assert weights.stat().st_size < 2_000_000
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert digest == model['Metadata']['SHA-256']
    cfg = Config.fromfile(ROOT / model['Config'])
    init_default_scope(cfg.default_scope)
    network = MODELS.build(cfg.model)
    network.load_state_dict(load_checkpoint(weights)['state_dict'])
    count = sum(p.numel() for p in network.parameters())
    assert count == model['Metadata']['Parameters']
    assert cfg.train_cfg.max_iters == model['Metadata']['Iterations']
