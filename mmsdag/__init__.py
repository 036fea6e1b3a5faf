"""Semantic degradation-aware guidance for low-light enhancement.

Importing it is cheap: it creates the registries, whose contents are imported
at the first lookup of an ``mmsdag.*`` type.
"""

from __future__ import annotations

from typing import Any

from ._stack import check_stack, name_packages
from .version import __version__

__all__ = ['EnhancedModel', '__version__']

check_stack(f'mmsdag {__version__}')

# Only now: a version that does not fit could fail here in its own words.
from mmengine.config.utils import MODULE2PACKAGE  # noqa: E402

import mmsdag.registry  # noqa: E402, F401
from mmsdag.utils.checkpoint import allow_training_checkpoints  # noqa: E402

# MMEngine resolves `_base_ = 'mmsdag::...'` only for the packages listed here.
MODULE2PACKAGE.setdefault('mmsdag', 'mmsdag')
name_packages(MODULE2PACKAGE)
allow_training_checkpoints()


def __getattr__(name: str) -> Any:
    """Import :class:`EnhancedModel` when it is asked for."""
    if name == 'EnhancedModel':
        from mmsdag.models.enhanced_model import EnhancedModel

        return EnhancedModel
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
