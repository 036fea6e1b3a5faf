"""The smoothness of SCI's illumination (Ma et al., CVPR 2022)."""
from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from mmsdag.functional import flattened_ycbcr, neighbor_smoothness
from mmsdag.registry import MODELS


@MODELS.register_module()
class NeighborSmoothnessLoss(BaseModule):
    """Keep the illumination smooth where the image is.

    See :func:`mmsdag.functional.neighbor_smoothness`; the guide is the image
    in YCbCr as the authors compute it.

    Args:
        sigma: Difference in colour that counts as an edge.
        loss_weight: Weight of the term.
    """

    def __init__(self, sigma: float = 10., loss_weight: float = 1.) -> None:
        super().__init__()
        self.sigma = sigma
        self.loss_weight = loss_weight

    def forward(self, illumination: Tensor, image: Tensor) -> Tensor:
        """Scalar loss of ``illumination`` (N, C, H, W) in ``image``.

        The gradient flows to both; ``image`` is (N, 3, H, W), RGB, [0, 1].
        """
        return self.loss_weight * neighbor_smoothness(
            illumination, flattened_ycbcr(image), self.sigma)
