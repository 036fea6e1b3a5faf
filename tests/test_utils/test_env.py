"""The environment report."""

from __future__ import annotations

import mmengine
import torch

from mmsdag.utils.env import environment_report, package_versions


def test_versions_are_those_of_the_modules():
    versions = package_versions()
    assert torch.__version__.startswith(versions['torch'])
    found = versions.get('mmengine') or versions['onedl-mmengine']
    assert found == mmengine.__version__


def test_packages_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr('mmsdag.utils.env.PACKAGES', ('torch', 'no-such'))
    assert list(package_versions()) == ['torch']


def test_the_report_names_the_devices():
    assert 'CUDA available' in environment_report()
