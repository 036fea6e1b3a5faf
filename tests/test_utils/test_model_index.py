"""Trained models are found by name, without a network."""
from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mmsdag.models.loading import enhancer_config
from mmsdag.registry import MODELS
from mmsdag.utils.model_index import (
    GUIDANCE,
    TASK,
    find_model,
    find_weights,
    trained_models,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A clone with an enhancer, an untrained one, and something else."""

    def model(name: str, collection: str, **more: object) -> dict:
        return {
            'Name': name,
            'In Collection': collection,
            'Config': f'configs/{name}.py',
            **more
        }

    content = dict(
        Collections=[
            dict(Name='Bright', Task=TASK),
            dict(Name='Guide', Task=GUIDANCE)
        ],
        Models=[
            model('bright_1k', 'Bright', Weights='checkpoints/b.pth',
                  Alias=['bright', 'light']),
            model('bright_9k', 'Bright', Alias=['brighter']),
            model('guide_1k', 'Guide', Weights='checkpoints/g.pth',
                  Alias=['guide'])
        ])
    (tmp_path / 'model-index.yml').write_text('Import: [configs/meta.yml]')
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs/meta.yml').write_text(yaml.safe_dump(content))
    for name in ('bright_1k', 'bright_9k', 'guide_1k'):
        (tmp_path / f'configs/{name}.py').touch()
    for module in ('configs', 'model_index'):
        monkeypatch.setattr(f'mmsdag.utils.{module}._PACKAGE',
                            tmp_path / 'mmsdag')
    return tmp_path


@pytest.mark.parametrize('name', ['bright', 'light', 'bright_1k'])
def test_a_trained_model_has_several_names(clone, name):
    assert find_model(name) == (clone / 'configs/bright_1k.py',
                                clone / 'checkpoints/b.pth')


def test_only_trained_enhancers_are_listed(clone):
    model, = trained_models()
    assert model.names == ('bright', 'light', 'bright_1k')


def test_weights_of_a_task_are_found(clone):
    assert find_weights('guide', GUIDANCE) == clone / 'checkpoints/g.pth'
    assert find_weights('light', TASK) == clone / 'checkpoints/b.pth'


def test_weights_may_be_a_file(clone, monkeypatch):
    own = clone / 'guide'
    own.touch()
    assert find_weights(own, GUIDANCE) == own
    monkeypatch.setenv('HOME', str(clone))
    assert find_weights('~/guide', GUIDANCE) == '~/guide'


@pytest.mark.parametrize('name', ['light', 'guide_9k', 'Guide', ''])
def test_weights_that_are_neither_are_told_what_there_is(clone, name):
    with pytest.raises(FileNotFoundError, match=f"'{name}' .*: guide$"):
        find_weights(name, GUIDANCE)


def test_other_weights_take_the_place_of_its_own(clone):
    assert find_model('light', 'mine.pth') == (
        clone / 'configs/bright_1k.py', 'mine.pth')


def test_models_are_found_in_an_installed_package(clone):
    installed = clone / 'mmsdag' / '.mim'
    installed.mkdir(parents=True)
    for name in ('configs', 'model-index.yml'):
        (clone / name).rename(installed / name)
    assert find_model('bright') == (installed / 'configs/bright_1k.py',
                                    installed / 'checkpoints/b.pth')


def test_an_empty_name_of_weights_is_not_none(clone):
    assert find_model('bright', '') == (clone / 'configs/bright_1k.py', '')


def test_configs_are_found_with_the_prefix_that_base_takes(clone):
    assert find_model('mmsdag::bright_9k.py') == (
        clone / 'configs/bright_9k.py', None)


def test_a_file_of_that_name_goes_first(clone, monkeypatch):
    monkeypatch.chdir(clone)
    Path('bright').touch()
    assert find_model('bright') == (Path('bright'), None)


def test_any_config_is_found_without_weights(clone):
    assert find_model('guide_1k') == (clone / 'configs/guide_1k.py', None)


@pytest.mark.parametrize('name, message', [
    ('brihgt', r"'brihgt'; did you mean bright or"),
    ('BRIGHT', r"'BRIGHT'; did you mean bright\b"),
    ('???', r"'\?\?\?' is neither a file nor .* trained models: bright$"),
    ('', r"'' is neither a file nor .* mmsdag; trained models: bright$"),
    ('guide', "'guide' is no enhancer, but guides one"),
    (300 * 'x', 'is neither a file'),
])
def test_an_unknown_name_is_answered_by_similar_ones(clone, name, message):
    with pytest.raises(FileNotFoundError, match=message):
        find_model(name)


def test_every_enhancer_whose_weights_are_committed_is_listed():
    enhancers = set()
    for metafile in ROOT.glob('configs/**/metafile.yml'):
        if metafile.parent.name == 'classification':
            continue  # recognizers, no enhancers
        for model in yaml.safe_load(metafile.read_text())['Models']:
            if 'Weights' not in model:
                continue
            network, _ = enhancer_config(ROOT / model['Config'])
            kind = MODELS.get(f'mmsdag.{network["type"].split(".")[-1]}')
            if hasattr(kind, 'enhance'):
                enhancers.add(model['Name'])
    assert {model.names[-1] for model in trained_models()} == enhancers
    for model in trained_models():
        assert model.config.is_file() and model.weights.is_file()


def test_no_name_stands_for_two_models():
    names = [name for model in trained_models() for name in model.names]
    assert len(names) == len(set(names)) and 'zero-dce_sdag' in names
