"""Upstream's packages and OneDL's forks are told apart."""

from __future__ import annotations

import subprocess
import sys
import warnings
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mmsdag import _stack

ROOT = Path(__file__).resolve().parent.parent
ONEDL = {
    'onedl-mmengine': '0.10.12',
    'onedl-mmcv': '2.3.6',
    'onedl-mmdetection': '3.5.1',
    'onedl-mmsegmentation': '1.4.2',
}
UPSTREAM = {'mmengine': '0.10.7', 'mmcv': '2.1.0', 'mmdet': '3.3.0', 'mmsegmentation': '1.2.2'}


@pytest.fixture
def with_packages(monkeypatch: pytest.MonkeyPatch):
    """Return a function that says what is installed."""

    def install(versions: dict[str, str], missing: tuple = ()) -> None:

        def version(name: str) -> str:
            if name not in versions:
                raise PackageNotFoundError(name)
            return versions[name]

        monkeypatch.setattr(_stack, 'version', version)
        monkeypatch.setattr(_stack, 'find_spec', lambda name: name not in missing or None)

    return install


def warnings_of() -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        _stack.check_stack('mmsdag 1')
    return [str(warning.message) for warning in caught]


def test_configs_are_looked_for_in_the_forks_where_these_are(with_packages):
    with_packages(ONEDL)
    names = dict(mmseg='mmsegmentation', mmdet='mmdet', mmagic='mmagic')
    _stack.name_packages(names)
    assert names == dict(mmseg='onedl-mmsegmentation', mmdet='onedl-mmdetection', mmagic='mmagic')


def test_upstreams_packages_keep_their_names(with_packages):
    with_packages(UPSTREAM)
    names = dict(mmseg='mmsegmentation', mmdet='mmdet')
    _stack.name_packages(names)
    assert names == dict(mmseg='mmsegmentation', mmdet='mmdet')


@pytest.mark.parametrize('versions', [UPSTREAM, ONEDL, {}])
def test_a_stack_that_fits_is_taken_without_a_word(with_packages, versions):
    with_packages(versions)
    assert warnings_of() == []


def test_both_in_one_environment_are_warned_of(with_packages):
    with_packages({**UPSTREAM, 'onedl-mmengine': '0.10.12'})
    (warning,) = warnings_of()
    assert warning.startswith('mmengine and onedl-mmengine are both installed')


def test_setuptools_without_pkg_resources_is_one_sentence(with_packages):
    with_packages(UPSTREAM, missing=('pkg_resources',))
    (warning,) = warnings_of()
    assert "pip install 'setuptools<82'" in warning
    with_packages(ONEDL, missing=('pkg_resources',))  # which do without
    assert warnings_of() == []


def test_without_mmengine_both_are_named(with_packages):
    with_packages({}, missing=('mmengine',))
    with pytest.raises(
        ImportError, match=("mmsdag 1 needs MMEngine: pip install 'mmengine>=.*'onedl-mmeng")
    ):
        _stack.check_stack('mmsdag 1')


@pytest.mark.slow
def test_stock_configs_are_inherited_on_the_installed_stack(tmp_path):
    config = tmp_path / 'config.py'
    done = []
    for module, base in (
        ('mmdet', 'yolox/yolox_nano_8xb8-300e_coco.py'),
        ('mmseg', 'pspnet/pspnet_r18-d8_4xb2-80k_cityscapes-512x1024.py'),
    ):
        pytest.importorskip(module)
        config.write_text(f"_base_ = '{module}::{base}'\n")
        done.append(
            subprocess.run(
                [
                    sys.executable,
                    '-W',
                    'ignore',
                    '-c',
                    'import mmsdag; from mmengine import Config; '
                    f'print(Config.fromfile({str(config)!r}).model.type)',
                ],
                cwd=ROOT,
                text=True,
                capture_output=True,
            )
        )
    assert [run.stdout.split()[-1:] for run in done] == [['YOLOX'], ['EncoderDecoder']], done
