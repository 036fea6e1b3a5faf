"""Guidance by the predictions of frozen recognizers on views of an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmsdag.models.dense_scores import bernoulli_divergence
from mmsdag.models.frozen import freeze
from mmsdag.models.precision import autocast, check_amp_dtype
from mmsdag.models.recognizer import RecognizerFeatures
from mmsdag.registry import MODELS

from .consistency import RecognizerLike, build_recognizers, near_range


@MODELS.register_module()
class AgreementGuidanceLoss(BaseModule):
    r"""Distance of class scores from those of several views of an image.

    Self-distillation for dark images, which have no well-lit reference. The
    frozen recognizers :math:`p_r` classify an image :math:`y` and brightened
    versions :math:`v(y)` of it. The mean of their probabilities is sharpened
    by a temperature :math:`T` and is the target of each recognizer on the
    enhanced image :math:`e`:

    .. math::
        \bar p = \frac{1}{RV} \sum_{r,v} p_r(v(y)), \qquad
        q_k = \frac{\bar p_k^{1/T}}{\sum_j \bar p_j^{1/T}}, \qquad
        L = w\,\frac1R \sum_r \mathrm{KL}(q \,\|\, p_r(e))

    No labels are used, and no gradient flows to the target. Class scores of a
    segmentor are compared at each pixel. A one-stage detector gives each class
    a probability of its own at each location: the temperature then divides its
    logit, and the divergences of all locations and classes are summed and
    divided by :math:`1 + \sum q`.

    The recognizers are not part of the module's parameters and state dict.

    Args:
        recognizers: Arguments of
            :class:`~mmsdag.models.recognizer.RecognizerFeatures`: one dict,
            or several. Classifiers, segmentors, or one-stage detectors with
            sigmoid scores; all with the same classes.
        views: Configs of enhancers without learned weights, such as
            ``dict(type='mmsdag.GammaEnhancer', gamma=1.6)``. The image itself
            is always a view.
        temperature: ``T``, above 0; 1 leaves the mean as it is.
        loss_weight: Weight ``w`` of the term.
        amp_dtype: Precision of the recognizers: ``None``, ``'bfloat16'``,
            ``'float16'`` or ``'auto'``.

    Raises:
        TypeError: If a view has no method ``enhance``.
        ValueError: If there is no recognizer, one cannot be built, or
            ``temperature`` is out of its range.
    """

    def __init__(
        self,
        recognizers: RecognizerLike,
        views: Sequence[Mapping[str, Any]] = (),
        temperature: float = 0.5,
        loss_weight: float = 1.0,
        amp_dtype: str | None = None,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(
                f'temperature={temperature!r} of AgreementGuidanceLoss: must be above 0'
            )
        self.amp_dtype = check_amp_dtype(amp_dtype, 'AgreementGuidanceLoss')
        self.temperature = temperature
        self.loss_weight = loss_weight
        # Tuples hide the networks from state_dict() and parameters().
        self.frozen = build_recognizers(recognizers, 'AgreementGuidanceLoss')
        self.views = tuple(_view(config) for config in views)

    def forward(self, enhanced: Tensor, images: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            enhanced: Enhanced images (N, 3, H, W), RGB, nominally [0, 1].
            images: The images that they were made from, the same shape, RGB,
                [0, 1].

        Returns:
            Scalar, 0 or more.

        Raises:
            ValueError: If a recognizer does not return class scores
                (N, K, ...) of two or more classes, or they differ in shape.
        """
        target = self.target(images.float())
        enhanced = near_range(enhanced)
        terms = [
            self._divergence(recognizer, self._scores(recognizer, enhanced), target)
            for recognizer in self.frozen
        ]
        return self.loss_weight * torch.stack(terms).mean()

    @torch.no_grad()
    def target(self, images: Tensor) -> Tensor:
        """Return the target probabilities ``q``, (N, K, ...).

        Args:
            images: (N, 3, H, W), RGB, [0, 1].
        """
        views = [images, *(view.enhance(images) for view in self.views)]
        found = [
            _probabilities(recognizer, self._scores(recognizer, view))
            for recognizer in self.frozen
            for view in views
        ]
        shapes = {tuple(probabilities.shape[1:]) for probabilities in found}
        if len(shapes) > 1:
            raise ValueError(
                'recognizers of AgreementGuidanceLoss have class scores of '
                f'different shapes {sorted(shapes)} (classes, ...): name '
                'recognizers of the same classes and resolution'
            )
        mean = torch.stack(found).mean(0)
        if self.frozen[0].has_sigmoid_scores:
            mean = mean.clamp(1e-12, 1 - 1e-6)
            return (torch.logit(mean) / self.temperature).sigmoid()
        return (mean.clamp_min(1e-12).log() / self.temperature).softmax(1)

    def _scores(self, recognizer: RecognizerFeatures, images: Tensor) -> Tensor:
        with autocast(self.amp_dtype, images.device):
            return recognizer.to(images.device).class_scores(images).float()

    @staticmethod
    def _divergence(recognizer: RecognizerFeatures, scores: Tensor, target: Tensor) -> Tensor:
        if recognizer.has_sigmoid_scores:
            return bernoulli_divergence(scores, target)
        return F.kl_div(scores.log_softmax(1), target, reduction='none').sum(1).mean()


def _probabilities(recognizer: RecognizerFeatures, scores: Tensor) -> Tensor:
    return scores.sigmoid() if recognizer.has_sigmoid_scores else scores.softmax(1)


def _view(config: Mapping[str, Any]) -> Any:
    view = MODELS.build(dict(config))
    if not hasattr(view, 'enhance'):
        raise TypeError(
            f'views of AgreementGuidanceLoss: {type(view).__name__} of {dict(config)} has no '
            "method enhance; take an enhancer such as dict(type='mmsdag.GammaEnhancer', gamma=1.6)"
        )
    return freeze(view)
