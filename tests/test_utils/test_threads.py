"""The tools' own processes let waiting threads sleep."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmsdag.utils import threads

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.mark.parametrize(
    'tool', ['benchmark_downstream', 'demo', 'night_scenes_benchmark', 'test', 'train']
)
def test_a_tool_sets_the_policy_before_anything_is_imported(tool):
    lines = (TOOLS / f'{tool}.py').read_text().splitlines()
    imports = [line for line in lines if 'import' in line.split()[:3]]
    setting = lines.index("os.environ.setdefault('OMP_WAIT_POLICY', 'passive')")
    assert imports[0] == 'import os'
    assert setting < lines.index(imports[1])


def test_the_command_restarts_once_with_the_setting(monkeypatch):
    calls = []
    monkeypatch.delenv('OMP_WAIT_POLICY', raising=False)
    monkeypatch.setattr(os, 'execv', lambda *args: calls.append(args))
    threads.restart_with_sleeping_threads()
    assert os.environ['OMP_WAIT_POLICY'] == 'passive'
    assert calls == [(sys.executable, [sys.executable, *sys.orig_argv[1:]])]
    threads.restart_with_sleeping_threads()
    assert len(calls) == 1
    monkeypatch.delenv('OMP_WAIT_POLICY')


@pytest.mark.slow
def test_the_command_keeps_its_arguments_when_it_restarts(monkeypatch):
    monkeypatch.delenv('OMP_WAIT_POLICY', raising=False)
    done = subprocess.run(
        [sys.executable, '-m', 'mmsdag', 'demo', '--no-such-option'], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert 'unrecognized arguments: --no-such-option' in done.stderr
