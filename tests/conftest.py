"""Fixtures that every test may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.registry import Registry

from mmsdag import registry
from mmsdag.utils import moved
from mmsdag.utils.conversion import convert

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope='session')
def shared() -> Path:
    """Folder of reference values, weights and photographs beside the repo."""
    folder = Path(os.environ.get('MMSDAG_SHARED', ROOT.parent / 'shared'))
    if not (folder / 'reference').is_dir():
        pytest.skip(f'needs the reference data in {folder} (set MMSDAG_SHARED to its place)')
    return folder


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def restored_registries():
    """Undo what a test registers.

    Classes of packages and of tests/helpers stay: their modules are imported
    only once.
    """
    own = [r for r in vars(registry).values() if isinstance(r, Registry)]
    registries = [*own, *(r.parent for r in own if r.parent is not None)]
    before = [dict(r.module_dict) for r in registries]
    yield
    for each, entries in zip(registries, before):
        for name, found in list(each.module_dict.items()):
            if name in entries:
                each.module_dict[name] = entries[name]
            elif not found.__module__.startswith(('mm', 'torch', 'helpers')):
                del each.module_dict[name]


@pytest.fixture
def logged_warnings(monkeypatch) -> Callable[[], str]:
    """Return what was logged about old names since the last call."""
    messages: list[str] = []
    moved.warn_once.cache_clear()
    monkeypatch.setattr(moved, 'print_log', lambda message, *_: messages.append(message))

    def take() -> str:
        text = '\n'.join(messages)
        messages.clear()
        return text

    return take


@pytest.fixture(scope='session')
def official(shared):
    """Load an authors' file into one of our networks, by our converter."""

    def load(
        net: torch.nn.Module, method: str, name: str, key: str | None = None
    ) -> torch.nn.Module:
        state = convert(method, shared / 'weights' / name, key)['state_dict']
        net.load_state_dict({k.removeprefix('generator.'): v for k, v in state.items()})
        return net

    return load
