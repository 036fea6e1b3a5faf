"""Keep the old names of modules that have moved."""
from __future__ import annotations

import sys
import warnings
from importlib import import_module


def moved_module(old: str, new: str) -> None:
    """Let the import of a module give another one, with a warning.

    Args:
        old: ``__name__`` of the module that calls this.
        new: Dotted name of the module that takes its place.
    """
    warnings.warn(f'{old} is now {new}: import from there', FutureWarning,
                  stacklevel=3)
    sys.modules[old] = import_module(new)
