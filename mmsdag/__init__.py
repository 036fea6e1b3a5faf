"""Semantic degradation-aware guidance for low-light enhancement.

Importing it is cheap: it creates the registries, whose contents are imported
at the first lookup of an ``mmsdag.*`` type.
"""
from __future__ import annotations

import importlib.metadata

from mmengine.utils import digit_version

from .version import __version__

__all__ = ['__version__']

#: Distributions that must fit: lowest version, first that does not fit any
#: more, and how to get one that does.
_REQUIRED = {
    'mmengine': ('0.10.0', '1.0.0', "pip install 'mmengine>=0.10.0,<1.0.0'"),
    'mmcv': ('2.0.0', '2.2.0', "mim install 'mmcv>=2.0.0,<2.2.0'"),
    'mmcv-lite': ('2.0.0', '2.2.0', "mim install 'mmcv>=2.0.0,<2.2.0'"),
}


def _check_versions() -> None:
    """Compare what is installed with what this package works with.

    Raises:
        ImportError: A distribution is too old or too new.
    """
    for name, (lowest, limit, remedy) in _REQUIRED.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # mmcv is needed by some models only
        if not (digit_version(lowest) <= digit_version(found) <
                digit_version(limit)):
            raise ImportError(
                f'mmsdag {__version__} needs {name} >= {lowest}, < {limit}, '
                f'but {found} is installed: {remedy}')


_check_versions()

# Only now: a version that does not fit could fail here in its own words.
from mmengine.config.utils import MODULE2PACKAGE  # noqa: E402

import mmsdag.registry  # noqa: E402, F401
from mmsdag.utils.checkpoint import register_safe_loading  # noqa: E402

# MMEngine resolves `_base_ = 'mmsdag::...'` only for the packages listed here.
MODULE2PACKAGE.setdefault('mmsdag', 'mmsdag')
register_safe_loading()
