"""Base of the transforms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class Transform:
    """A step of a data pipeline.

    Called as mmcv's ``BaseTransform`` is, so that the steps of both go
    together in one pipeline; mmcv does not have to be installed.
    """

    def __call__(self, results: dict) -> dict:
        """Apply the step to a sample."""
        return self.transform(results)

    def transform(self, results: dict) -> dict:
        """Return the sample with some of its entries changed or added."""
        raise NotImplementedError

    def __repr__(self) -> str:
        arguments = ', '.join(f'{k}={v!r}' for k, v in vars(self).items())
        return f'{type(self).__name__}({arguments})'


def images_of(results: dict, keys: Sequence[str], owner: Transform) -> list[np.ndarray]:
    """Return the images of a sample that a step needs.

    Args:
        results: The sample.
        keys: Keys of the images, each (H, W, C).
        owner: The step, for the message.

    Raises:
        KeyError: If one is missing.
        ValueError: If the images differ in height or width.
    """
    name = type(owner).__name__
    for key in keys:
        if key not in results:
            raise KeyError(
                f'{name}: no {key!r} among the keys {sorted(results)}; load '
                'it earlier in the pipeline, or set keys'
            )
    images = [results[key] for key in keys]
    if len({image.shape[:2] for image in images}) > 1:
        raise ValueError(
            f'{name}: the images {", ".join(keys)} differ in size: '
            f'{", ".join(str(image.shape[:2]) for image in images)}'
        )
    return images
