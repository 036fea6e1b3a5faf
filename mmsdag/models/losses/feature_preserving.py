"""EnlightenGAN's self feature preserving loss (Jiang et al., TIP 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmsdag.functional import at_least_float32
from mmsdag.models.frozen import hide
from mmsdag.registry import MODELS


@MODELS.register_module()
class SelfFeaturePreservingLoss(BaseModule):
    """Self feature preserving loss (Sec. III-B).

    Mean squared difference of features, each map normalized to mean 0 and
    variance 1 within its image (as in the authors' code), so that the loss
    depends on content, not on brightness.

    The extractor is kept outside of the module's parameters and state dict.
    :meth:`init_weights` loads its weights.

    Args:
        extractor: Config of a frozen network on RGB, [0, 1]; by default
            :class:`~mmsdag.models.sdag.DeepVGGExtractor`.
        loss_weight: Weight of the term.
    """

    extractor: BaseModule

    def __init__(self, extractor: dict | None = None, loss_weight: float = 1.0) -> None:
        super().__init__()
        hide(self, 'extractor', MODELS.build(extractor or dict(type='mmsdag.DeepVGGExtractor')))
        self.loss_weight = loss_weight

    def init_weights(self) -> None:
        """Load the weights of the extractor, which no parent can see."""
        self.extractor.init_weights()

    def forward(self, enhanced: Tensor, low: Tensor) -> Tensor:
        """Compute the scalar loss of images (N, 3, H, W), RGB, [0, 1].

        The gradient flows to ``enhanced`` alone.
        """
        extractor = self.extractor.to(enhanced)
        with torch.no_grad():
            expected = _normalized(extractor(low))
        return self.loss_weight * F.mse_loss(_normalized(extractor(enhanced)), expected)


def _normalized(features: Tensor) -> Tensor:
    # Half precision has too few digits for variances.
    return F.instance_norm(at_least_float32(features))
