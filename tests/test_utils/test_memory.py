"""Freed memory is used again instead of being faulted in anew."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from mmsdag.utils import memory

# Without torch, whose import takes long: a bytes object is malloc and memset.
PROBE = """
import resource, runpy, sys

if sys.argv[1] == 'keep':
    assert runpy.run_path(sys.argv[2])['keep_freed_memory']()
for _ in range(9):
    b'x' * 2**26
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    first = locals().get('first', faults)
print(faults - first)
"""

needs_glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != 'glibc', reason="is about glibc's malloc"
)


def page_faults(mode: str) -> int:
    env = {name: value for name, value in os.environ.items() if name not in memory.USER_SETTINGS}
    probe = subprocess.run(
        [sys.executable, '-c', PROBE, mode, memory.__file__],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(probe.stdout)


@needs_glibc
def test_large_blocks_cause_page_faults_once():
    # 64 MiB, eight times over after the first, are 131,072 pages of 4 KiB.
    assert page_faults('keep') < 2000 < page_faults('default')


@pytest.mark.parametrize('name', ['LD_PRELOAD', 'MALLOC_TRIM_THRESHOLD_'])
def test_settings_of_the_user_are_respected(monkeypatch, name):
    monkeypatch.setenv(name, '1')
    assert not memory.keep_freed_memory()


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr(platform, 'libc_ver', lambda: ('musl', '1.2'))
    assert not memory.keep_freed_memory()
