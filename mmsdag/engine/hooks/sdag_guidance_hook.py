"""Guide the training of any image-producing model by a frozen SDAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmsdag.registry import HOOKS

from .guidance_hook import GuidanceHook


@HOOKS.register_module()
class SDAGGuidanceHook(GuidanceHook):
    """Add ``loss_sdag`` to the losses of any model, from config alone.

    The output of the target submodule is captured by a forward hook, and the
    term joins the losses that the model returns for ``mode='loss'``. DDP,
    AMP, gradient accumulation and resume work as without it. The first
    iteration checks the target; see :class:`GuidanceHook`. Models whose
    ``train_step`` does not call the model with ``mode='loss'`` (GANs) call
    :class:`SDAGGuidanceLoss` themselves.

    Args:
        checkpoint: Weights of the SDAG network: a file, or the name of a
            trained model; see :class:`SDAGGuidanceLoss`.
        sdag: The network: its config, a config file, or ``None``; see
            :class:`SDAGGuidanceLoss`.
        target: Dotted name of the submodule whose output is the enhanced
            image: ``'generator'``, or the trainable enhancer of a detector
            or segmentor, ``'data_preprocessor.enhancer'``. If it runs
            several times in a step (images of several sizes), all pixels
            have the same weight.
        output: Which of its outputs: an index of a tuple, a key of a dict,
            an attribute, or a dotted path of these (``'outs.0'``); ``None``
            takes a tensor, or the first item of a tuple.
        loss_weight: Weight of the term; 0 switches the hook off.
        begin: First iteration in which the term counts.
        ramp_iters: Number of iterations over which its weight then rises
            linearly.
        channel_order: ``'rgb'`` or ``'bgr'``: order of the target's output.
        value_range: Values of the target's output for black and white.
        form: ``'reconstruction'`` or ``'degraded_similarity'``.
        amp_dtype: Precision of the frozen network: ``None``, ``'bfloat16'``,
            ``'float16'``, or ``'auto'``, bfloat16 where the hardware has it.
        name: Key of the term in the losses. A number is appended if the
            model or another guidance hook has an entry of that name.
        rehearse: Whether the first iteration must add the term.
        **loss_cfg: Further arguments of :class:`SDAGGuidanceLoss`.

    Raises:
        ValueError: For an argument out of its range, a target that the model
            lacks, or one whose output is not an image.
        RuntimeError: If the first iteration did not add the term.

    Example:
        >>> custom_hooks = [
        ...     dict(
        ...         type='mmsdag.SDAGGuidanceHook',
        ...         checkpoint='sdag.vgg16')
        ... ]
    """

    def __init__(
        self,
        checkpoint: str,
        sdag: Any = None,
        target: str = 'generator',
        output: int | str | None = None,
        loss_weight: float = 1.0,
        begin: int = 0,
        ramp_iters: int = 0,
        channel_order: str = 'rgb',
        value_range: Sequence[float] = (0.0, 1.0),
        form: str = 'reconstruction',
        amp_dtype: str | None = 'auto',
        name: str = 'loss_sdag',
        rehearse: bool = True,
        **loss_cfg: Any,
    ) -> None:
        super().__init__(
            dict(
                type='mmsdag.SDAGGuidanceLoss',
                checkpoint=checkpoint,
                sdag=sdag,
                loss_weight=loss_weight,
                form=form,
                amp_dtype=amp_dtype,
                **loss_cfg,
            ),
            target=target,
            output=output,
            name=name,
            loss_weight=loss_weight,
            begin=begin,
            ramp_iters=ramp_iters,
            channel_order=channel_order,
            value_range=value_range,
            rehearse=rehearse,
        )
