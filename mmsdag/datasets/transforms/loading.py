"""Loading of photographs."""
from __future__ import annotations

from mmcv.transforms import BaseTransform

from mmsdag.registry import TRANSFORMS

from ..image_io import read_image


@TRANSFORMS.register_module()
class LoadLowLightImage(BaseTransform):
    """Load a photograph of any common kind, or say why it cannot be used.

    Unlike mmcv's ``LoadImageFromFile`` it keeps the precision of 16-bit files,
    and never passes on the grey area that ends a truncated JPEG.

    Required keys: ``img_path``; or ``img``, as a dataset that keeps its images
    in memory gives it, which is then taken as it is.

    Added keys: ``img`` ((H, W, 3), BGR, uint8 or, of 16-bit files, float32 in
    [0, 255]), ``img_shape``, ``ori_shape``, ``ori_img_shape``,
    ``img_channel_order``.

    Raises:
        BrokenImageError: See :func:`mmsdag.datasets.image_io.read_image`.
    """

    def transform(self, results: dict) -> dict:
        """Load ``results['img_path']`` into ``results['img']``."""
        image = results.get('img')
        if image is None:
            image = read_image(results['img_path'])
        results.update(
            img=image,
            img_shape=image.shape[:2],
            ori_shape=image.shape[:2],
            ori_img_shape=image.shape,
            img_channel_order='bgr')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
