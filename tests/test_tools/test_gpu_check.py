"""The GPU check goes on after a failed step and keeps to its budget."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / 'tools' / 'gpu' / 'check.sh'
#: Fails in speed.py, prints a row in downstream_cost.py.
STAND_IN = """#!/bin/sh
case "$*" in
*speed.py*) echo '| a row |'; echo told to fail >&2; exit 3 ;;
*downstream_cost.py*) echo '| another row |' ;;
*pytest*) echo '3 passed, 1 skipped in 0.1s' ;;
esac
"""


@pytest.fixture
def check(tmp_path: Path):
    """Return a function that runs the script with a stand-in for Python."""
    python = tmp_path / 'python'
    python.write_text(STAND_IN)
    python.chmod(0o755)

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ['bash', SCRIPT, *arguments],
            text=True,
            capture_output=True,
            env=dict(os.environ, PYTHON=str(python), MMSDAG_GPU_DRY_RUN='1'),
        )

    return run


def test_a_failed_step_is_named_and_the_others_run(check, tmp_path):
    done = check(str(tmp_path / 'out'))
    assert done.returncode == 1
    lines = (tmp_path / 'out' / 'summary.txt').read_text().splitlines()
    assert any(line.startswith('FAILED: speed, exit status 3') for line in lines)
    assert any(line.startswith('passed: tests: all others') for line in lines)
    assert '  3 passed, 1 skipped in 0.1s' in lines
    tables = (tmp_path / 'out' / 'tables.md').read_text()
    assert '| a row |' in tables and '| another row |' in tables
    assert 'told to fail' in (tmp_path / 'out' / 'log.txt').read_text()


def test_no_step_begins_when_the_budget_is_spent(check, tmp_path):
    done = check(str(tmp_path / 'out'), '10')
    assert 'not run: speed' in done.stdout
    assert (tmp_path / 'out' / 'log.txt').read_text() == ''


def test_without_a_folder_it_says_how_it_is_called(check):
    done = check()
    assert done.returncode == 2
    assert 'check.sh OUT [SECONDS' in done.stderr
