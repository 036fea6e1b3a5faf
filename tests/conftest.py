"""Fixtures that every test may use."""
from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch
from mmengine.registry import Registry

from mmsdag import registry

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope='session')
def shared() -> Path:
    """Folder of reference values, weights and photographs beside the repo."""
    folder = Path(os.environ.get('MMSDAG_SHARED', ROOT.parent / 'shared'))
    if not (folder / 'reference').is_dir():
        pytest.skip(f'needs the reference data in {folder} '
                    '(set MMSDAG_SHARED to its place)')
    return folder


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def restored_registries():
    """Undo what a test registers.

    Classes of the packages stay: their modules are imported once only.
    """
    registries = [r for r in vars(registry).values()
                  if isinstance(r, Registry)]
    before = [dict(r.module_dict) for r in registries]
    yield
    for own, entries in zip(registries, before):
        for name, found in list(own.module_dict.items()):
            if name in entries:
                own.module_dict[name] = entries[name]
            elif not found.__module__.startswith(('mm', 'torch')):
                del own.module_dict[name]


@pytest.fixture(scope='session')
def official(shared):
    """Load an authors' file into one of our networks, by our converter."""
    spec = importlib.util.spec_from_file_location(
        'convert_for_tests', ROOT / 'tools' / 'convert_checkpoint.py')
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool  # dataclasses look their module up
    spec.loader.exec_module(tool)

    def load(net: torch.nn.Module, method: str, name: str,
             key: str | None = None) -> torch.nn.Module:
        state = tool.convert(method, shared / 'weights' / name,
                             key)['state_dict']
        net.load_state_dict(
            {k.removeprefix('generator.'): v
             for k, v in state.items()})
        return net

    yield load
    del sys.modules[spec.name]
