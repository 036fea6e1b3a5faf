"""Guide an enhancer by the features of a frozen recognizer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from mmsdag.models.base import are_dark
from mmsdag.models.losses.consistency import RecognizerLike
from mmsdag.registry import HOOKS
from mmsdag.utils.outputs import image_in

from .guidance_hook import Batch, GuidanceHook


@HOOKS.register_module()
class ConsistencyGuidanceHook(GuidanceHook):
    """Add ``loss_consistency`` to the losses of a model that restores images.

    The features that a frozen detector, segmentor or classifier computes of
    the restored image are compared with those of its reference: the model's
    input before it was degraded, or, for an image that is dark already
    (``is_dark`` in its data sample), the restoration of the image as it is.
    No labels are used. See :class:`ConsistencyGuidanceLoss` for the formula
    and :class:`SelfSupervisedRestorer` for such a model.

    Args:
        recognizers: One recognizer, or several, each
            ``dict(config=..., checkpoint=...)``; see
            :class:`~mmsdag.models.recognizer.RecognizerFeatures`. Take the
            recognizer that will run on the enhanced images.
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
            be built, a target that the model lacks, or one whose output is
            not an image of the size of the inputs.

    Example:
        >>> custom_hooks = [
        ...     dict(
        ...         type='mmsdag.ConsistencyGuidanceHook',
        ...         recognizers=dict(
        ...             config='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
        ...             checkpoint='yolox_nano.pth'))
        ... ]
    """

    def __init__(
        self,
        recognizers: RecognizerLike,
        loss_weight: float = 1.0,
        amp_dtype: str | None = None,
        name: str = 'loss_consistency',
        **options: Any,
    ) -> None:
        super().__init__(
            dict(
                type='mmsdag.ConsistencyGuidanceLoss',
                recognizers=recognizers,
                loss_weight=loss_weight,
                amp_dtype=amp_dtype,
            ),
            name=name,
            loss_weight=loss_weight,
            **options,
        )

    def term(self, images: Tensor, batch: Batch) -> Tensor:
        """Compare the features of restored images with their references'."""
        inputs = self.inputs_of(images, batch)
        with torch.no_grad():
            reference = self.pixels.decode(inputs).float()
            dark = are_dark(inputs, batch.data_samples)
            if dark.any():
                # Copied buffers: batch statistics count one pass a step.
                buffers = {name: buffer.clone() for name, buffer in batch.target.named_buffers()}
                output = functional_call(batch.target, buffers, (inputs[dark],))
                restored = self.pixels.decode(image_in(output, self.output, self._where))
                reference = reference.clone()
                reference[dark] = restored.float().clamp(0, 1)
        return self.loss(images, reference)
