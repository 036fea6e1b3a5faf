"""Smoothness losses of SCI's and RUAS's illumination."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from mmsdag import functional as F
from mmsdag.registry import MODELS


@MODELS.register_module()
class NeighborSmoothnessLoss(BaseModule):
    """Keep SCI's illumination smooth where the image is (CVPR 2022).

    See :func:`mmsdag.functional.neighbor_smoothness`; the guide is the image
    in YCbCr as the authors compute it.

    Args:
        sigma: Difference in color that counts as an edge. The authors set
            0.1, but multiply by its square instead of dividing: 10.
        loss_weight: Weight of the term.
    """

    _smoothness = staticmethod(F.neighbor_smoothness)

    def __init__(self, sigma: float = 10.0, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.sigma = sigma
        self.loss_weight = loss_weight

    def forward(self, illumination: Tensor, image: Tensor) -> Tensor:
        """Return the loss of ``illumination``, (N, C, H, W), as a scalar.

        Args:
            illumination: The illumination.
            image: Its image, (N, 3, H, W), RGB, [0, 1].
        """
        return self.loss_weight * self._smoothness(
            illumination, F.flattened_ycbcr(image), self.sigma
        )


@MODELS.register_module()
class MeanSmoothnessLoss(NeighborSmoothnessLoss):
    """Keep RUAS's illumination smooth, less in images with edges (CVPR 2021).

    See :func:`mmsdag.functional.mean_smoothness`: the image gets no gradient.
    """

    _smoothness = staticmethod(F.mean_smoothness)
