"""What is timed: the reference computation and ours, on the same weights."""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import plain
import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from mmsdag.models import SDAG, SDAGGuidanceLoss, SDAGNet, ZeroDCE, ZeroDCENet
from mmsdag.utils import load_checkpoint

GUIDANCE_WEIGHT = 10.
SIGMA = 50 / 255


class Side(NamedTuple):
    """One of the competitors.

    Attributes:
        run: What is timed; returns the loss, or the result of inference.
        images: The images that its network makes of the case's input, for
            the comparison of both sides.
    """
    run: Callable[[], Tensor]
    images: Callable[[], Tensor]


class Case(NamedTuple):
    """A task with its batch, (N, height, width)."""
    name: str
    shape: tuple[int, int, int]
    build: Callable[..., Side]

    @property
    def title(self) -> str:
        """Name and shape, such as ``stage one 16x3x64x64``."""
        batch, height, width = self.shape
        return f'{self.name} {batch}x3x{height}x{width}'


def weights_of(net: nn.Module, device: str) -> plain.Weights:
    """Seeded weights that keep the size of the activations."""
    torch.manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, a=0.2)
            nn.init.normal_(module.bias, std=0.1)
    return {
        name: weight.detach().to(device)
        for name, weight in net.state_dict().items()
    }


def _dark_images(shape: tuple[int, int, int], device: str) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    batch, height, width = shape
    images = torch.rand(batch, 3, height, width, generator=generator)
    return (images * 0.3).to(device)


def _trained(weights: plain.Weights) -> plain.Weights:
    """Copies for an optimizer; the extractor stays frozen."""
    return {
        name: weight.clone().requires_grad_(not name.startswith('extractor.'))
        for name, weight in weights.items()
    }


def _adam(parameters, **kwargs) -> torch.optim.Adam:
    return torch.optim.Adam([p for p in parameters if p.requires_grad],
                            **kwargs)


def stage_one(shape: tuple[int, int, int], device: str, ours: bool,
              amp_dtype: str | None) -> Side:
    """An iteration of SDAG's own training."""
    weights = weights_of(SDAGNet(), device)
    images = _dark_images(shape, device) / 0.3
    if not ours:
        weights = _trained(weights)
        optimizer = _adam(weights.values(), lr=2e-4)

        def run() -> Tensor:
            noise = torch.randn_like(images) * SIGMA
            loss = plain.stage_one_loss(images, noise, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Side(run, lambda: plain.sdag(images, weights))

    model = SDAG(generator=dict(type='mmsdag.SDAGNet'), amp_dtype=amp_dtype)
    model.generator.load_state_dict(weights)
    model.to(device).train()
    return _of_model(
        model, images,
        OptimWrapper(_adam(model.generator.parameters(), lr=2e-4)))


def guided(shape: tuple[int, int, int], device: str, ours: bool,
           amp_dtype: str | None) -> Side:
    """An iteration of Zero-DCE's training under SDAG's guidance."""
    frozen = weights_of(SDAGNet(), device)
    weights = _zero_dce_weights(device)
    images = _dark_images(shape, device)
    adam = dict(lr=1e-4, weight_decay=1e-4)
    if not ours:
        weights = _trained(weights)
        optimizer = _adam(weights.values(), **adam)

        def run() -> Tensor:
            loss = plain.guided_loss(images, weights, frozen, GUIDANCE_WEIGHT)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(weights.values(), 0.1)
            optimizer.step()
            return loss.detach()

        return Side(run, lambda: plain.zero_dce(images, weights)[0])

    model = _zero_dce_model(weights, device, amp_dtype).train()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / 'sdag.pth'
        torch.save({'state_dict': frozen}, checkpoint)
        guidance = SDAGGuidanceLoss(
            str(checkpoint),
            loss_weight=GUIDANCE_WEIGHT,
            amp_dtype=amp_dtype)
    return _of_model(
        model, images,
        OptimWrapper(
            _adam(model.generator.parameters(), **adam),
            clip_grad=dict(max_norm=0.1)), guidance)


def inference(shape: tuple[int, int, int], device: str, ours: bool,
              amp_dtype: str | None, checkpoint: str | None = None) -> Side:
    """Enhancement by Zero-DCE.

    Args:
        shape: Batch, height and width.
        device: Where to compute.
        ours: Ours, or the reference computation.
        amp_dtype: Precision of ours.
        checkpoint: The published file. The reference takes its weights as
            they are, we load it the way that the package does.
    """
    if checkpoint is None:
        weights = _zero_dce_weights(device)
    else:
        weights = published_zero_dce(checkpoint, device, as_is=not ours)
    images = _dark_images(shape, device)
    if not ours:

        def enhance() -> Tensor:
            with torch.no_grad():
                return plain.zero_dce(images, weights)[0]

        return Side(enhance, enhance)
    model = _zero_dce_model(weights, device, amp_dtype).eval()

    def run() -> Tensor:
        with torch.inference_mode():
            return model.forward_tensor(images)

    return Side(run, run)


def published_zero_dce(path: str, device: str, as_is: bool) -> plain.Weights:
    """Weights of the authors' file under our names."""
    content = (
        torch.load(path, map_location=device, weights_only=True)
        if as_is else load_checkpoint(path))
    return {
        name.replace('e_conv', 'conv').removeprefix('module.'):
        weight.to(device)
        for name, weight in content.items()
    }


def _zero_dce_weights(device: str) -> plain.Weights:
    weights = weights_of(ZeroDCENet(), device)
    # Curve maps of a moderate size, as a trained network has.
    weights['conv7.weight'] *= 0.1
    return weights


def _zero_dce_model(weights: plain.Weights, device: str,
                    amp_dtype: str | None) -> ZeroDCE:
    model = ZeroDCE(
        generator=dict(type='mmsdag.ZeroDCENet'), amp_dtype=amp_dtype)
    model.generator.load_state_dict(weights)
    return model.to(device)


def _of_model(model: nn.Module,
              images: Tensor,
              optim_wrapper: OptimWrapper,
              guidance: SDAGGuidanceLoss | None = None) -> Side:
    """The way of a model's ``train_step``, the images being there."""

    def run() -> Tensor:
        with _captured(model.generator) as enhanced:
            losses = model.forward_train(images)
        if guidance is not None:
            losses['loss_sdag'] = guidance(enhanced[0][0])
        loss, _ = model.parse_losses(losses)
        optim_wrapper.update_params(loss)
        return loss.detach()

    return Side(run, lambda: model.forward_tensor(images))


@contextmanager
def _captured(module: nn.Module) -> Iterator[list]:
    outputs: list = []
    handle = module.register_forward_hook(
        lambda module, args, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()


#: In the order of the report.
CASES = (
    Case('stage one', (16, 64, 64), stage_one),
    Case('guided Zero-DCE', (4, 256, 256), guided),
    Case('Zero-DCE inference', (1, 400, 600), inference),
)
