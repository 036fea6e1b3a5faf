"""Trained models are found by name, without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from mmsdag.models.loading import network_config
from mmsdag.registry import MODELS
from mmsdag.utils.model_index import (
    GUIDANCE,
    TASK,
    UNTRAINED,
    find_checkpoint,
    find_model,
    model_names,
    short_names,
    trained_models,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path, monkeypatch) -> Path:
    """A clone with an enhancer, an untrained one, and something else."""

    def model(name: str, config: str, collection: str, **more: object) -> dict:
        return {'Name': name, 'In Collection': collection, 'Config': f'configs/{config}.py', **more}

    content = dict(
        Collections=[dict(Name='Bright', Task=TASK), dict(Name='Guide', Task=GUIDANCE)],
        Models=[
            model(
                'bright.day_seed0',
                'bright_1k',
                'Bright',
                Alias=['bright_1k_seed0', 'light'],
                Weights='checkpoints/b.pth',
            ),
            model('bright.day_seed1', 'bright_1k', 'Bright', Weights='checkpoints/b1.pth'),
            model('bright.dusk', 'bright_9k', 'Bright', Alias=['dusk']),
            model('bright.night_lamps_seed0', 'bright_9k', 'Bright', Weights='checkpoints/n.pth'),
            model('bright_pp.day', 'bright_1k', 'Bright', Weights='checkpoints/p.pth'),
            model(
                'guide.small',
                'guide_1k',
                'Guide',
                Alias=['guide_small'],
                Weights='checkpoints/g.pth',
            ),
        ],
    )
    (tmp_path / 'model-index.yml').write_text('Import: [configs/meta.yml]')
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs/meta.yml').write_text(yaml.safe_dump(content))
    for name in ('bright_1k', 'bright_9k', 'guide_1k'):
        (tmp_path / f'configs/{name}.py').touch()
    for module in ('configs', 'model_index'):
        monkeypatch.setattr(f'mmsdag.utils.{module}._PACKAGE', tmp_path / 'mmsdag')
    return tmp_path


@pytest.mark.parametrize(
    'name, config, checkpoint',
    [
        ('bright', 'bright_1k', 'b'),
        ('bright.day', 'bright_1k', 'b'),
        ('bright.day_seed0', 'bright_1k', 'b'),
        ('bright.day_seed1', 'bright_1k', 'b1'),
        ('bright.night', 'bright_9k', 'n'),
        ('bright.night_lamps', 'bright_9k', 'n'),
        ('bright_pp', 'bright_1k', 'p'),
    ],
)
def test_what_a_name_leaves_out_at_its_end_is_the_first_that_is_listed(
    clone, name, config, checkpoint, logged_warnings
):
    assert find_model(name) == (
        clone / f'configs/{config}.py',
        clone / f'checkpoints/{checkpoint}.pth',
    )
    assert not logged_warnings()


@pytest.mark.parametrize(
    'name', ['bright.', 'bright.da', 'brigh', 'day', 'bright.lamps', 'bright.dusk', 'dusk']
)
def test_other_parts_of_a_name_stand_for_nothing(clone, name):
    with pytest.raises(FileNotFoundError, match='did you mean bright|models:'):
        find_model(name)


def test_an_older_name_is_told_the_new_one_once(clone, logged_warnings):
    assert find_model('light') == find_model('bright')
    assert logged_warnings() == ("'light' is an older name of a model: use 'bright'")
    find_model('light')
    assert not logged_warnings()
    assert find_checkpoint('guide_small', GUIDANCE) == (clone / 'checkpoints/g.pth')
    assert "use 'guide'" in logged_warnings()


def test_an_enhancer_without_weights_has_a_name(clone):
    assert find_model('fixed_gamma') == (dict(type='mmsdag.GammaEnhancer', gamma=2.2), None)
    find_model('fixed_gamma')[0]['gamma'] = 3
    assert UNTRAINED['fixed_gamma']['gamma'] == 2.2


def test_only_trained_enhancers_are_listed(clone):
    assert [model.name for model in trained_models()] == [
        'bright.day_seed0',
        'bright.day_seed1',
        'bright.night_lamps_seed0',
        'bright_pp.day',
    ]
    assert short_names() == {
        'bright.day_seed0': 'bright',
        'bright.day_seed1': 'bright.day_seed1',
        'bright.night_lamps_seed0': 'bright.night',
        'bright_pp.day': 'bright_pp',
    }
    assert trained_models()[1].recipe == 'bright.day'


def test_checkpoints_of_a_task_are_found(clone):
    assert find_checkpoint('guide', GUIDANCE) == clone / 'checkpoints/g.pth'
    assert find_checkpoint('bright', TASK) == clone / 'checkpoints/b.pth'


def test_a_checkpoint_may_be_a_file(clone, monkeypatch):
    own = clone / 'guide'
    own.touch()
    assert find_checkpoint(own, GUIDANCE) == own
    monkeypatch.setenv('HOME', str(clone))
    assert find_checkpoint('~/guide', GUIDANCE) == '~/guide'


@pytest.mark.parametrize(
    'name, remedy',
    [
        ('night', 'trained models: guide$'),
        ('bright', 'for another task, Low-Light .*: guide$'),
        ('giude.small', 'did you mean guide.small'),
        ('', 'trained models: guide$'),
    ],
)
def test_a_checkpoint_that_is_neither_is_told_what_there_is(clone, name, remedy):
    with pytest.raises(FileNotFoundError, match=f"'{name}' .*{remedy}"):
        find_checkpoint(name, GUIDANCE)


def test_another_checkpoint_takes_the_place_of_its_own(clone):
    assert find_model('bright', 'mine.pth') == (clone / 'configs/bright_1k.py', 'mine.pth')


def test_models_are_found_in_an_installed_package(clone):
    installed = clone / 'mmsdag' / '.mim'
    installed.mkdir(parents=True)
    for name in ('configs', 'model-index.yml'):
        (clone / name).rename(installed / name)
    assert find_model('bright') == (
        installed / 'configs/bright_1k.py',
        installed / 'checkpoints/b.pth',
    )


def test_an_empty_name_of_a_checkpoint_is_not_none(clone):
    assert find_model('bright', '') == (clone / 'configs/bright_1k.py', '')


def test_configs_are_found_with_the_prefix_that_base_takes(clone):
    assert find_model('mmsdag::bright_9k.py') == (clone / 'configs/bright_9k.py', None)


def test_a_file_of_that_name_goes_first(clone, monkeypatch):
    monkeypatch.chdir(clone)
    Path('bright').touch()
    assert find_model('bright') == (Path('bright'), None)


def test_any_config_is_found_without_a_checkpoint(clone):
    assert find_model('guide_1k') == (clone / 'configs/guide_1k.py', None)


@pytest.mark.parametrize(
    'name, message',
    [
        ('brihgt', r"'brihgt' is neither .*; did you mean bright\b"),
        ('BRIGHT', r"'BRIGHT' .*; did you mean bright\b"),
        ('bright.dya', r'; did you mean bright\.day\b'),
        ('fixed-gamma', r'; did you mean fixed_gamma\?$'),
        ('???', r"'\?\?\?' is neither a file nor .*: bright, bright\.night, "),
        ('', r"'' is neither a file nor .*; trained models: bright,"),
        ('guide', "'guide' is a trained model, but for another task, Semantic"),
        (300 * 'x', 'is neither a file'),
    ],
)
def test_an_unknown_name_is_answered_by_similar_ones(clone, name, message):
    with pytest.raises(FileNotFoundError, match=message):
        find_model(name)


def test_every_enhancer_whose_checkpoint_is_committed_is_listed():
    enhancers = set()
    for metafile in ROOT.glob('configs/**/metafile.yml'):
        if metafile.parent.name == 'classification':
            continue  # recognizers, no enhancers
        for model in yaml.safe_load(metafile.read_text())['Models']:
            if 'Weights' not in model:
                continue
            network, _ = network_config(ROOT / model['Config'])
            kind = MODELS.get(f'mmsdag.{network["type"].split(".")[-1]}')
            if hasattr(kind, 'enhance'):
                enhancers.add(model['Name'])
    assert {model.name for model in trained_models()} == enhancers
    for model in trained_models():
        assert model.config.is_file() and model.checkpoint.is_file()


@pytest.mark.parametrize('task', [TASK, GUIDANCE])
def test_names_have_one_grammar_and_stand_for_one_model(task):
    models = trained_models(task)
    for model in models:
        assert re.fullmatch(r'[a-z]+(_[a-z]+)*\.[a-z0-9]+(_[a-z0-9]+)*', model.name)
        seed = model.metadata['Seed']
        assert model.name.endswith(f'_seed{seed}') or task == GUIDANCE
        guide = model.metadata.get('Guidance')
        tag = model.name.partition('.')[2]
        assert task == GUIDANCE or tag.startswith(('sdag_', 'guided_')) == (guide is not None)
    names = [*model_names(task), *(name for model in models for name in model.old_names)]
    names += UNTRAINED if task == TASK else ()
    assert len(names) == len(set(names))


def test_seeds_of_a_recipe_are_measured_on_the_same_data():
    measured: dict[str, list] = {}
    for model in trained_models():
        measured.setdefault(model.recipe, []).append(
            [(result['Dataset'], *result['Metrics']) for result in model.results]
        )
    for recipe, seeds in measured.items():
        assert seeds[0] and seeds == [seeds[0]] * len(seeds), recipe


@pytest.mark.parametrize(
    'old, new',
    [
        ('zero-dce', 'zero_dce'),
        ('zero-dce_sdag', 'zero_dce.sdag'),
        ('zero_dce_sdag', 'zero_dce.sdag'),
        ('gamma', 'learned_gamma'),
        ('gamma_sdag', 'learned_gamma.sdag'),
        ('sci_sdag', 'sci.sdag'),
        ('ruas_sdag', 'ruas.sdag'),
        ('zero-dce-pp', 'zero_dce_pp'),
        ('learned_gamma_sdag', 'learned_gamma.sdag'),
        ('zero_dce_pp_sdag', 'zero_dce_pp.sdag'),
        ('zero-dce-pp_sdag', 'zero_dce_pp.sdag'),
        ('blend-unet', 'blend_unet'),
        ('blend-unet.camvid-cgnet', 'blend_unet.guided_camvid'),
        ('blend-unet.mixed', 'blend_unet.mixed'),
        ('zero-dce_1xb8-1k_brackets_seed2', 'zero_dce.brackets_seed2'),
    ],
)
def test_older_names_mean_what_they_meant(old, new, logged_warnings):
    found = find_model(old)
    assert f'use {new!r}' in logged_warnings()
    assert found == find_model(new)
    # The file says by its own name what it is.
    guided = re.search('sdag|cgnet|recognizers', Path(found[1]).name)
    assert bool(guided) == bool(re.search('sdag|guided|^blend_unet$', new))
