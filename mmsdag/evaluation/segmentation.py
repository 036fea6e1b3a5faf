"""Per-image statistics of segmentation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .per_image import ArrayFields, check_weights, mean_of_present


@dataclass(frozen=True)
class PixelCounts(ArrayFields):
    """Counts of ``mmseg.IoUMetric`` for I images and K classes.

    Attributes:
        intersect: (I, K), pixels that are labeled so and found so.
        union: (I, K), pixels that are labeled so or found so.
        label: (I, K), pixels that are labeled so.
    """

    intersect: np.ndarray
    union: np.ndarray
    label: np.ndarray

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.label)

    def summarise(
        self, weights: np.ndarray | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Compute ``mIoU``, ``mAcc`` and ``aAcc``, from 0 to 1.

        Args:
            weights: (B, I), how often each image counts, in each of B
                samples; by default once, in one sample.

        Returns:
            The figures over all classes, each (B,), and ``mIoU`` and
            ``mAcc`` of each class, (B, K), NaN without pixels.

        Raises:
            ValueError: If the shape of the weights does not fit.
        """
        weights = check_weights(weights, self.images)
        intersect, union, label = (
            weights @ counts.astype(float) for counts in (self.intersect, self.union, self.label)
        )
        with np.errstate(invalid='ignore', divide='ignore'):
            classes = dict(mIoU=intersect / union, mAcc=intersect / label)
            accuracy = intersect.sum(1) / label.sum(1)
        overall = {name: mean_of_present(values, 1) for name, values in classes.items()}
        return dict(overall, aAcc=accuracy), classes
