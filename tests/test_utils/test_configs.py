from __future__ import annotations

from pathlib import Path

import pytest

from mmsdag.utils.configs import find_config


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """A clone's folder of configs."""
    for name in (
        'zero_dce/zero-dce_x.py',
        'zero_dce/same.py',
        'sdag/same.py',
        '_base_/models/base.py',
    ):
        path = tmp_path / 'configs' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.setattr('mmsdag.utils.configs._PACKAGE', tmp_path / 'mmsdag')
    return tmp_path / 'configs'


@pytest.mark.parametrize(
    'name', ['zero_dce/zero-dce_x', 'zero_dce/zero-dce_x.py', 'zero-dce_x', Path('zero-dce_x.py')]
)
def test_configs_are_found_by_name(configs, name):
    assert find_config(name) == configs / 'zero_dce/zero-dce_x.py'


def test_configs_are_found_in_an_installed_package(configs, tmp_path):
    installed = tmp_path / 'mmsdag' / '.mim' / 'configs'
    installed.parent.mkdir(parents=True)
    configs.rename(installed)
    assert find_config('zero-dce_x') == installed / 'zero_dce/zero-dce_x.py'


@pytest.mark.parametrize(
    'name, error, message',
    [
        ('zero_dce/zero-dce_y', FileNotFoundError, 'mean zero_dce/zero-dce_x'),
        ('same', ValueError, 'sdag/same, zero_dce/same'),
        ('base', FileNotFoundError, 'nor a config'),
        ('???', FileNotFoundError, 'nor a config of mmsdag$'),
    ],
)
def test_a_wrong_name_of_a_config_is_refused(configs, name, error, message):
    with pytest.raises(error, match=message):
        find_config(name)
