"""Pack the images of a pipeline into tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmsdag.registry import TRANSFORMS

from .base import Transform, images_of

#: What detectors need to know about an image that is not flipped.
_DETECTION_KEYS = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
#: What is known about an image besides its pixels.
_META_KEYS = (
    'img_path',
    'gt_path',
    'sample_idx',
    'ori_shape',
    'img_shape',
    'ori_img_shape',
    'ori_gt_shape',
    'img_channel_order',
    'gt_channel_order',
    'is_dark',
)


@TRANSFORMS.register_module()
class PackImages(Transform):
    """Pack images for a model.

    ``inputs`` becomes a tensor (C, H, W) of the image's dtype, or a dict of
    such tensors if there are several keys. ``data_samples`` becomes a
    ``BaseDataElement`` with the metainfo and, where the pipeline has loaded a
    ground truth ``gt``, the tensor ``gt_img`` (C, H, W). Channel orders are
    kept; the data preprocessor converts them.

    Args:
        keys: Images that the model takes.
        meta_keys: Entries to keep as metainfo, of those that there are.
    """

    def __init__(
        self, keys: Sequence[str] = ('img',), meta_keys: Sequence[str] = _META_KEYS
    ) -> None:
        self.keys = tuple(keys)
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict[str, Any]:
        """Return ``inputs`` and ``data_samples``."""
        images_of(results, self.keys, self)
        tensors = {key: _tensor_of(results[key]) for key in self.keys}
        sample = BaseDataElement(
            metainfo={key: results[key] for key in self.meta_keys if key in results}
        )
        if 'gt' in results:
            sample.gt_img = _tensor_of(results['gt'])
        inputs = tensors if len(tensors) > 1 else tensors[self.keys[0]]
        return dict(inputs=inputs, data_samples=sample)


def _tensor_of(image: np.ndarray) -> Tensor:
    """Convert (H, W) or (H, W, C) to a contiguous tensor (C, H, W)."""
    if image.ndim == 2:
        image = image[..., None]
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def with_meta_keys(steps: Sequence[Mapping[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return a pipeline whose ``PackDetInputs`` also keeps entries of these names.

    Args:
        steps: Configs of mmdet's transforms.
        *names: Entries, as in its ``meta_keys``.
    """
    copies = [dict(step) for step in steps]
    for step in copies:
        if str(step['type']).rpartition('.')[-1] == 'PackDetInputs':
            kept = step.get('meta_keys', _DETECTION_KEYS)
            step['meta_keys'] = tuple(dict.fromkeys((*kept, *names)))
    return copies
