"""Stage one: learn how degradations damage a recognizer's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmsdag.models.base import UnsupervisedEditModel
from mmsdag.models.frozen import KeepsFrozen, freeze
from mmsdag.models.losses.margin_ranking import DEGRADATIONS
from mmsdag.registry import MODELS, TRANSFORMS


@MODELS.register_module()
class SDAG(KeepsFrozen, UnsupervisedEditModel):
    r"""Self-supervised training of :class:`SDAGNet`.

    .. math::
        L = |\hat x - x|_1 + \sum_d 0.1\,|\hat x_d - x_d|_1
            + \max(0,\ 0.5 - sim(\hat x, x) + sim(\hat x_d, x_d))

    for every degradation ``d`` (Zheng et al., AAAI 2023, Sec. 3.2).

    Args:
        generator: Config of :class:`SDAGNet`.
        degradations: Config of each degradation by name; the name appears in
            the log. Applied to the batch on its own device. By default a
            gamma of 0.3, and Gaussian noise of 50 / 255.
        enhancer: Config of a frozen enhancer network, weights by its
            ``init_cfg``, that makes the training images out of dark ones.
            ``None``: the dataset's images are the enhanced ones.
        margin_loss: Config of the ranking loss, used once a degradation; by
            default with a margin of 0.5.
        recon_weight: Weight of the reconstruction of the clean image.
        degraded_recon_weight: Weight of those of the degraded ones.
        **kwargs: See :class:`UnsupervisedEditModel`.
    """

    PARTS = dict(margin_loss=dict(type='mmsdag.MarginRankingLoss', margin=0.5))
    margin_loss: Any

    def __init__(
        self,
        generator: dict,
        degradations: Mapping[str, dict] | None = None,
        enhancer: dict | None = None,
        recon_weight: float = 1.0,
        degraded_recon_weight: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator=generator, **kwargs)
        if degradations is None:
            degradations = DEGRADATIONS
        if not degradations:
            raise ValueError(
                f'degradations={degradations!r} of SDAG: at least one is '
                "needed, e.g. dict(gamma=dict(type='GammaDegradation'))"
            )
        self.degradations = {
            name: TRANSFORMS.build(config) for name, config in degradations.items()
        }
        self.recon_weight = recon_weight
        self.degraded_recon_weight = degraded_recon_weight
        self.enhancer = None
        if enhancer is not None:
            self.enhancer = freeze(MODELS.build(enhancer))

    def check_batch_size(self, size: int) -> None:
        """Refuse batches that cannot be ranked, before training starts.

        Raises:
            ValueError: See :class:`MarginRankingLoss`.
        """
        self.margin_loss.check_batch_size(size)

    def edit(self, inputs: Tensor) -> Tensor:
        """Reconstruct ``inputs``; the shape stays."""
        return self.generator(inputs)

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms of (N, 3, H, W), RGB, [0, 1]; N >= 2."""
        clean = inputs
        if self.enhancer is not None:
            with torch.no_grad():
                clean = self.enhancer.enhance(inputs)
        recon = self.generator(clean)
        losses = dict(loss_recon=self.recon_weight * F.l1_loss(recon, clean))
        # One forward a degradation: joining them into one batch is slower on
        # a CPU and needs three times the memory at once.
        for name, degradation in self.degradations.items():
            degraded = degradation.degrade(clean)
            degraded_recon = self.generator(degraded)
            losses[f'loss_margin_{name}'] = self.margin_loss(recon, clean, degraded_recon, degraded)
            losses[f'loss_recon_{name}'] = self.degraded_recon_weight * (
                F.l1_loss(degraded_recon, degraded)
            )
        return losses
