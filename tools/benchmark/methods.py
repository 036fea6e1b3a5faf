"""Enhancers with seeded weights: both sides of training and inference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import plain
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import DefaultScope
from sides import Side, training_side
from torch import Tensor, nn

from mmsdag.registry import MODELS


class Training(NamedTuple):
    """Training of both sides.

    Attributes:
        loss: Loss of the reference computation.
        optimizer: Optimizer of both.
        max_norm: Largest norm of the gradients.
        options: Arguments of our ``forward_train``.
    """

    loss: Callable[[Tensor, plain.Weights], Tensor]
    optimizer: Callable[..., torch.optim.Optimizer]
    max_norm: float
    options: dict = {}


class Method(NamedTuple):
    """An enhancer.

    Attributes:
        model: Config of our model, without the precision.
        enhance: The reference computation of enhanced images.
        training: Its training, if that is timed.
    """

    model: dict
    enhance: Callable[[Tensor, plain.Weights], Tensor]
    training: Training | None = None


def _retinex(images: Tensor, weights: plain.Weights) -> Tensor:
    illumination = plain.sci(images, weights, training=False)
    return torch.clamp(images / illumination, 0, 1)


METHODS = {
    'Zero-DCE++': Method(
        dict(type='mmsdag.ZeroDCEPP', generator=dict(type='ZeroDCEPPNet')),
        lambda images, weights: plain.zero_dce_pp(images, weights)[0],
        Training(
            plain.zero_dce_pp_loss, partial(torch.optim.Adam, lr=1e-4, weight_decay=1e-4), 0.1
        ),
    ),
    'SCI': Method(
        dict(type='mmsdag.SCI', generator=dict(type='SCINet')),
        _retinex,
        Training(plain.sci_loss, partial(torch.optim.Adam, lr=3e-4, weight_decay=3e-4), 5.0),
    ),
    # The denoiser, whose turn is one iteration of fifty, is left out.
    'RUAS': Method(
        dict(type='mmsdag.RUAS', generator=dict(type='RUASNet', denoise=False)),
        lambda images, weights: plain.ruas(images, weights)[0],
        Training(
            plain.ruas_loss,
            partial(torch.optim.SGD, lr=0.015, momentum=0.9, weight_decay=3e-4),
            5.0,
            dict(with_denoiser=False),
        ),
    ),
    'BlendUNet': Method(
        dict(
            type='mmsdag.SelfSupervisedRestorer',
            generator=dict(type='BlendUNet'),
            degradation=dict(type='GammaDegradation'),
        ),
        lambda images, weights: plain.blend_unet(images, weights).clamp(0, 1),
        Training(
            plain.blend_unet_loss, partial(torch.optim.AdamW, lr=1e-3, weight_decay=1e-4), 1.0
        ),
    ),
    # It learns in two steps: see adversarial().
    'EnlightenGAN': Method(
        dict(type='mmsdag.EnlightenGAN', generator=dict(type='EnlightenGANNet')),
        plain.enlighten_gan,
    ),
}


def _model_of(method: Method, amp_dtype: str | None) -> Any:
    """Build our model, with the same seeded weights every time."""
    with torch.random.fork_rng(devices=()), DefaultScope.overwrite_default_scope('mmsdag'):
        torch.manual_seed(0)
        model = MODELS.build(dict(method.model, amp_dtype=amp_dtype))
        for parameter in model.generator.parameters():
            # A layer that begins at zero would hide the others from the comparison.
            if parameter.ndim > 1 and not parameter.any():
                nn.init.normal_(parameter, std=0.01)
        return model


def training(name: str, device: str, ours: bool, amp_dtype: str | None = None) -> Side:
    """Return a training iteration of one of the :data:`METHODS`."""
    method = METHODS[name]
    if method.training is None:
        raise ValueError(f'the training of {name} is not timed')
    loss_of, optimizer_of, max_norm, options = method.training
    model = _model_of(method, amp_dtype).to(device).train()
    if ours:
        side = training_side(
            model,
            OptimWrapper(
                optimizer_of(model.generator.parameters()), clip_grad=dict(max_norm=max_norm)
            ),
            **options,
        )
        return side._replace(edit=_editing(model))

    weights = model.generator.state_dict()
    trained = [
        weight.requires_grad_()
        for name, weight in weights.items()
        if name.endswith(('.weight', '.bias'))
    ]
    optimizer = optimizer_of(trained)

    def run(images: Tensor) -> Tensor:
        loss = loss_of(images, weights)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained, max_norm)
        optimizer.step()
        return loss.detach()

    return Side(run, lambda images: method.enhance(images, weights))


def _editing(model: Any) -> Callable[[Tensor], Tensor]:
    """Return the enhancement of a model in training, in eval mode."""

    def edit(images: Tensor) -> Tensor:
        model.eval()
        enhanced = model.forward_tensor(images)
        model.train()
        return enhanced

    return edit


class _AsIs(nn.Module):
    """A data preprocessor for loaded images."""

    def forward(self, data: dict, training: bool = False) -> dict:
        return data


def adversarial(device: str, ours: bool, amp_dtype: str | None = None) -> Side:
    """Return an iteration of EnlightenGAN's generator and discriminators."""
    method = METHODS['EnlightenGAN']
    model = _model_of(method, amp_dtype).to(device).train()
    judges = nn.ModuleList([model.global_discriminator, model.local_discriminator])
    adam = partial(torch.optim.Adam, lr=1e-4, betas=(0.5, 0.999))
    if ours:
        model.data_preprocessor = _AsIs()
        optimizers = OptimWrapperDict(
            generator=OptimWrapper(adam(model.generator.parameters())),
            discriminators=OptimWrapper(adam(judges.parameters())),
        )

        def step(images: Tensor) -> Tensor:
            batch = dict(img=images, bright=_brightened(images))
            return model.train_step(dict(inputs=batch), optimizers)['loss']

        return Side(step, _editing(model))

    extractor = model.feature_loss.extractor.to(device)
    weights = {**model.state_dict(keep_vars=True), **extractor.state_dict(prefix='extractor.')}
    own = adam(model.generator.parameters())
    theirs = adam(judges.parameters())

    def run(images: Tensor) -> Tensor:
        dimmed = model.dim(images)
        height, width = (side - model.patch_size + 1 for side in images.shape[-2:])
        corners = [
            (int(torch.randint(height, ())), int(torch.randint(width, ())))
            for _ in range(model.num_patches)
        ]
        loss, judging = plain.enlighten_gan_losses(
            images, dimmed, _brightened(images), weights, corners
        )
        own.zero_grad()
        loss.backward()
        own.step()
        theirs.zero_grad()
        judging.backward()
        theirs.step()
        return loss.detach()

    generator = model.generator.state_dict()
    return Side(run, lambda images: method.enhance(images, generator))


def _brightened(images: Tensor) -> Tensor:
    """Return other images of the batch, at full brightness."""
    return images.flip(0) / images.max()


def inference_of(name: str, device: str, ours: bool, amp_dtype: str | None = None) -> Side:
    """Return the enhancement by one of the :data:`METHODS`."""
    method = METHODS[name]
    model = _model_of(method, amp_dtype).to(device).eval()
    if ours:
        run = torch.inference_mode()(model.forward_tensor)
        return Side(run, run)
    weights = model.generator.state_dict()

    @torch.no_grad()
    def enhance(images: Tensor) -> Tensor:
        return method.enhance(images, weights)

    return Side(enhance, enhance)
