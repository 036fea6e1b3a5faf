"""Base of the hooks that add a loss on an enhanced image to any model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from mmsdag.datasets.seeding import preserved_rng_state
from mmsdag.registry import MODELS
from mmsdag.utils.outputs import PixelFormat, image_in

#: Iterations between two checks of the output's value range.
_RANGE_INTERVAL = 100
#: The range is wrong if more than this share of the values leaves it by more
#: than the margin.
_OUTSIDE_SHARE, _OUTSIDE_MARGIN = 0.05, 0.05


class Batch(NamedTuple):
    """Arguments of a model's ``forward``, and the guided module.

    Attributes:
        inputs: ``inputs`` of the model, from its data preprocessor.
        data_samples: The data samples.
        target: Module whose output is guided.
    """

    inputs: Any
    data_samples: Any
    target: nn.Module


class GuidanceHook(Hook):
    """Add a term to the losses that a model returns for ``mode='loss'``.

    A forward hook captures the output of the target submodule; another one
    adds the term to the losses. The model's code and state dict stay as they
    are, and nothing runs at test time.

    The first training iteration is the rehearsal: on its batch, the target
    must run, return an image, and receive gradients, even if ``begin`` is
    later. These errors end the run before the first weight update. The run
    also ends if the first iteration passes without the model being called
    with ``mode='loss'``.

    Args:
        loss: Config of the loss module, built before the training.
        name: Key of the term in the losses. A number is appended if the
            model or another guidance hook has an entry of that name.
        loss_weight: Weight of the term; 0 switches the hook off.
        target: Dotted name of the submodule that returns the image.
        output: Which of its outputs; see
            :func:`mmsdag.utils.outputs.image_in`.
        begin: First iteration in which the term counts.
        ramp_iters: Number of iterations over which its weight then rises
            linearly.
        channel_order: ``'rgb'`` or ``'bgr'``: order of the target's output.
        value_range: Values of the target's output for black and white.
        rehearse: Whether the first iteration must add the term. ``False`` is
            for models that do not compute their losses in every iteration.

    Raises:
        ValueError: For an argument out of its range.
    """

    priority = 'NORMAL'
    loss: nn.Module

    def __init__(
        self,
        loss: dict,
        *,
        name: str,
        loss_weight: float = 1.0,
        target: str = 'generator',
        output: int | str | None = None,
        begin: int = 0,
        ramp_iters: int = 0,
        channel_order: str = 'rgb',
        value_range: Sequence[float] = (0.0, 1.0),
        rehearse: bool = True,
    ) -> None:
        owner = type(self).__name__
        if loss_weight < 0:
            raise ValueError(f'loss_weight={loss_weight} of {owner} must not be negative')
        if begin < 0 or ramp_iters < 0:
            raise ValueError(
                f'begin={begin} and ramp_iters={ramp_iters} of {owner} must not be negative'
            )
        if 'loss' not in name:
            raise ValueError(
                f"name={name!r} of {owner} must contain 'loss': MMEngine sums only those entries"
            )
        self.loss_cfg = loss
        self.target = target
        self.output = output
        self.name = name
        self.loss_weight = loss_weight
        self.begin = begin
        self.ramp_iters = ramp_iters
        self.pixels = PixelFormat(owner, channel_order=channel_order, value_range=value_range)
        self.rehearse = rehearse
        #: Key of the term, once the model has run.
        self.entry: str | None = None
        self._where = f'target={target!r}, output={output!r} of {owner}'
        self._captured: list = []
        self._ran_without_gradients = False
        self._is_checked = False
        self._has_warned = False
        self._handles: list = []

    def term(self, images: Tensor, batch: Batch) -> Tensor:
        """Compute the loss of the target's output.

        Args:
            images: (N, 3, H, W), RGB, nominally [0, 1].
            batch: The batch that they were made from.

        Returns:
            Scalar, with ``loss_weight`` but without :meth:`weight_at`.
        """
        return self.loss(images)

    def inputs_of(self, images: Tensor, batch: Batch) -> Tensor:
        """Return the inputs that images were made from, undecoded.

        Args:
            images: The target's output, (N, 3, H, W).
            batch: Its batch.

        Raises:
            ValueError: If the model's inputs are of another shape.
        """
        inputs = batch.inputs
        if isinstance(inputs, Mapping):
            inputs = inputs.get('img')
        if not isinstance(inputs, Tensor) or inputs.shape != images.shape:
            raise ValueError(
                f'{self._where}: its images {tuple(images.shape)} are compared with the inputs of '
                f'the model, which are {tuple(getattr(inputs, "shape", ())) or type(inputs)}: '
                'guide a model that returns images of the size of its inputs'
            )
        return inputs

    def weight_at(self, iteration: int) -> float:
        """Return the share of ``loss_weight`` at an iteration, in [0, 1]."""
        if iteration < self.begin:
            return 0.0
        if not self.ramp_iters:
            return 1.0
        return min(1.0, (iteration - self.begin + 1) / self.ramp_iters)

    def before_run(self, runner: Runner) -> None:
        """Build the loss, so that a bad checkpoint ends the run early."""
        if self.loss_weight:
            # The model is initialized after this, and must begin with the
            # weights that it has without the hook.
            with preserved_rng_state():
                self.loss = MODELS.build(self.loss_cfg)

    def before_train(self, runner: Runner) -> None:
        """Attach to the model.

        Raises:
            ValueError: If the model lacks the target.
        """
        if not self.loss_weight:
            return
        model = _unwrapped(runner.model)
        try:
            target = model.get_submodule(self.target)
        except AttributeError:
            names = [name for name, _ in model.named_children()]
            raise ValueError(
                f'target={self.target!r} of {type(self).__name__}: {type(model).__name__} has no '
                f'such submodule; its children are {names}'
            ) from None
        self.entry = None
        self._is_checked = self._has_warned = False
        self._handles = [
            target.register_forward_hook(self._capture),
            model.register_forward_hook(partial(self._add_term, runner, target), with_kwargs=True),
        ]

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Discard outputs captured outside of a training step."""
        self._forget()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """End the run if the first iteration did not add the term.

        Raises:
            RuntimeError: If the model's ``train_step`` does not call the
                model with ``mode='loss'``.
        """
        if self._handles and self.rehearse and not self._is_checked:
            self._detach()
            raise RuntimeError(
                f'{self._bypassed(runner)}. Call {self.loss_cfg["type"]} in train_step and remove '
                'the hook, or set rehearse=False if later iterations do call it'
            )

    def after_train(self, runner: Runner) -> None:
        """Detach from the model."""
        if self._handles and not self._is_checked and runner.iter > self.begin:
            print_log(self._bypassed(runner), 'current', logging.WARNING)
        self._detach()

    def _bypassed(self, runner: Runner) -> str:
        return (
            f"{type(_unwrapped(runner.model)).__name__}'s train_step did not call the model with "
            f"mode='loss', where {type(self).__name__} adds {self.name!r}: the training is not "
            'guided'
        )

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._forget()

    def _forget(self) -> None:
        self._captured.clear()
        self._ran_without_gradients = False

    def _capture(self, module: nn.Module, args: Any, output: Any) -> None:
        if torch.is_grad_enabled():
            self._captured.append(output)
        else:
            self._ran_without_gradients = True

    def _add_term(
        self,
        runner: Runner,
        target: nn.Module,
        model: BaseModel,
        args: tuple,
        kwargs: dict,
        losses: dict,
    ) -> dict | None:
        """Forward hook of the model: return its losses with the term."""
        given = dict(zip(('inputs', 'data_samples', 'mode'), args), **kwargs)
        if given.get('mode') != 'loss' or not torch.is_grad_enabled():
            return None
        batch = Batch(given.get('inputs'), given.get('data_samples'), target)
        try:
            return self._guided(runner, model, batch, losses)
        except BaseException:
            self._detach()
            raise

    def _guided(self, runner: Runner, model: BaseModel, batch: Batch, losses: dict) -> dict | None:
        if self.entry is None or self.entry in losses:
            self.entry = self._free_entry(runner, losses)
        weight = self.weight_at(runner.iter)
        is_rehearsal = self.rehearse and not self._is_checked
        if not weight and not is_rehearsal:
            self._forget()
            return None
        images = self._images(model)
        self._check_range(images, runner.iter)
        is_first, self._is_checked = not self._is_checked, True
        if weight:
            term = self._mean_term(images, batch)
        else:
            with torch.no_grad(), preserved_rng_state():
                term = self._mean_term(images, batch)
        # A second forward pass for the reference is not the model's output.
        self._forget()
        if is_first:
            print_log(
                f'{type(self).__name__} guides {self.target!r}: {self.entry} is {term.item():.4g} '
                f'in the first iteration, at full weight {self.loss_weight}',
                'current',
            )
        return {**losses, self.entry: weight * term} if weight else None

    def _mean_term(self, images: Sequence[Tensor], batch: Batch) -> Tensor:
        """Average over several outputs, all pixels with the same weight."""
        pixels = sum(image.numel() for image in images)
        return torch.stack(
            [image.numel() / pixels * self.term(image, batch) for image in images]
        ).sum()

    def _free_entry(self, runner: Runner, losses: dict) -> str:
        """Return the first numbered name that is not in use."""
        taken = set(losses).union(
            hook.entry
            for hook in runner.hooks
            if isinstance(hook, GuidanceHook) and hook is not self
        )
        return next(
            name
            for name in (self.name if i == 1 else f'{self.name}_{i}' for i in count(1))
            if name not in taken
        )

    def _images(self, model: BaseModel) -> list[Tensor]:
        """Return the captured outputs, each (N, 3, H, W), RGB, [0, 1]."""
        if self._captured:
            return [self._as_image(output) for output in self._captured]
        if self._ran_without_gradients:
            raise ValueError(
                f'{self._where}: is frozen (it runs under torch.no_grad()), '
                'so guidance would change nothing; make it trainable'
            )
        raise ValueError(
            f'target={self.target!r} of {type(self).__name__} did not run in '
            f"{type(model).__name__}'s mode='loss', so there is no image to guide"
        )

    def _as_image(self, output: Any) -> Tensor:
        image = image_in(output, self.output, self._where)
        if not image.requires_grad:
            raise ValueError(
                f'{self._where}: carries no gradient, so guidance would change nothing (is the '
                'module frozen?)'
            )
        return self.pixels.decode(image)

    def _check_range(self, images: Sequence[Tensor], iteration: int) -> None:
        """Warn once if the output does not fit ``value_range``."""
        # A new network may begin near zero: one look is not enough.
        if self._has_warned or (self._is_checked and iteration % _RANGE_INTERVAL):
            return
        values = torch.cat([image.detach().flatten() for image in images])
        outside = (values - 0.5).abs() > 0.5 + _OUTSIDE_MARGIN
        share = outside.float().mean().item()
        if share > _OUTSIDE_SHARE:
            self._has_warned = True
            print_log(
                f'{self._where}: {share:.0%} of the values are darker than black or lighter than '
                f'white; from black = 0 to white = 1 they reach from {values.min().item():.3g} to '
                f'{values.max().item():.3g}. Set value_range to the range of the output, for '
                'example (-1, 1) or (0, 255)',
                'current',
                logging.WARNING,
            )


def _unwrapped(model: nn.Module) -> BaseModel:
    return model.module if is_model_wrapper(model) else model
