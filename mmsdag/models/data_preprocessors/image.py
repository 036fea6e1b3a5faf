"""Data preprocessor of models that output images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import ImgDataPreprocessor
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from mmsdag.registry import MODELS

Samples = Sequence[BaseDataElement]


@MODELS.register_module()
class ImageDataPreprocessor(ImgDataPreprocessor):
    """Collate images to (N, 3, H, W), RGB, normalized, and convert them back.

    Takes what :class:`mmsdag.datasets.transforms.PackImages` gives, and what
    mmagic's ``PackInputs`` gives: tensors (C, H, W) in [0, 255], or dicts of
    them. Their channel order is that of the metainfo ``img_channel_order``
    (of another key ``KEY_channel_order``), by default BGR. Images of several
    sizes are padded with zeros, right and below.

    Args:
        mean: Mean of each channel, RGB; by default 0.
        std: Standard deviation of each channel, RGB; the default of 255
            makes [0, 1].
    """

    def __init__(
        self, mean: Sequence[float] = (0.0, 0.0, 0.0), std: Sequence[float] = (255.0, 255.0, 255.0)
    ) -> None:
        super().__init__(mean=mean, std=std)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Move a batch to the device and normalize it.

        Args:
            data: ``inputs``, a list of tensors or of dicts of tensors (or
                one tensor (N, C, H, W), or a dict of lists), and
                ``data_samples``, a list, where there are any.
            training: Not used; part of MMEngine's interface.

        Returns:
            ``inputs``, a tensor (N, 3, H, W) or a dict of them, and
            ``data_samples``, a list whose metainfo names the padding.
        """
        data = self.cast_data(data)
        inputs, samples = data['inputs'], data.get('data_samples')
        if isinstance(inputs, Sequence) and isinstance(inputs[0], Mapping):
            inputs = {key: [item[key] for item in inputs] for key in inputs[0]}
        images = inputs if isinstance(inputs, Mapping) else dict(img=inputs)
        if not samples:
            first = next(iter(images.values()))
            samples = [BaseDataElement() for _ in first]
        batches = {key: self._batch(list(value), samples, key) for key, value in images.items()}
        return dict(
            data,
            inputs=batches if isinstance(inputs, Mapping) else batches['img'],
            data_samples=samples,
        )

    def _batch(self, images: list[Tensor], samples: Samples, key: str) -> Tensor:
        """Return normalized (N, 3, H, W), RGB; note the padding."""
        height, width = (max(image.shape[axis] for image in images) for axis in (-2, -1))
        batch = []
        for image, sample in zip(images, samples):
            below = height - image.shape[-2]
            right = width - image.shape[-1]
            if key == 'img':
                sample.set_metainfo(dict(padding_size=(0, below, right)))
            order = sample.metainfo.get(f'{key}_channel_order', 'bgr')
            if order.lower() == 'bgr':
                image = image.flip(0)
            batch.append(F.pad(image, (0, right, 0, below)))
        return (torch.stack(batch) - self.mean) / self.std

    def destruct(self, images: Tensor, samples: Samples) -> list[Tensor]:
        """Undo the normalization and the padding.

        Args:
            images: (N, 3, H, W), RGB, as this preprocessor makes them.
            samples: Their data samples.

        Returns:
            N images (3, h, w), BGR, clipped to [0, 255].
        """
        images = (images * self.std + self.mean).flip(1).clamp(0, 255)
        sizes = [sample.metainfo['padding_size'] for sample in samples]
        height, width = images.shape[-2:]
        return [
            image[:, : height - int(below), : width - int(right)]
            for image, (_, below, right) in zip(images, sizes)
        ]
