"""The tools' own processes let waiting threads sleep."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmsdag.utils import threads

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def unset(monkeypatch):
    """An environment without the settings, which is restored in the end."""
    for name in threads.SETTINGS:
        monkeypatch.setenv(name, '')  # recorded, even if it was not set
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    'tool', ['benchmark_downstream', 'demo', 'night_scenes_benchmark', 'test', 'train']
)
def test_a_tool_sets_the_policy_before_anything_is_imported(tool):
    lines = (TOOLS / f'{tool}.py').read_text().splitlines()
    imports = [line for line in lines if 'import' in line.split()[:3]]
    assert imports[0] == 'import os'
    for name, value in threads.SETTINGS.items():
        setting = lines.index(f"os.environ.setdefault('{name}', '{value}')")
        assert setting < lines.index(imports[1])


def test_the_command_restarts_once_with_the_settings(monkeypatch, unset):
    calls = []
    monkeypatch.setattr(os, 'execv', lambda *args: calls.append(args))
    threads.restart_with_sleeping_threads()
    assert os.environ['OMP_WAIT_POLICY'] == 'passive'
    assert os.environ['GOMP_SPINCOUNT'] == '1000'
    assert calls == [(sys.executable, [sys.executable, *sys.orig_argv[1:]])]
    threads.restart_with_sleeping_threads()
    assert len(calls) == 1


def test_a_setting_of_the_user_stays(monkeypatch, unset):
    monkeypatch.setattr(os, 'execv', lambda *args: None)
    monkeypatch.setenv('GOMP_SPINCOUNT', '7')
    threads.restart_with_sleeping_threads()
    assert os.environ['GOMP_SPINCOUNT'] == '7'


@pytest.mark.slow
def test_the_command_keeps_its_arguments_when_it_restarts(unset):
    done = subprocess.run(
        [sys.executable, '-m', 'mmsdag', 'demo', '--no-such-option'], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert 'unrecognized arguments: --no-such-option' in done.stderr
