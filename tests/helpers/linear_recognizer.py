"""A recognizer whose features can be calculated by hand."""

from __future__ import annotations

import torch
from mmengine.model import BaseModel, ImgDataPreprocessor
from torch import Tensor, nn

from mmsdag.registry import MODELS


@MODELS.register_module(force=True)
class LinearRecognizer(BaseModel):
    """Its backbone doubles a pixel, its logits are the sum of channels."""

    def __init__(self, data_preprocessor: dict | None = None) -> None:
        super().__init__()
        self.data_preprocessor = ImgDataPreprocessor(**(data_preprocessor or {}))
        self.backbone = nn.Conv2d(3, 3, 1, bias=False)
        self.dropout = nn.Dropout(0.5)
        nn.init.zeros_(self.backbone.weight)

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor') -> Tensor:
        return self.dropout(self.backbone(inputs)).sum(1, keepdim=True)


def config(**data_preprocessor) -> dict:
    """Return its config; the pixels are in [0, 255] by default."""
    return dict(type='mmsdag.LinearRecognizer', data_preprocessor=data_preprocessor)


def save_checkpoint(path) -> str:
    """Save weights with which the backbone doubles a pixel."""
    weight = 2 * torch.eye(3).view(3, 3, 1, 1)
    torch.save({'state_dict': {'backbone.weight': weight}}, path)
    return str(path)
