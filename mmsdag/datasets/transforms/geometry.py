"""Random crops, flips and transpositions of one or several aligned images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmsdag.registry import TRANSFORMS

from .base import Transform, images_of

#: Annotations of mmdet and mmseg that would stay where they are.
_ANNOTATIONS = ('gt_bboxes', 'gt_seg_map', 'gt_masks', 'gt_keypoints')


class _Geometric(Transform):
    """Base of the geometric transforms of images without annotations.

    Raises:
        ValueError: If a sample has annotations; the transform of the same
            name in mmdet or mmcv moves them, too.
    """

    keys: tuple[str, ...]

    def images(self, results: dict) -> list[np.ndarray]:
        """Return the images to change."""
        left = [
            key for key in _ANNOTATIONS if results.get(key) is not None and key not in self.keys
        ]
        if left:
            name = type(self).__name__
            raise ValueError(
                f'mmsdag.{name} changes images alone, but the sample has {left[0]!r}: in this '
                f"pipeline write type='mmdet.{name}', or type='mmengine.{name}' for mmcv's"
            )
        return images_of(results, self.keys, self)


@TRANSFORMS.register_module()
class RandomCrop(_Geometric):
    """Crop images at one random position.

    The position is drawn from NumPy's generator: column first, then row.

    Args:
        crop_size: Height and width of the crop, or one number for both.
            Images that are smaller keep their height or width.
        keys: Images to crop, (H, W, C), all of one size.

    Raises:
        ValueError: If ``crop_size`` is not positive.
    """

    def __init__(self, crop_size: int | Sequence[int], keys: Sequence[str] = ('img',)) -> None:
        self.crop_size = (crop_size, crop_size) if isinstance(crop_size, int) else tuple(crop_size)
        if len(self.crop_size) != 2 or min(self.crop_size) < 1:
            raise ValueError(
                f'crop_size={crop_size!r} of RandomCrop must be '
                'a positive number, or a height and a width'
            )
        self.keys = tuple(keys)

    def transform(self, results: dict) -> dict:
        """Crop the images, and update ``img_shape`` and similar entries."""
        images = self.images(results)
        height, width = (min(own, wanted) for own, wanted in zip(images[0].shape, self.crop_size))
        left = np.random.randint(0, images[0].shape[1] - width + 1)
        top = np.random.randint(0, images[0].shape[0] - height + 1)
        for key, image in zip(self.keys, images):
            results[key] = image[top : top + height, left : left + width]
            results[f'{key}_shape'] = (height, width)
        return results


@TRANSFORMS.register_module()
class RandomFlip(_Geometric):
    """Mirror images with a probability.

    Args:
        direction: ``'horizontal'`` exchanges left and right, ``'vertical'``
            top and bottom.
        prob: Probability of a flip, [0, 1].
        keys: Images to flip, (H, W, C); all are flipped, or none.

    Raises:
        ValueError: If an option is out of its range.
    """

    _AXES = dict(vertical=0, horizontal=1)

    def __init__(
        self, direction: str = 'horizontal', prob: float = 0.5, keys: Sequence[str] = ('img',)
    ) -> None:
        if direction not in self._AXES:
            raise ValueError(
                f"direction={direction!r} of RandomFlip: choose 'horizontal' or 'vertical'"
            )
        self.direction = direction
        self.prob = _probability(prob, self)
        self.keys = tuple(keys)

    def transform(self, results: dict) -> dict:
        """Flip the images, or leave them as they are."""
        images = self.images(results)
        if np.random.random() < self.prob:
            for key, image in zip(self.keys, images):
                results[key] = np.ascontiguousarray(np.flip(image, self._AXES[self.direction]))
        return results


@TRANSFORMS.register_module()
class RandomTranspose(_Geometric):
    """Exchange rows and columns of images with a probability.

    With a horizontal and a vertical :class:`RandomFlip` before it, all eight
    flips and rotations by 90 degrees are equally likely.

    Args:
        prob: Probability of a transposition, [0, 1].
        keys: Images to transpose, (H, W, C); all of them, or none.

    Raises:
        ValueError: If ``prob`` is out of its range.
    """

    def __init__(self, prob: float = 0.5, keys: Sequence[str] = ('img',)) -> None:
        self.prob = _probability(prob, self)
        self.keys = tuple(keys)

    def transform(self, results: dict) -> dict:
        """Transpose the images, or leave them as they are."""
        images = self.images(results)
        if np.random.random() < self.prob:
            for key, image in zip(self.keys, images):
                results[key] = image.swapaxes(0, 1)
                results[f'{key}_shape'] = results[key].shape[:2]
        return results


def _probability(value: float, owner: Transform) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f'prob={value!r} of {type(owner).__name__} must be in [0, 1]')
    return value
