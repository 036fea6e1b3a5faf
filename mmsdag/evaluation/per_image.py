"""What the per-image statistics of all tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ArrayFields:
    """A dataclass whose fields are arrays, which a file can hold."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays by the names of their fields, for ``np.savez``."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Any:
        """Invert :meth:`arrays`; other names are ignored."""
        return cls(*(arrays[field.name] for field in fields(cls)))


def check_weights(weights: np.ndarray | None, images: int) -> np.ndarray:
    """Return how often each image counts, (B, I), float; by default once.

    Raises:
        ValueError: If the shape does not fit.
    """
    if weights is None:
        return np.ones((1, images))
    weights = np.asarray(weights, float)
    if weights.ndim != 2 or weights.shape[1] != images:
        raise ValueError(
            f'weights have the shape {weights.shape}: (samples, {images}) '
            f'are needed, one for each of {images} images'
        )
    return weights


def mean_of_present(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Average values that are not NaN; NaN, without a warning, if all are."""
    there = ~np.isnan(values)
    count = there.sum(axis)
    total = np.where(there, values, 0).sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
