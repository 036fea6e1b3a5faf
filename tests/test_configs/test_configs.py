"""Every config of the repository says what can be built."""

from __future__ import annotations

import copy
import hashlib
from functools import cache
from pathlib import Path

import pytest
import torch
import yaml
from mmdet.datasets import CocoDataset
from mmengine.config import Config
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS, TRANSFORMS, init_default_scope

from mmsdag.datasets import ExDarkDataset
from mmsdag.models import EnlightenGANNet
from mmsdag.models.loading import network_config, resolve
from mmsdag.utils import load_checkpoint

CONFIGS = Path(__file__).parents[2] / 'configs'
#: A value of MMSDAG_ENHANCER that is refused.
REFUSED = CONFIGS / '_base_/enhancers/gamma.py'
EVERY = sorted(path for path in CONFIGS.rglob('*.py') if path != REFUSED)
BASES = [path for path in EVERY if '_base_' in path.parts]
#: What tools/benchmark_downstream.py reads: no model, but many to compare.
SPECS = [path for path in EVERY if path.parent.name == 'benchmark']
LEAVES = [path for path in EVERY if path not in (*BASES, *SPECS)]
RECOGNITION = [
    path for path in LEAVES if path.parent.name in ('detection', 'segmentation', 'classification')
]
#: Older files, each for one enhancer; and names that there was no file for.
FILES = [path for path in EVERY if path.parent.name == 'enhancers']
ENHANCERS = [*(path.stem for path in FILES), 'zero_dce.sdag', 'blend_unet']
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def name_of(path: Path) -> str:
    return path.relative_to(CONFIGS).with_suffix('').as_posix()


read = cache(Config.fromfile)


def in_its_scope(cfg: Config) -> Config:
    init_default_scope(cfg.get('default_scope', 'mmsdag'))
    return cfg


def build_data(cfg: Config) -> None:
    """Build datasets, without their lists of files, and all transforms."""
    for key in LOADERS:
        dataset = (cfg.get(key) or {}).get('dataset')
        while dataset:
            for transform in dataset.get('pipeline') or ():
                TRANSFORMS.build(transform)
            if 'dataset' not in dataset:
                DATASETS.build(dict(dataset, lazy_init=True))
            dataset = dataset.get('dataset')
    for key in ('val_evaluator', 'test_evaluator'):
        metrics = cfg.get(key) or []
        for metric in metrics if isinstance(metrics, list) else [metrics]:
            # Some read their annotations, or load their weights, at once.
            metric = {k: v for k, v in metric.items() if k != 'ann_file'}
            if metric['type'] == 'mmsdag.LPIPS':
                metric['weights'] = 'none'
            METRICS.build(metric)


@pytest.mark.slow
@pytest.mark.parametrize('path', LEAVES, ids=name_of)
def test_model_data_and_hooks_of_a_config_build(path):
    if path.parent.name in ('nafnet', 'restormer'):
        pytest.importorskip('mmagic')
    cfg = in_its_scope(read(path))
    assert len(path.read_text().splitlines()) <= 80
    # Weights are loaded by init_weights(), which is not called. mmpretrain
    # writes its defaults into the config, which is read only once.
    model = MODELS.build(copy.deepcopy(cfg.model))
    assert any(p.requires_grad for p in model.parameters())
    build_data(cfg)
    for hook in cfg.get('custom_hooks', []):
        hook = dict(hook)
        hook.pop('priority', None)  # as the runner does
        HOOKS.build(hook)


@pytest.mark.parametrize('path', BASES, ids=name_of)
def test_base_config_loads_and_its_data_builds(path):
    build_data(in_its_scope(read(path)))


@pytest.mark.parametrize('path', SPECS, ids=name_of)
def test_benchmark_names_configs_that_load(path):
    spec = read(path)
    assert 'model' not in spec
    for group in (spec.recognizers, spec.datasets):
        for member in group.values():
            # A config may inherit it, wherever it is.
            config = Config.fromstring(f'_base_ = {member.config!r}', '.py')
            assert config.get('model') or config.test_dataloader


@pytest.mark.parametrize('path', RECOGNITION, ids=name_of)
def test_recognition_config_is_a_short_leaf_of_a_stock_one(path):
    text = path.read_text()
    code = [line for line in text.splitlines() if line and not line.startswith('#')]
    assert len(code) <= 25
    package = dict(detection='mmdet', segmentation='mmseg', classification='mmpretrain')[
        path.parent.name
    ]
    assert f"'{package}::" in text
    cfg = read(path)
    assert cfg.default_scope == package
    assert cfg.custom_imports.imports == ['mmsdag']


