"""Enhancement before an mmdet detector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmcv.image import imresize, rescale_size
from mmdet.models.data_preprocessors import DetDataPreprocessor
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from torch import Tensor

from mmsdag.registry import MODELS

from .enhancement import EnhancementMixin


@MODELS.register_module()
class EnhancedDetDataPreprocessor(EnhancementMixin, DetDataPreprocessor):
    """``mmdet.DetDataPreprocessor`` that enhances each image first.

    The arguments are those of :class:`EnhancementMixin`, of
    ``mmdet.DetDataPreprocessor``, which a config inherits, and:

    Args:
        resize_to: (width, height) that enhanced images are resized to fit
            into, keeping their aspect ratio, boxes included. For a pipeline
            without ``Resize`` and ``Pad``: the enhancer then sees images at
            their original size. ``None`` leaves them as they are.

    Example:
        >>> model = dict(
        ...     data_preprocessor=dict(
        ...         type='mmsdag.EnhancedDetDataPreprocessor',
        ...         enhancer='zero_dce.sdag'))
    """

    def __init__(self, *args: Any, resize_to: Sequence[int] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if resize_to is not None and not (
            isinstance(resize_to, (list, tuple)) and len(resize_to) == 2 and min(resize_to) >= 1
        ):
            raise ValueError(
                f'resize_to={resize_to!r} of EnhancedDetDataPreprocessor: '
                'must be (width, height) in pixels'
            )
        self.resize_to = None if resize_to is None else tuple(resize_to)

    def enhance_batch(self, data: dict) -> dict:
        """See :meth:`EnhancementMixin.enhance_batch`."""
        enhanced = super().enhance_batch(data)
        samples = data.get('data_samples')
        if self.resize_to is not None and samples is not None:
            # Casting copies them: the loader's own keep their boxes.
            samples = self.cast_data(samples)
            for sample, image in zip(samples, data['inputs']):
                _rescale(sample, image.shape[-2:], self._size(image.shape[-2:]))
            enhanced['data_samples'] = samples
        return enhanced

    def enhance(
        self, images: Sequence[Tensor], samples: Sequence[Any] | None = None
    ) -> list[Tensor]:
        """See :meth:`EnhancementMixin.enhance`; ``resize_to`` included."""
        enhanced = super().enhance(images, samples)
        if self.resize_to is None:
            return enhanced
        return [
            _resize(new, self._size(new.shape[-2:]), self.rounds(old))
            for old, new in zip(images, enhanced)
        ]

    def _size(self, shape: Sequence[int]) -> tuple[int, int]:
        height, width = shape
        new_width, new_height = rescale_size((width, height), self.resize_to)
        return new_height, new_width


def _resize(image: Tensor, size: tuple[int, int], rounds: bool) -> Tensor:
    """Resize an image (3, H, W), [0, 255], to (height, width)."""
    if rounds and image.device.type == 'cpu':
        # By OpenCV, as the pipeline's own Resize, to the last bit. On a GPU
        # a level differs here and there, for the sake of speed.
        array = image.permute(1, 2, 0).contiguous().numpy()
        return torch.from_numpy(imresize(array, size[::-1])).permute(2, 0, 1)
    resized = F.interpolate(image[None].float(), size, mode='bilinear', align_corners=False)[0]
    return resized.round().to(torch.uint8) if rounds else resized


def _rescale(sample: DetDataSample, old: Sequence[int], new: tuple[int, int]) -> None:
    """Rescale a sample's annotations to a new image size (height, width)."""
    factor = (new[1] / old[1], new[0] / old[0])
    before = sample.get('scale_factor', (1.0, 1.0))
    sample.set_metainfo(
        dict(img_shape=new, scale_factor=(before[0] * factor[0], before[1] * factor[1]))
    )
    for name in ('gt_instances', 'ignored_instances'):
        instances = sample.get(name)
        if instances is None:
            continue
        if 'masks' in instances:
            raise ValueError(
                'resize_to of EnhancedDetDataPreprocessor does not resize masks: resize in the '
                'pipeline, and leave it out'
            )
        if 'bboxes' in instances:
            boxes = instances.bboxes
            if isinstance(boxes, Tensor):
                instances.bboxes = boxes * boxes.new_tensor(factor * 2)
            else:
                boxes = HorizontalBoxes(boxes.tensor.clone())
                boxes.rescale_(factor)
                instances.bboxes = boxes
