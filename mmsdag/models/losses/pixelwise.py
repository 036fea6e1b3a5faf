"""Distances of two images, pixel by pixel."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mmsdag.registry import MODELS


@MODELS.register_module()
class MSELoss(nn.Module):
    """Mean squared difference of two batches of images.

    Args:
        loss_weight: Weight of the term.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, images: Tensor, target: Tensor) -> Tensor:
        """Return the weighted distance of (N, C, H, W), a scalar."""
        return self.loss_weight * F.mse_loss(images, target)
