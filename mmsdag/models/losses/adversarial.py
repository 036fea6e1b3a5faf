"""Losses on the scores of a discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmsdag.registry import MODELS


@MODELS.register_module()
class LeastSquaresGANLoss(nn.Module):
    r"""Adversarial loss of LSGAN (Mao et al., ICCV 2017, eq. 9).

    .. math:: \mathrm{mean}\,(s - t)^2

    of scores s, with the target t = 1 for real and 0 for generated images.

    Args:
        loss_weight: Weight of the generator's loss; that of a discriminator
            counts once.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, scores: Tensor, target_is_real: bool, is_disc: bool = False) -> Tensor:
        """Return the loss, a scalar.

        Args:
            scores: Output of a discriminator, any shape.
            target_is_real: Whether the scores should be those of real images.
            is_disc: Whether the discriminator learns from it.
        """
        target = torch.full_like(scores, float(target_is_real))
        loss = F.mse_loss(scores, target)
        return loss if is_disc else self.loss_weight * loss
