"""Suggest the names that a misspelled one may stand for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def similar(name: str, known: Iterable[str], count: int = 3, cutoff: float = 0.6) -> list[str]:
    """Return the known names that resemble a name, the closest first.

    Args:
        name: Name that is not known; upper and lower case do not count.
        known: All names.
        count: Largest number of names to return.
        cutoff: Similarity from 0 to 1, see :func:`difflib.get_close_matches`.
    """
    lower = {other.lower(): other for other in known}
    close = difflib.get_close_matches(name.lower(), lower, count, cutoff)
    return [lower[other] for other in close]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'a' or 'b'?``, or all known names if none is near.

    Args:
        name: Name that is not known.
        known: All names.
    """
    known = list(known)
    close = similar(name, known)
    if close:
        return f'did you mean {" or ".join(map(repr, close))}?'
    return f'known: {", ".join(known) or "none"}'
