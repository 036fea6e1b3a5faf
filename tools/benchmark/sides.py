"""Both sides of a benchmark, and their weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import plain
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmsdag.models import SDAGGuidanceLoss
from mmsdag.utils import load_checkpoint

CHECKPOINTS = Path(__file__).resolve().parents[2] / 'checkpoints'


class Side(NamedTuple):
    """The reference computation, or ours.

    Attributes:
        run: The timed function: an iteration on a batch (N, 3, H, W), RGB,
            [0, 1], that returns its loss, or inference.
        edit: The enhanced images of a batch, to compare both sides.
    """

    run: Callable[[Tensor], Tensor]
    edit: Callable[[Tensor], Tensor]


def sdag_weights() -> plain.Weights:
    """Load the weights of the package's SDAG network."""
    return _of_generator('sdag_vgg16_1xb16-1k_brackets.pth')


def zero_dce_weights() -> plain.Weights:
    """Load the weights of the package's Zero-DCE."""
    return _of_generator('zero-dce_1xb8-1k_brackets_seed0.pth')


def _of_generator(file: str) -> plain.Weights:
    state = load_checkpoint(str(CHECKPOINTS / file))['state_dict']
    return plain.part_of(state, 'generator.')


def on_device(weights: plain.Weights, device: str) -> plain.Weights:
    """Move weights to a device."""
    return {name: w.detach().to(device) for name, w in weights.items()}


def trained(weights: plain.Weights) -> plain.Weights:
    """Copy weights for an optimizer; the extractor stays frozen."""
    return {
        name: weight.clone().requires_grad_(not name.startswith('extractor.'))
        for name, weight in weights.items()
    }


def adam(parameters: Iterable[Tensor], **kwargs: Any) -> torch.optim.Adam:
    """Return Adam for the parameters that are not frozen."""
    return torch.optim.Adam([p for p in parameters if p.requires_grad], **kwargs)


def training_side(
    model: Any,
    optim_wrapper: OptimWrapper,
    guidance: SDAGGuidanceLoss | None = None,
    **options: Any,
) -> Side:
    """Return a side that does what ``train_step`` does to loaded images."""

    def run(images: Tensor) -> Tensor:
        with _captured(model.generator) as outputs:
            losses = model.forward_train(images, **options)
        if guidance is not None:
            enhanced, _ = outputs[0]
            losses['loss_sdag'] = guidance(enhanced)
        loss, _ = model.parse_losses(losses)
        optim_wrapper.update_params(loss)
        return loss.detach()

    return Side(run, model.forward_tensor)


@contextmanager
def _captured(module: nn.Module) -> Iterator[list]:
    outputs: list = []
    handle = module.register_forward_hook(lambda module, args, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()
