"""Guide the training of any image-producing model by a frozen SDAG."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from mmsdag.datasets.seeding import DrawIndex, seeded
from mmsdag.registry import HOOKS, MODELS
from mmsdag.utils.outputs import PixelFormat, image_in


@HOOKS.register_module()
class SDAGGuidanceHook(Hook):
    """Add ``loss_sdag`` to the losses of any model, from config alone.

    The output of the target submodule is captured by a forward hook, and the
    term joins the losses that the model returns for ``mode='loss'``. The
    model's code and state dict stay as they are, nothing is run at test
    time, and DDP, AMP, gradient accumulation and resume work as without it.
    A rehearsal on two training images before the first iteration finds a
    wrong target. Models whose ``train_step`` does not go through
    ``mode='loss'`` (GANs) call :class:`SDAGGuidanceLoss` themselves.

    Args:
        checkpoint: Weights of the SDAG network, a file or the name of a
            trained model; see :class:`SDAGGuidanceLoss`.
        sdag: Config of the network.
        target: Dotted name of the submodule whose output is the enhanced
            image: ``'generator'``, or the trainable enhancer of a recogniser,
            ``'data_preprocessor.enhancer'``. Of several outputs in a step
            (images of several sizes) each pixel counts alike.
        output: Which of its outputs: an index of a tuple, a key of a dict,
            an attribute; ``None`` takes a tensor, or the first of a tuple.
        loss_weight: Weight of the term; 0 switches the hook off.
        begin: Iteration from which the term counts.
        ramp_iters: Iterations over which its weight then rises linearly.
        channel_order: ``'rgb'`` or ``'bgr'``: order of the target's output.
        value_range: Values of the target's output for black and white.
        form: ``'reconstruction'`` or ``'degraded_similarity'``.
        amp_dtype: Precision of the frozen network: ``None``, ``'bfloat16'``,
            ``'float16'``, or ``'auto'``, bfloat16 where the hardware has it.
        **loss_cfg: Further arguments of :class:`SDAGGuidanceLoss`.

    Raises:
        ValueError: For an argument out of its range, a target that the model
            lacks, or one whose output is no image.

    Example:
        >>> custom_hooks = [
        ...     dict(type='mmsdag.SDAGGuidanceHook',
        ...          checkpoint='sdag_vgg16',
        ...          loss_weight=10.)
        ... ]
    """

    priority = 'NORMAL'

    def __init__(
            self,
            checkpoint: str,
            sdag: dict = dict(type='mmsdag.SDAGNet'),  # noqa: B006
            target: str = 'generator',
            output: int | str | None = None,
            loss_weight: float = 1.,
            begin: int = 0,
            ramp_iters: int = 0,
            channel_order: str = 'rgb',
            value_range: Sequence[float] = (0., 1.),
            form: str = 'reconstruction',
            amp_dtype: str | None = 'auto',
            **loss_cfg: Any) -> None:
        if loss_weight < 0:
            raise ValueError(f'loss_weight={loss_weight} of SDAGGuidanceHook '
                             'must not be negative')
        if begin < 0 or ramp_iters < 0:
            raise ValueError(f'begin={begin} and ramp_iters={ramp_iters} of '
                             'SDAGGuidanceHook must not be negative')
        self.target = target
        self.output = output
        self.loss_weight = loss_weight
        self.begin = begin
        self.ramp_iters = ramp_iters
        self.pixels = PixelFormat(
            'SDAGGuidanceHook',
            channel_order=channel_order,
            value_range=value_range)
        self.loss_cfg = dict(
            type='mmsdag.SDAGGuidanceLoss',
            checkpoint=checkpoint,
            sdag=sdag,
            loss_weight=loss_weight,
            form=form,
            amp_dtype=amp_dtype,
            **loss_cfg)
        self._captured: list = []
        self._weight = 0.
        self._handles: list = []

    def weight_at(self, iteration: int) -> float:
        """Share of ``loss_weight`` in force at an iteration, [0, 1]."""
        if iteration < self.begin:
            return 0.
        if not self.ramp_iters:
            return 1.
        return min(1., (iteration - self.begin + 1) / self.ramp_iters)

    def before_run(self, runner: Runner) -> None:
        """Build the loss, so that a bad checkpoint ends the run early."""
        if self.loss_weight:
            # Without a trace in the random numbers: the model is initialised
            # after this, and must begin as its unguided twin does.
            with seeded(DrawIndex(0, 0, 0)):
                self.loss = MODELS.build(self.loss_cfg)

    def before_train(self, runner: Runner) -> None:
        """Attach to the model, then rehearse."""
        if not self.loss_weight:
            return
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        try:
            target = model.get_submodule(self.target)
        except AttributeError:
            names = [name for name, _ in model.named_children()]
            raise ValueError(
                f'target={self.target!r} of SDAGGuidanceHook: '
                f'{type(model).__name__} has no such submodule; its children '
                f'are {names}') from None
        self._handles = [
            target.register_forward_hook(self._capture),
            model.register_forward_hook(self._add_term, with_kwargs=True)
        ]
        try:
            self._rehearse(model, runner.train_dataloader)
        except BaseException:
            self.after_train(runner)
            raise

    def before_train_iter(self,
                          runner: Runner,
                          batch_idx: int,
                          data_batch: Any = None) -> None:
        """Set the weight of this iteration."""
        self._weight = self.weight_at(runner.iter)
        self._captured.clear()

    def after_train(self, runner: Runner) -> None:
        """Detach from the model."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._captured.clear()

    def _capture(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._weight and torch.is_grad_enabled():
            self._captured.append(output)

    def _add_term(self, model: nn.Module, args: Any, kwargs: dict,
                  losses: Any) -> Any:
        mode = kwargs.get('mode', args[2] if len(args) > 2 else None)
        if mode != 'loss' or not self._weight:
            return None
        images = [self._as_image(output) for output in self._captured]
        self._captured.clear()
        if not images:
            raise ValueError(
                f"target={self.target!r} of SDAGGuidanceHook did not run in "
                f"{type(model).__name__}'s mode='loss', so there is no image "
                'to guide')
        pixels = sum(image.numel() for image in images)
        term = sum(image.numel() / pixels * self.loss(image)
                   for image in images)
        return {**losses, 'loss_sdag': self._weight * term}

    def _as_image(self, output: Any) -> Tensor:
        """The chosen output as (N, 3, H, W), RGB, [0, 1]."""
        where = (f'target={self.target!r}, output={self.output!r} of '
                 'SDAGGuidanceHook')
        image = image_in(output, self.output, where)
        if not image.requires_grad:
            raise ValueError(f'{where}: carries no gradient, so guidance '
                             'would change nothing (is the module frozen?)')
        return self.pixels.decode(image)

    def _rehearse(self, model: BaseModel, dataloader: DataLoader) -> None:
        """Run one loss on two training images, leaving no trace."""
        dataset: Any = dataloader.dataset
        self._weight = 1.
        with _untouched_buffers(model), seeded(DrawIndex(0, 0, 0)):
            batch = dataloader.collate_fn(
                [dataset[0], dataset[min(1, len(dataset) - 1)]])
            data = model.data_preprocessor(batch, True)
            model.train()
            losses = model._run_forward(data, mode='loss')
        if 'loss_sdag' not in losses:
            raise ValueError(
                f'{type(model).__name__} does not train through its '
                "forward(..., mode='loss'), where SDAGGuidanceHook adds its "
                'term: call mmsdag.SDAGGuidanceLoss in its train_step')
        print_log(
            f'SDAGGuidanceHook guides {self.target!r}: loss_sdag='
            f'{losses["loss_sdag"].item():.4g} on two training images, at '
            f'full weight {self.loss_weight}', 'current')


@contextmanager
def _untouched_buffers(model: nn.Module) -> Iterator[None]:
    """Give every buffer (batch-norm statistics) its value back."""
    saved = {name: buf.clone() for name, buf in model.named_buffers()}
    try:
        yield
    finally:
        for name, buffer in model.named_buffers():
            if name in saved:
                buffer.copy_(saved[name])
