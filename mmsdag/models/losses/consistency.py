"""Guidance by consistency of a frozen recognizer's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmsdag.models.precision import autocast, check_amp_dtype
from mmsdag.models.recognizer import RecognizerFeatures
from mmsdag.registry import MODELS

#: Enhanced images may leave [0, 1] by this much before a recognizer sees
#: them: a pixel that is clipped has no gradient, one far outside is nothing
#: that a recognizer knows.
_MARGIN = 0.1
#: Arguments of :class:`RecognizerFeatures`: one dict, or several.
RecognizerLike = Union[Mapping[str, Any], Sequence[Mapping[str, Any]]]


@MODELS.register_module()
class ConsistencyGuidanceLoss(BaseModule):
    r"""Distance between a recognizer's features of two images.

    .. math::
        L = w\,\frac1L \sum_l \frac{\mathrm{mean}\,
            |\varphi_l(e) - \varphi_l(x)|^2}{\mathrm{var}\,\varphi_l(x)}

    where :math:`\varphi_l` are features of a frozen recognizer at several
    depths, its logits included, :math:`e` is an enhanced image and :math:`x`
    its reference: the well-lit image that was degraded, or what the enhancer
    makes of the dark image before it was degraded further. No labels are
    used. Of several recognizers the mean is taken.

    The recognizers are not part of the module's parameters and state dict.

    Args:
        recognizers: Arguments of
            :class:`~mmsdag.models.recognizer.RecognizerFeatures`: one dict,
            or several.
        loss_weight: Weight ``w`` of the term.
        amp_dtype: Precision of the recognizers: ``None``, ``'bfloat16'``,
            ``'float16'`` or ``'auto'``.

    Raises:
        ValueError: If there is no recognizer, or one cannot be built; see
            :class:`~mmsdag.models.recognizer.RecognizerFeatures`.
    """

    def __init__(
        self, recognizers: RecognizerLike, loss_weight: float = 1.0, amp_dtype: str | None = None
    ) -> None:
        super().__init__()
        self.amp_dtype = check_amp_dtype(amp_dtype, 'ConsistencyGuidanceLoss')
        self.loss_weight = loss_weight
        # A tuple hides the networks from state_dict() and parameters().
        self.frozen = build_recognizers(recognizers, 'ConsistencyGuidanceLoss')

    def forward(self, enhanced: Tensor, reference: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            enhanced: (N, 3, H, W), RGB, nominally [0, 1].
            reference: The same shape; no gradient flows to it.

        Returns:
            Scalar.
        """
        enhanced = near_range(enhanced)
        terms = [
            self._distance(recognizer.to(enhanced.device), enhanced, reference.float())
            for recognizer in self.frozen
        ]
        return self.loss_weight * torch.stack(terms).mean()

    def _distance(
        self, recognizer: RecognizerFeatures, enhanced: Tensor, reference: Tensor
    ) -> Tensor:
        with autocast(self.amp_dtype, enhanced.device):
            with torch.no_grad():
                wanted = recognizer(reference)
            found = recognizer(enhanced)
        return torch.stack(
            [
                (got.float() - want.float()).square().mean() / want.float().var().clamp_min(1e-6)
                for got, want in zip(found, wanted)
            ]
        ).mean()


def build_recognizers(recognizers: RecognizerLike, owner: str) -> tuple[RecognizerFeatures, ...]:
    """Build the frozen recognizers of a loss.

    Args:
        recognizers: Their arguments.
        owner: Class of the loss, for the message.

    Raises:
        ValueError: If there is none, or one cannot be built.
    """
    if isinstance(recognizers, Mapping):
        recognizers = [recognizers]
    if not recognizers:
        raise ValueError(
            f'recognizers of {owner} is empty: name at least one config and checkpoint'
        )
    return tuple(RecognizerFeatures(**each) for each in recognizers)


def near_range(enhanced: Tensor) -> Tensor:
    """Clip enhanced images, (N, 3, H, W), to a little more than [0, 1]."""
    return enhanced.float().clamp(-_MARGIN, 1 + _MARGIN)
