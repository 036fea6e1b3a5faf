"""Loading of photographs."""

from __future__ import annotations

from mmsdag.registry import TRANSFORMS
from mmsdag.utils.image_io import read_image

from .base import Transform


@TRANSFORMS.register_module()
class LoadLowLightImage(Transform):
    """Load a photograph; see :mod:`mmsdag.utils.image_io` for the formats.

    Unlike mmcv's ``LoadImageFromFile`` it keeps the precision of 16-bit files,
    and never passes on the gray area that ends a truncated JPEG.

    Required keys: ``img_path`` (``gt_path`` for ``key='gt'``); or ``img``, as
    a dataset that keeps its images in memory gives it, which is then taken as
    it is.

    Added keys: ``img`` ((H, W, 3), BGR, uint8 or, of 16-bit files, float32 in
    [0, 255]), ``img_shape``, ``ori_img_shape``, ``img_channel_order``, and
    ``ori_shape``; of another key the likes of the first four.

    Args:
        key: What is loaded: ``'img'``, or ``'gt'``.

    Raises:
        BrokenImageError: See :func:`mmsdag.utils.image_io.read_image`.
    """

    def __init__(self, key: str = 'img') -> None:
        self.key = key

    def transform(self, results: dict) -> dict:
        """Load ``results['img_path']`` into ``results['img']``."""
        key = self.key
        image = results.get(key)
        if image is None:
            image = read_image(results[f'{key}_path'])
        results.update(
            {
                key: image,
                f'{key}_shape': image.shape[:2],
                f'ori_{key}_shape': image.shape,
                f'{key}_channel_order': 'bgr',
            }
        )
        if key == 'img':
            results['ori_shape'] = image.shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(key={self.key!r})'
