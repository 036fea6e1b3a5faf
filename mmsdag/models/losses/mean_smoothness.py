"""The smoothness of RUAS's illumination (Liu et al., CVPR 2021)."""
from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from mmsdag.functional import flattened_ycbcr, mean_smoothness
from mmsdag.registry import MODELS


@MODELS.register_module()
class MeanSmoothnessLoss(BaseModule):
    """Smoothness of an illumination, less in images with edges.

    See :func:`mmsdag.functional.mean_smoothness`.

    Args:
        sigma: Difference in colour that counts as an edge. The authors set
            0.1, but multiply by its square where they mean to divide: 10.
        loss_weight: Weight of the term.
    """

    def __init__(self, sigma: float = 10., loss_weight: float = 1.) -> None:
        super().__init__()
        self.sigma = sigma
        self.loss_weight = loss_weight

    def forward(self, illumination: Tensor, low: Tensor) -> Tensor:
        """Scalar loss of an illumination (N, 3, H, W) of images ``low``."""
        return self.loss_weight * mean_smoothness(
            illumination, flattened_ycbcr(low), self.sigma)
