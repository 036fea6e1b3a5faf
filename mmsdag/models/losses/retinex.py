"""Losses of a decomposition into illumination and reflectance."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from mmsdag.registry import MODELS


@MODELS.register_module()
class RetinexLoss(nn.Module):
    r"""PairLIE's loss of a decomposition (CVPR 2023, equation 7).

    .. math::
        \|LR - I\|^2 + \|R - I/\mathrm{sg}(L)\|^2 + \|L - L_0\|^2
        + |\nabla L|

    :math:`L_0` is the largest channel of the photograph, :math:`\nabla` the
    difference of the two neighbors of a pixel, as the authors' code has it;
    all norms are means.

    Args:
        loss_weight: Weight of the term.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(
        self, light: Tensor, reflectance: Tensor, projected: Tensor, image: Tensor
    ) -> Tensor:
        """Return the loss as a scalar.

        Args:
            light: Illumination :math:`L`, (N, 1, H, W), (0, 1].
            reflectance: :math:`R`, (N, 3, H, W).
            projected: The image that is decomposed, :math:`I`, (N, 3, H, W).
            image: The photograph, (N, 3, H, W), RGB, [0, 1].
        """
        loss = (
            F.mse_loss(light * reflectance, projected)
            + F.mse_loss(reflectance, projected / light.detach())
            + F.mse_loss(light, image.amax(1, keepdim=True))
            + (light[..., 2:, :] - light[..., :-2, :]).abs().mean()
            + (light[..., 2:] - light[..., :-2]).abs().mean()
        )
        return self.loss_weight * loss
