"""Enhancers with a faster path for 8-bit images."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import takewhile
from typing import Any

import numpy as np
from torch import nn

from mmsdag.functional._hooks import has_hooks


def enhance_uint8_of(network: nn.Module) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return an enhancer's ``enhance_uint8`` if it may replace ``enhance``.

    It maps pixels (H, W, 3), RGB, uint8, to the output of ``enhance``, rounded
    to 8 bits, bit for bit.

    Returns:
        The method; ``None`` if there is none, or if a subclass, an attribute
        or a hook changes the result of ``enhance``.
    """
    cls: Any = type(network)
    if (
        getattr(cls, 'enhance_uint8', None) is None
        or _is_changed(cls)
        or 'enhance' in vars(network)
        or 'forward' in vars(network)
        or has_hooks(network)
    ):
        return None
    return network.enhance_uint8  # type: ignore[return-value]


@cache
def _is_changed(cls: type) -> bool:
    """Return whether a subclass overrides methods around enhance_uint8."""
    heirs = list(takewhile(lambda base: 'enhance_uint8' not in vars(base), cls.__mro__))
    owner = cls.__mro__[len(heirs)]
    methods = {
        name
        for name, value in vars(owner).items()
        if callable(value)
        and not name.startswith('__')
        and not getattr(value, '__isabstractmethod__', False)
    } | {'enhance', 'forward'}
    return any(methods & vars(heir).keys() for heir in heirs)
