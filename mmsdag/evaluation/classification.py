"""Per-image statistics of classification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .per_image import ArrayFields, check_weights


@dataclass(frozen=True)
class LabelHits(ArrayFields):
    """Counts of ``mmpretrain.Accuracy`` for I images and K classes.

    Attributes:
        hit: (I,), 1 where the label with the highest score is right, else 0.
        label: (I, K), 1 for the class of the image, else 0.
    """

    hit: np.ndarray
    label: np.ndarray

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.hit)

    def summarise(
        self, weights: np.ndarray | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Compute the accuracy ``top1``, from 0 to 1.

        Args:
            weights: (B, I), how often each image counts, in each of B
                samples; by default once, in one sample.

        Returns:
            ``top1`` over all images, (B,), and over those of each class,
            (B, K), NaN without images.

        Raises:
            ValueError: If the shape of the weights does not fit.
        """
        weights = check_weights(weights, self.images)
        hits = self.hit[:, None] * self.label.astype(float)
        with np.errstate(invalid='ignore', divide='ignore'):
            classes = (weights @ hits) / (weights @ self.label.astype(float))
            overall = (weights @ self.hit.astype(float)) / weights.sum(1)
        return dict(top1=overall), dict(top1=classes)
