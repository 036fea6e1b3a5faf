"""Fixtures that every test may use."""
from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

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
