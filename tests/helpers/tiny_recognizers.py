"""A detector and a segmentor of bright things, and an enhancer.

Each has one weight, so that its predictions can be calculated by hand.
"""

from __future__ import annotations

import torch
from mmdet.structures import DetDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn

from mmsdag.registry import MODELS


class BrightThings(BaseModel):
    """Takes for a thing what is brighter than a threshold, of 255."""

    def __init__(self, data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor)
        self.threshold = nn.Parameter(torch.zeros(()))

    def bright(self, image: Tensor) -> Tensor:
        return image.mean(0) > self.threshold


@MODELS.register_module(force=True)
class BrightDetector(BrightThings):
    """One box around all that is bright, of class 1, score 0.9."""

    def forward(
        self, inputs: Tensor, data_samples: list[DetDataSample], mode: str = 'tensor'
    ) -> list[DetDataSample]:
        for image, sample in zip(inputs, data_samples):
            rows, columns = torch.where(self.bright(image))
            count = min(len(rows), 1)
            corners = (
                [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]] if count else []
            )
            sample.pred_instances = InstanceData(
                bboxes=torch.tensor(corners).float().reshape(-1, 4),
                scores=torch.full((count,), 0.9),
                labels=torch.ones(count, dtype=torch.long),
            )
        return data_samples


@MODELS.register_module(force=True)
class BrightSegmenter(BrightThings):
    """Class 1 is what is bright."""

    def forward(self, inputs: Tensor, data_samples: list, mode: str = 'tensor') -> list:
        for image, sample in zip(inputs, data_samples):
            sample.pred_sem_seg = PixelData(data=self.bright(image)[None].long())
        return data_samples


@MODELS.register_module(force=True)
class BrightClassifier(BrightThings):
    """Predict class 1 where any pixel is bright, else class 0."""

    def forward(self, inputs: Tensor, data_samples: list, mode: str = 'tensor') -> list:
        for image, sample in zip(inputs, data_samples):
            label = int(self.bright(image).any())
            sample.set_pred_label(label).set_pred_score(torch.eye(2)[label])
        return data_samples


@MODELS.register_module(force=True)
class Gain(nn.Module):
    """Multiplies an image by its weight; a negative one is an accident."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def enhance(self, x: Tensor) -> Tensor:
        if self.gain < 0:
            raise RuntimeError('the enhancer broke')
        return x * self.gain
