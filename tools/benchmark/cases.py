"""The timed cases: the reference computation and ours, on the same weights."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import plain
import torch
from methods import METHODS, adversarial, inference_of, training
from mmengine.optim import OptimWrapper
from sides import Side, adam, on_device, sdag_weights, trained, training_side, zero_dce_weights
from torch import Tensor, nn

from mmsdag.models import SDAG, SDAGGuidanceLoss, ZeroDCE
from mmsdag.utils import load_checkpoint

GUIDANCE_WEIGHT = 10.0
SIGMA = 50 / 255


class Case(NamedTuple):
    """A task, (N, height, width) of its batch, and its brightness."""

    name: str
    shape: tuple[int, int, int]
    brightness: float
    build: Callable[..., Side]

    @property
    def title(self) -> str:
        """Return name and shape, such as ``stage one 16x3x64x64``."""
        batch, height, width = self.shape
        return f'{self.name} {batch}x3x{height}x{width}'

    def images(self, device: str) -> Tensor:
        """Return the seeded batch (N, 3, H, W), [0, brightness]."""
        batch, height, width = self.shape
        generator = torch.Generator().manual_seed(1)
        images = torch.rand(batch, 3, height, width, generator=generator)
        return (images * self.brightness).to(device)


def stage_one(
    device: str, ours: bool, amp_dtype: str | None = None, weights: plain.Weights | None = None
) -> Side:
    """Return an iteration of SDAG's own training."""
    weights = on_device(weights or sdag_weights(), device)
    if not ours:
        weights = trained(weights)
        optimizer = adam(weights.values(), lr=2e-4)

        def run(images: Tensor) -> Tensor:
            noise = torch.randn_like(images) * SIGMA
            loss = plain.stage_one_loss(images, noise, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Side(run, lambda images: plain.sdag(images, weights))

    model = SDAG(generator=dict(type='mmsdag.SDAGNet'), amp_dtype=amp_dtype)
    model.generator.load_state_dict(weights)
    model.to(device).train()
    return training_side(model, OptimWrapper(adam(model.generator.parameters(), lr=2e-4)))


def guided(
    device: str,
    ours: bool,
    amp_dtype: str | None = None,
    weights: plain.Weights | None = None,
    frozen: plain.Weights | None = None,
) -> Side:
    """Return an iteration of Zero-DCE's training with SDAG's guidance."""
    weights = on_device(weights or zero_dce_weights(), device)
    frozen = on_device(frozen or sdag_weights(), device)
    options: dict[str, Any] = dict(lr=1e-4, weight_decay=1e-4)
    if not ours:
        weights = trained(weights)
        optimizer = adam(weights.values(), **options)

        def run(images: Tensor) -> Tensor:
            loss = plain.guided_loss(images, weights, frozen, GUIDANCE_WEIGHT)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(weights.values(), 0.1)
            optimizer.step()
            return loss.detach()

        return Side(run, lambda images: plain.zero_dce(images, weights)[0])

    model = _zero_dce_model(weights, device, amp_dtype).train()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / 'sdag.pth'
        torch.save({'state_dict': frozen}, checkpoint)
        guidance = SDAGGuidanceLoss(
            str(checkpoint), loss_weight=GUIDANCE_WEIGHT, amp_dtype=amp_dtype
        )
    return training_side(
        model,
        OptimWrapper(adam(model.generator.parameters(), **options), clip_grad=dict(max_norm=0.1)),
        guidance,
    )


def inference(
    device: str, ours: bool, amp_dtype: str | None = None, checkpoint: str | None = None
) -> Side:
    """Return the enhancement by Zero-DCE.

    Args:
        device: Where to compute.
        ours: Ours, or the reference computation.
        amp_dtype: Precision of our side.
        checkpoint: The published file. The reference takes its weights
            unchanged; our side loads it as the package does.
    """
    weights = zero_dce_weights() if checkpoint is None else _published(checkpoint, as_is=not ours)
    weights = on_device(weights, device)
    if not ours:

        @torch.no_grad()
        def enhance(images: Tensor) -> Tensor:
            return plain.zero_dce(images, weights)[0]

        return Side(enhance, enhance)
    model = _zero_dce_model(weights, device, amp_dtype).eval()
    run = torch.inference_mode()(model.forward_tensor)
    return Side(run, run)


def _published(path: str, as_is: bool) -> plain.Weights:
    """Load the authors' file with our names of the weights."""
    content = (
        torch.load(path, map_location='cpu', weights_only=True) if as_is else load_checkpoint(path)
    )
    return {
        name.removeprefix('module.').replace('e_conv', 'conv'): weight
        for name, weight in content.items()
    }


def _zero_dce_model(weights: plain.Weights, device: str, amp_dtype: str | None) -> Any:
    model = ZeroDCE(generator=dict(type='mmsdag.ZeroDCENet'), amp_dtype=amp_dtype)
    model.generator.load_state_dict(weights)
    return model.to(device)


_PHOTO, _FULL_HD = (1, 400, 600), (1, 1080, 1920)

#: In the order of the report.
CASES = (
    Case('stage one', (16, 64, 64), 1.0, stage_one),
    Case('guided Zero-DCE', (4, 256, 256), 0.3, guided),
    *(
        Case(f'{name} training', _PHOTO, 0.3, partial(training, name))
        for name, method in METHODS.items()
        if method.training
    ),
    Case('EnlightenGAN training', (4, 96, 96), 0.3, adversarial),
    *(Case('Zero-DCE inference', shape, 0.3, inference) for shape in (_PHOTO, _FULL_HD)),
    *(
        Case(f'{name} inference', shape, 0.3, partial(inference_of, name))
        for name in METHODS
        for shape in (_PHOTO, _FULL_HD)
    ),
)
