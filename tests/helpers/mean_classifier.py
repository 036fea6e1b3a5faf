"""A classifier whose class scores are the mean levels of the channels."""

from __future__ import annotations

import torch
from mmengine.model import BaseModel, ImgDataPreprocessor
from torch import Tensor, nn

from mmsdag.registry import MODELS


@MODELS.register_module(force=True)
class MeanClassifier(BaseModel):
    """Multiplies the mean levels by its one weight."""

    def __init__(self, classes: int = 3) -> None:
        super().__init__()
        self.data_preprocessor = ImgDataPreprocessor(
            mean=[0.0] * 3, std=[255.0] * 3, bgr_to_rgb=True
        )
        self.classes = classes
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor') -> Tensor:
        return self.weight * inputs.mean((2, 3))[:, : self.classes]


def recognizer(path, weight: float = 1.0, classes: int = 3) -> dict:
    """Save its checkpoint and return the arguments of a recognizer."""
    torch.save({'state_dict': {'weight': torch.tensor([weight])}}, path)
    return dict(config=dict(type='mmsdag.MeanClassifier', classes=classes), checkpoint=str(path))
