"""Devices, peak memory and durations are reported for people."""

from __future__ import annotations

import platform

import numpy as np
import pytest
import torch

from mmsdag.utils import system
from mmsdag.utils.system import PeakMemory, device_name, duration


@pytest.mark.parametrize(
    'seconds, text',
    [
        (0.4, '0 s'),
        (59.6, '1 min 0 s'),
        (200, '3 min 20 s'),
        (3599.4, '59 min 59 s'),
        (3720, '1 h 2 min'),
    ],
)
def test_durations_name_their_two_largest_units(seconds, text):
    assert duration(seconds) == text


def test_a_cpu_has_the_name_that_the_system_gives(monkeypatch, tmp_path):
    cpuinfo = tmp_path / 'cpuinfo'
    cpuinfo.write_text('processor : 0\nmodel name\t: Fast CPU @ 3 GHz\n')
    path = system.Path
    monkeypatch.setattr(
        system, 'Path', lambda name: cpuinfo if name == '/proc/cpuinfo' else path(name)
    )
    assert device_name() == 'Fast CPU @ 3 GHz'


def test_a_cpu_without_a_name_has_that_of_its_architecture(monkeypatch):
    monkeypatch.setattr(system, 'Path', lambda name: system._STATUS / 'no')
    monkeypatch.setattr(platform, 'processor', lambda: '')
    assert device_name('cpu') == platform.machine()


needs_status = pytest.mark.skipif(not PeakMemory.available(), reason='needs /proc/self/clear_refs')


@needs_status
def test_the_peak_is_that_of_memory_freed_since():
    np.ones(2**25)  # 256 MiB that were freed before do not count
    memory = PeakMemory()
    np.ones(2**23)  # 64 MiB
    assert 60 < memory.mib() < 80
    assert memory.mib() == memory.bytes() / 2**20


@needs_status
def test_nothing_allocated_is_no_peak():
    assert PeakMemory('cpu').mib() < 5


def test_a_peak_that_cannot_be_measured_is_none(monkeypatch, tmp_path):
    monkeypatch.setattr(system, '_CLEAR_REFS', tmp_path / 'none' / 'there')
    assert not PeakMemory.available()
    assert PeakMemory().mib() is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_the_peak_of_a_gpu_is_above_what_was_there():
    kept = torch.ones(2**20, device='cuda')
    memory = PeakMemory('cuda')
    torch.ones(2**20, device='cuda')
    assert memory.bytes() == kept.nbytes
