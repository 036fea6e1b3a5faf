"""Stage two: the frozen SDAG network as a loss on enhanced images."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.models.frozen import hide
from mmsdag.models.loading import GUIDE, load_network
from mmsdag.models.precision import autocast, check_amp_dtype
from mmsdag.registry import MODELS, TRANSFORMS

from .margin_ranking import DEGRADATIONS, MarginRankingLoss

FORMS = ('reconstruction', 'degraded_similarity')
#: What describes an SDAG network; see :class:`SDAGGuidanceLoss`.
SDAGLike = Union[str, 'os.PathLike[str]', Mapping, None]


@MODELS.register_module()
class SDAGGuidanceLoss(BaseModule):
    r"""Measure how badly a frozen SDAG network reconstructs enhanced images.

    ``'reconstruction'``: :math:`w\,\mathrm{mean}|e - SDAG(e)|`, with the
    gradient through both terms (Zheng et al., AAAI 2023, Sec. 3.3).
    ``'degraded_similarity'``: stage one's ranking, with ``e`` as the clean
    image; it needs three forward passes instead of one.

    The network is not part of the module's parameters and state dict, so
    that no optimizer or checkpoint holds it.

    Args:
        checkpoint: Weights of ``sdag``: a file, trained here or converted by
            ``mmsdag convert sdag``; or the name of a trained model of this
            package, ``'sdag.vgg16'``.
        sdag: The network: its config; the config of a model whose
            ``generator`` it is; a whole ``Config`` with such a ``model``; the
            path or name of a config file; or ``None``, the authors' network.
        loss_weight: Weight ``w`` of the term.
        form: ``'reconstruction'`` or ``'degraded_similarity'``.
        degradations: For the second form, as in :class:`SDAG`. By default
            a gamma of 0.3, and Gaussian noise of 50 / 255.
        margin: For the second form, margin of the ranking.
        similarity: For the second form, see :class:`MarginRankingLoss`.
        keep_color: Guide the lightness alone. The value is the same, but the
            three channels of a pixel share one gradient: they get lighter or
            darker together, and the enhancer's other losses decide on the
            color.
        amp_dtype: Precision of the frozen network: ``None``, ``'bfloat16'``,
            ``'float16'`` or ``'auto'``.

    Raises:
        FileNotFoundError: If the checkpoint or the config file is missing.
        TypeError: If ``checkpoint`` or ``sdag`` is of another type.
        ValueError: For a form or precision that does not exist, a config
            without a network, or a checkpoint that does not fit ``sdag``.
    """

    net: nn.Module

    def __init__(
        self,
        checkpoint: str | os.PathLike[str],
        sdag: SDAGLike = None,
        loss_weight: float = 1.0,
        form: str = 'reconstruction',
        degradations: Mapping[str, dict] | None = None,
        margin: float = 0.5,
        similarity: str = 'image',
        keep_color: bool = False,
        amp_dtype: str | None = None,
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f'form={form!r} of SDAGGuidanceLoss: choose one of {FORMS}')
        self.amp_dtype = check_amp_dtype(amp_dtype, 'SDAGGuidanceLoss')
        self.loss_weight = loss_weight
        self.form = form
        self.keep_color = keep_color
        if sdag is None:
            sdag = dict(type='mmsdag.SDAGNet')
        hide(self, 'net', load_network(sdag, checkpoint, GUIDE))
        self.degradations = (
            {
                name: TRANSFORMS.build(config)
                for name, config in (degradations or DEGRADATIONS).items()
            }
            if form == 'degraded_similarity'
            else {}
        )
        self.ranking = MarginRankingLoss(margin, similarity)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Reconstruct images (N, 3, H, W), RGB, [0, 1]."""
        net = self.net.to(images.device)
        with autocast(self.amp_dtype, images.device):
            return net(images.contiguous(memory_format=torch.channels_last))

    def forward(self, enhanced: Tensor) -> Tensor:
        """Compute the loss of enhanced images.

        Args:
            enhanced: (N, 3, H, W), RGB, [0, 1].

        Returns:
            Scalar.
        """
        enhanced = enhanced.float()
        if self.keep_color:
            enhanced = _only_lightness_learns(enhanced)
        recon = self.reconstruct(enhanced)
        if self.form == 'reconstruction':
            return self.loss_weight * F.l1_loss(recon, enhanced)
        terms = []
        for degradation in self.degradations.values():
            degraded = degradation.degrade(enhanced)
            terms.append(self.ranking(recon, enhanced, self.reconstruct(degraded), degraded))
        return self.loss_weight * torch.stack(terms).sum()


def _only_lightness_learns(image: Tensor) -> Tensor:
    """Return the image, with a gradient through its lightness alone."""
    # An eighth of an 8-bit step avoids 0 / 0 at black, which has no color.
    lightness = image.mean(1, keepdim=True) + 1 / 2048
    return image.detach() * (lightness / lightness.detach())
