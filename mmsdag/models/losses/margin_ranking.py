"""SDAG's ranking of reconstructions."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor

from mmsdag.functional import SIMILARITY_DIMS, cosine_similarity
from mmsdag.registry import MODELS

#: The degradations of SDAG's authors, by name: a gamma of 0.3, and Gaussian
#: noise of 50 / 255.
DEGRADATIONS: dict[str, dict] = dict(
    gamma=dict(type='mmsdag.GammaDegradation', gamma=0.3),
    noise=dict(type='mmsdag.GaussianNoiseDegradation', sigma=50 / 255),
)


@MODELS.register_module()
class MarginRankingLoss(BaseModule):
    r"""Rank the reconstruction of a clean image above a degraded one's.

    .. math:: \max(0,\ m - sim(\hat x, x) + sim(\hat x_d, x_d))

    averaged over the similarities (Zheng et al., AAAI 2023, Sec. 3.2).

    Args:
        margin: Margin ``m``.
        similarity: ``'batch'``, cosine per pixel position across the batch
            (the authors' code), or ``'image'``, cosine per image.
        loss_weight: Weight of the term.

    Raises:
        ValueError: For another ``similarity``.
    """

    def __init__(
        self, margin: float = 0.5, similarity: str = 'batch', loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if similarity not in SIMILARITY_DIMS:
            raise ValueError(
                f'similarity={similarity!r} of MarginRankingLoss: choose '
                f'one of {sorted(SIMILARITY_DIMS)}'
            )
        self.margin = margin
        self.similarity = similarity
        self.loss_weight = loss_weight

    def forward(
        self, clean_recon: Tensor, clean: Tensor, degraded_recon: Tensor, degraded: Tensor
    ) -> Tensor:
        """Compute the scalar loss of four batches (N, 3, H, W), RGB, [0, 1].

        Raises:
            ValueError: For a batch of one with ``similarity='batch'``, whose
                cosine of single numbers is their sign, without a gradient.
        """
        self.check_batch_size(clean.shape[0])
        better = cosine_similarity(clean_recon, clean, self.similarity)
        worse = cosine_similarity(degraded_recon, degraded, self.similarity)
        return self.loss_weight * (self.margin - better + worse).clamp_min(0).mean()

    def check_batch_size(self, size: int) -> None:
        """See :meth:`forward`; before there is a batch."""
        if self.similarity == 'batch' and size < 2:
            raise ValueError(
                "similarity='batch' of MarginRankingLoss compares across the batch, and this batch "
                f"has {size} image: raise train_dataloader.batch_size, or set similarity='image'"
            )
