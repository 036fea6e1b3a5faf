"""Keep the old names of what has moved or got another name."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from mmengine.logging import print_log


@cache
def warn_once(message: str) -> None:
    """Log a warning, the first time that it is given."""
    print_log(message, 'current', logging.WARNING)


def moved_module(old: str, new: str) -> None:
    """Let the import of a module give another one, with a warning.

    Args:
        old: ``__name__`` of the module that calls this.
        new: Dotted name of the module that takes its place.
    """
    warnings.warn(f'{old} is now {new}: import from there', FutureWarning, stacklevel=3)
    sys.modules[old] = import_module(new)


def moved_names(module: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a module's ``__getattr__`` that finds its old names.

    Args:
        module: ``__name__`` of the module.
        names: By its old name, what is meant: ``module:name``.
    """

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f'module {module!r} has no attribute {name!r}')
        place, _, new = names[name].partition(':')
        warn_once(f'{module}.{name} is now {place}.{new}')
        return getattr(import_module(place), new)

    return get


def one_checkpoint(checkpoint: Any, owner: str, **older: Any) -> Any:
    """Return the checkpoint that was given by its name or an older one.

    Args:
        checkpoint: Value of ``checkpoint``.
        owner: What the argument belongs to, for messages.
        **older: Values of older names of the argument.

    Raises:
        TypeError: If it was given by two names.
    """
    for name, value in older.items():
        if value is None:
            continue
        if checkpoint is not None:
            raise TypeError(
                f'checkpoint={checkpoint!r} and {name}={value!r} of {owner} '
                f'are two names of one argument: leave {name} out'
            )
        warn_once(f'{name} of {owner} is now called checkpoint')
        checkpoint = value
    return checkpoint
