"""Bootstrap intervals of metrics and of their differences.

Metrics depend on which images happen to be in the test set. The bootstrap
resamples the test set with replacement many times and takes the spread of a
metric over the resamples (Efron and Tibshirani 1993, "An introduction to the
bootstrap").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A percentile interval.

    Attributes:
        low: Lower end; NaN if the metric is undefined in all samples.
        high: Upper end.
    """

    low: float
    high: float

    @property
    def includes_zero(self) -> bool:
        """Return whether a difference with this interval is within noise."""
        return not (self.low > 0 or self.high < 0)


def resample(
    images: int, samples: int = 1000, seed: int = 0, groups: Sequence | None = None
) -> np.ndarray:
    """Resample images with replacement.

    Metrics to be compared must be computed from the same samples; the same
    arguments give the same samples.

    Args:
        images: Number of images.
        samples: Number of draws.
        seed: Of the draws.
        groups: Group of each image, such as its scene. Images of one group
            are not independent and are drawn together. An image with the
            group None is drawn alone, by default each image.

    Returns:
        (samples, images), int, how often each image counts; a row sums to
        ``images`` where there are no groups.

    Raises:
        ValueError: If nothing can be drawn, or ``groups`` is not of the same
            length.
    """
    if images < 1 or samples < 1:
        raise ValueError(f'images={images}, samples={samples}: at least one of each is needed')
    groups = [None] * images if groups is None else groups
    if len(groups) != images:
        raise ValueError(f'groups names {len(groups)} images of {images}')
    numbers: dict[Any, int] = {}
    members = [
        numbers.setdefault(image if group is None else str(group), len(numbers))
        for image, group in enumerate(groups)
    ]
    count = len(numbers)
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)
    return drawn[:, members]


def interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """Return the central ``level`` of the samples (B,); NaN is left out."""
    values = np.asarray(values, float)
    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(np.nan, np.nan)
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail])
    return Interval(float(low), float(high))
