"""Guide an enhancer by what frozen recognizers agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmsdag.models.base import are_dark
from mmsdag.models.losses.consistency import RecognizerLike
from mmsdag.registry import HOOKS

from .guidance_hook import Batch, GuidanceHook


@HOOKS.register_module()
class AgreementGuidanceHook(GuidanceHook):
    """Add ``loss_agreement`` to the losses of a model that restores images.

    Frozen classifiers, segmentors or one-stage detectors compute class scores
    of the restored image. These are compared with their mean scores on the
    model's input, taken before the model degrades it, and on brightened
    versions of it. Dark photographs, which have no well-lit reference, can
    therefore guide by the agreement of several recognizers and views. No labels
    are used. See :class:`AgreementGuidanceLoss` for the formula.

    It works beside :class:`ConsistencyGuidanceHook`, which compares features.

    Args:
        recognizers: One recognizer, or several, each
            ``dict(config=..., checkpoint=...)``; see
            :class:`~mmsdag.models.recognizer.RecognizerFeatures`.
        views: Configs of the enhancers that brighten an image; see
            :class:`AgreementGuidanceLoss`.
        temperature: Sharpens the target; see :class:`AgreementGuidanceLoss`.
        dark_only: Guide by the images of a batch that are dark alone
            (``is_dark`` in their data samples). The term is their mean, and 0
            if there are none.
        loss_weight: Weight of the term; 0 switches the hook off.
        amp_dtype: Precision of the recognizers: ``None``, ``'bfloat16'``,
            ``'float16'`` or ``'auto'``, bfloat16 where the hardware has it.
        name: Key of the term in the losses; see :class:`GuidanceHook`.
        **options: ``target``, ``output``, ``begin``, ``ramp_iters``,
            ``channel_order``, ``value_range`` and ``rehearse`` of
            :class:`GuidanceHook`. Channel order and value range are those of
            the model's inputs, too.

    Raises:
        ValueError: For an argument out of its range, a recognizer that cannot
            be built or that returns no class scores, a target that the model
            lacks, or one whose output is not an image of the size of the
            inputs.

    Example:
        >>> custom_hooks = [
        ...     dict(
        ...         type='mmsdag.AgreementGuidanceHook',
        ...         recognizers=dict(
        ...             config='classifier.py', checkpoint='classifier.pth'),
        ...         views=[dict(type='mmsdag.GammaEnhancer', gamma=1.6)])
        ... ]
    """

    def __init__(
        self,
        recognizers: RecognizerLike,
        views: Sequence[Mapping[str, Any]] = (),
        temperature: float = 0.5,
        dark_only: bool = False,
        loss_weight: float = 1.0,
        amp_dtype: str | None = None,
        name: str = 'loss_agreement',
        **options: Any,
    ) -> None:
        super().__init__(
            dict(
                type='mmsdag.AgreementGuidanceLoss',
                recognizers=recognizers,
                views=views,
                temperature=temperature,
                loss_weight=loss_weight,
                amp_dtype=amp_dtype,
            ),
            name=name,
            loss_weight=loss_weight,
            **options,
        )
        self.dark_only = dark_only

    def term(self, images: Tensor, batch: Batch) -> Tensor:
        """Compare class scores of restored images with their inputs'."""
        inputs = self.inputs_of(images, batch)
        if self.dark_only:
            dark = are_dark(inputs, batch.data_samples)
            if not dark.any():
                return images.new_zeros(())
            images, inputs = images[dark], inputs[dark]
        originals = self.pixels.decode(inputs).float().clamp(0, 1)
        return self.loss(images, originals)