@pytest.fixture(scope='module')
def enlighten_gan(tmp_path_factory) -> str:
    """A checkpoint of EnlightenGAN, of which the repository has none."""
    path = tmp_path_factory.mktemp('enlighten_gan') / 'enlighten_gan.pth'
    torch.save(
        {f'generator.{name}': value for name, value in EnlightenGANNet().state_dict().items()}, path
    )
    return str(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    'leaf, preprocessor',
    [
        ('detection/yolox_nano_exdark_frozen', 'EnhancedDetDataPreprocessor'),
        ('segmentation/segformer_mit-b0_acdc-night', 'EnhancedSegDataPreprocessor'),
        ('classification/resnet18_1xb64-175e_codan', 'EnhancedClsDataPreprocessor'),
    ],
)
@pytest.mark.parametrize('name', ENHANCERS)
def test_environment_chooses_the_enhancer_of_a_recognition_config(
    name, leaf, preprocessor, monkeypatch, enlighten_gan
):
    monkeypatch.setenv('MMSDAG_ENLIGHTEN_GAN', enlighten_gan)
    stock = read(CONFIGS / f'{leaf}.py')
    assert stock.work_dir == f'work_dirs/{Path(leaf).name}_none'
    monkeypatch.setenv('MMSDAG_ENHANCER', name)
    cfg = in_its_scope(Config.fromfile(CONFIGS / f'{leaf}.py'))
    assert cfg.work_dir == f'work_dirs/{Path(leaf).name}_{name}'
    theirs = stock.model.data_preprocessor
    if name == 'none':
        assert cfg.model.data_preprocessor == theirs
        return
    ours = cfg.model.data_preprocessor
    assert ours.type == f'mmsdag.{preprocessor}'
    assert {k: v for k, v in ours.items() if k in theirs and k != 'type'} == {
        k: v for k, v in theirs.items() if k != 'type'
    }
    assert MODELS.build(ours).enhancer is not None


@pytest.mark.parametrize('path', FILES, ids=name_of)
def test_an_older_file_of_an_enhancer_is_what_the_environment_gives(path, monkeypatch):
    older = Config.fromfile(path)
    monkeypatch.setenv('MMSDAG_ENHANCER', path.stem)
    newer = Config.fromfile(CONFIGS / '_base_/enhancer.py')
    kinds = {'detection', 'segmentation', 'classification'}
    assert older.keys() == newer.keys() == {'enhancer', *kinds}
    for kind in kinds:
        assert older[kind] == newer[kind]
        assert older[kind].get('enhancer', 'none') == path.stem


def test_a_users_config_may_inherit_an_older_file(tmp_path):
    (tmp_path / 'mine.py').write_text(
        f"""_base_ = ['mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
         '{CONFIGS}/_base_/enhancers/zero_dce_sdag.py']
model = dict(data_preprocessor=_base_.detection)
"""
    )
    ours = Config.fromfile(tmp_path / 'mine.py').model.data_preprocessor
    assert ours.enhancer == 'zero_dce_sdag'
    assert ours.type == 'mmsdag.EnhancedDetDataPreprocessor'


def test_the_detector_at_512_pixels_needs_no_enhancer(monkeypatch):
    leaf = CONFIGS / 'detection/yolox_nano_brackets-512_frozen.py'
    monkeypatch.delenv('MMSDAG_ENHANCER', raising=False)
    assert Config.fromfile(leaf).model.data_preprocessor.enhancer == ('fixed_gamma')
    monkeypatch.setenv('MMSDAG_ENHANCER', 'none')
    cfg = in_its_scope(Config.fromfile(leaf))
    preprocessor = MODELS.build(cfg.model.data_preprocessor)
    image = torch.randint(256, (3, 416, 416), dtype=torch.uint8)
    assert torch.equal(preprocessor.enhance([image])[0], image)


def test_gamma_in_the_environment_is_refused_as_it_meant_the_fixed_one(monkeypatch):
    leaf = CONFIGS / 'detection/yolox_nano_exdark_frozen.py'
    monkeypatch.setenv('MMSDAG_ENHANCER', 'gamma')
    with pytest.raises(ValueError, match='fixed_gamma .* or .*learned_gamma'):
        Config.fromfile(leaf)
    monkeypatch.setenv('MMSDAG_ENHANCER', 'fixed_gamma')
    fixed = Config.fromfile(leaf).model.data_preprocessor.enhancer
    assert network_config(fixed)[0] == dict(type='mmsdag.GammaEnhancer', gamma=2.2)
    monkeypatch.setenv('MMSDAG_ENHANCER', 'learned_gamma')
    learned = Config.fromfile(leaf).model.data_preprocessor.enhancer
    assert resolve(learned) == resolve('gamma')


def test_frozen_detectors_know_the_classes_of_exdark_by_their_coco_places():
    names = read(CONFIGS / '_base_/protocols/exdark.py').exdark_frozen.metainfo.classes
    renamed = {
        theirs: ours
        for ours, theirs in zip(names, CocoDataset.METAINFO['classes'], strict=True)
        if ours != theirs
    }
    assert renamed == {'person': 'People', 'motorcycle': 'Motorbike', 'dining table': 'Table'}
    assert {name.casefold() for name in ExDarkDataset.METAINFO['classes']} <= {
        name.casefold() for name in names
    }


ROOT = CONFIGS.parent
LISTED = [
    model
    for name in yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    for model in yaml.safe_load((ROOT / name).read_text())['Models']
]
PUBLISHED = [model for model in LISTED if 'Weights' in model]


def test_metafiles_list_every_recognition_config():
    listed = {model['Config']: model for model in LISTED}
    for path in RECOGNITION:
        model = listed[f'configs/{name_of(path)}.py']
        assert model['Name'].partition('_seed')[0] == path.stem
        train_cfg = read(path).train_cfg or {}
        for key, entry in dict(max_epochs='Epochs', max_iters='Iterations').items():
            assert model.get('Metadata', {}).get(entry) == train_cfg.get(key)


@pytest.mark.parametrize('model', PUBLISHED, ids=lambda model: model['Name'])
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
    for key, entry in dict(max_epochs='Epochs', max_iters='Iterations').items():
        assert cfg.train_cfg.get(key) == model['Metadata'].get(entry)
