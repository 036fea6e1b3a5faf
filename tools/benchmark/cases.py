"""What is timed: the reference computation and ours, on the same weights."""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import plain
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmsdag.models import SDAG, SDAGGuidanceLoss, ZeroDCE
from mmsdag.registry import MODELS
from mmsdag.utils import load_checkpoint

CHECKPOINTS = Path(__file__).resolve().parents[2] / 'checkpoints'
GUIDANCE_WEIGHT = 10.
SIGMA = 50 / 255


class Side(NamedTuple):
    """One of the competitors.

    Attributes:
        run: What is timed: an iteration on a batch (N, 3, H, W), RGB,
            [0, 1], that returns its loss, or inference.
        edit: What its network makes of a batch, to compare both sides.
    """
    run: Callable[[Tensor], Tensor]
    edit: Callable[[Tensor], Tensor]


class Case(NamedTuple):
    """A task, the (N, height, width) of its batch, and its brightness."""
    name: str
    shape: tuple[int, int, int]
    brightness: float
    build: Callable[..., Side]

    @property
    def title(self) -> str:
        """Name and shape, such as ``stage one 16x3x64x64``."""
        batch, height, width = self.shape
        return f'{self.name} {batch}x3x{height}x{width}'

    def images(self, device: str) -> Tensor:
        """The batch: seeded, (N, 3, H, W), [0, brightness]."""
        batch, height, width = self.shape
        generator = torch.Generator().manual_seed(1)
        images = torch.rand(batch, 3, height, width, generator=generator)
        return (images * self.brightness).to(device)


def sdag_weights() -> plain.Weights:
    """Weights of the package's own SDAG network."""
    return _of_generator('sdag_vgg16_1xb16-1k_brackets.pth')


def zero_dce_weights() -> plain.Weights:
    """Weights of the package's own Zero-DCE."""
    return _of_generator('zero-dce_1xb8-1k_brackets_seed0.pth')


def _of_generator(file: str) -> plain.Weights:
    state = load_checkpoint(str(CHECKPOINTS / file))['state_dict']
    return plain.part_of(state, 'generator.')


def _on(weights: plain.Weights, device: str) -> plain.Weights:
    return {name: w.detach().to(device) for name, w in weights.items()}


def _trained(weights: plain.Weights) -> plain.Weights:
    """Copies for an optimizer; the extractor stays frozen."""
    return {
        name: weight.clone().requires_grad_(not name.startswith('extractor.'))
        for name, weight in weights.items()
    }


def _adam(parameters, **kwargs) -> torch.optim.Adam:
    return torch.optim.Adam([p for p in parameters if p.requires_grad],
                            **kwargs)


def stage_one(device: str,
              ours: bool,
              amp_dtype: str | None = None,
              weights: plain.Weights | None = None) -> Side:
    """An iteration of SDAG's own training."""
    weights = _on(weights or sdag_weights(), device)
    if not ours:
        weights = _trained(weights)
        optimizer = _adam(weights.values(), lr=2e-4)

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
    return _training(
        model, OptimWrapper(_adam(model.generator.parameters(), lr=2e-4)))


def guided(device: str,
           ours: bool,
           amp_dtype: str | None = None,
           weights: plain.Weights | None = None,
           frozen: plain.Weights | None = None) -> Side:
    """An iteration of Zero-DCE's training under SDAG's guidance."""
    weights = _on(weights or zero_dce_weights(), device)
    frozen = _on(frozen or sdag_weights(), device)
    adam = dict(lr=1e-4, weight_decay=1e-4)
    if not ours:
        weights = _trained(weights)
        optimizer = _adam(weights.values(), **adam)

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
            str(checkpoint),
            loss_weight=GUIDANCE_WEIGHT,
            amp_dtype=amp_dtype)
    return _training(
        model,
        OptimWrapper(
            _adam(model.generator.parameters(), **adam),
            clip_grad=dict(max_norm=0.1)), guidance)


def inference(device: str,
              ours: bool,
              amp_dtype: str | None = None,
              checkpoint: str | None = None) -> Side:
    """Enhancement by Zero-DCE.

    Args:
        device: Where to compute.
        ours: Ours, or the reference computation.
        amp_dtype: Precision of ours.
        checkpoint: The published file. The reference takes its weights as
            they are, we load it the way that the package does.
    """
    weights = (
        zero_dce_weights() if checkpoint is None else _published(
            checkpoint, as_is=not ours))
    weights = _on(weights, device)
    if not ours:

        @torch.no_grad()
        def enhance(images: Tensor) -> Tensor:
            return plain.zero_dce(images, weights)[0]

        return Side(enhance, enhance)
    model = _zero_dce_model(weights, device, amp_dtype).eval()
    run = torch.inference_mode()(model.forward_tensor)
    return Side(run, run)


class Training(NamedTuple):
    """An iteration of both sides.

    Attributes:
        loss: The reference's.
        optimizer: Of the weights of either side.
        max_norm: To which their gradients are clipped.
        options: What ``forward_train`` of ours is told.
    """
    loss: Callable[[Tensor, plain.Weights], Tensor]
    optimizer: Callable[..., torch.optim.Optimizer]
    max_norm: float
    options: dict = {}


class Method(NamedTuple):
    """An enhancer: both of its sides.

    Attributes:
        model: Config of ours, without the precision.
        enhance: The reference's enhanced images.
        training: How it learns, if that is timed.
    """
    model: dict
    enhance: Callable[[Tensor, plain.Weights], Tensor]
    training: Training | None = None


def _retinex(images: Tensor, weights: plain.Weights) -> Tensor:
    illumination = plain.sci(images, weights, training=False)
    return torch.clamp(images / illumination, 0, 1)


METHODS = {
    'Zero-DCE++':
    Method(
        dict(type='mmsdag.ZeroDCEPP', generator=dict(type='ZeroDCEPPNet')),
        lambda images, weights: plain.zero_dce_pp(images, weights)[0],
        Training(
            plain.zero_dce_pp_loss,
            partial(torch.optim.Adam, lr=1e-4, weight_decay=1e-4), 0.1)),
    'SCI':
    Method(
        dict(type='mmsdag.SCI', generator=dict(type='SCINet')), _retinex,
        Training(
            plain.sci_loss,
            partial(torch.optim.Adam, lr=3e-4, weight_decay=3e-4), 5.)),
    # The denoiser, whose turn is one iteration of fifty, is left out.
    'RUAS':
    Method(
        dict(
            type='mmsdag.RUAS',
            generator=dict(type='RUASNet', denoise=False)),
        lambda images, weights: plain.ruas(images, weights)[0],
        Training(
            plain.ruas_loss,
            partial(
                torch.optim.SGD, lr=0.015, momentum=0.9, weight_decay=3e-4),
            5., dict(with_denoiser=False))),
    # It learns in two steps: see adversarial().
    'EnlightenGAN':
    Method(
        dict(type='mmsdag.EnlightenGAN', generator=dict(
            type='EnlightenGANNet')), plain.enlighten_gan),
}


def _model_of(method: Method, amp_dtype: str | None) -> nn.Module:
    """Ours, the same seeded weights every time."""
    with torch.random.fork_rng(devices=()), \
            DefaultScope.overwrite_default_scope('mmsdag'):
        torch.manual_seed(0)
        return MODELS.build(dict(method.model, amp_dtype=amp_dtype))


def training(name: str,
             device: str,
             ours: bool,
             amp_dtype: str | None = None) -> Side:
    """An iteration of one of the :data:`METHODS`, from seeded weights."""
    method = METHODS[name]
    loss_of, optimizer_of, max_norm, options = method.training
    model = _model_of(method, amp_dtype).to(device).train()
    if ours:
        side = _training(
            model,
            OptimWrapper(
                optimizer_of(model.generator.parameters()),
                clip_grad=dict(max_norm=max_norm)), **options)
        return side._replace(edit=_editing(model))

    weights = model.generator.state_dict()
    trained = [
        weight.requires_grad_() for name, weight in weights.items()
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


def _editing(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """What a model in training makes of images when it is not."""

    def edit(images: Tensor) -> Tensor:
        model.eval()
        enhanced = model.forward_tensor(images)
        model.train()
        return enhanced

    return edit


class _AsIs(nn.Module):
    """The data preprocessor of images that are there."""

    def forward(self, data: dict, training: bool = False) -> dict:
        return data


def adversarial(device: str,
                ours: bool,
                amp_dtype: str | None = None) -> Side:
    """An iteration of EnlightenGAN: generator and discriminators."""
    method = METHODS['EnlightenGAN']
    model = _model_of(method, amp_dtype).to(device).train()
    judges = nn.ModuleList(
        [model.global_discriminator, model.local_discriminator])
    adam = partial(torch.optim.Adam, lr=1e-4, betas=(0.5, 0.999))
    if ours:
        model.data_preprocessor = _AsIs()
        optimizers = OptimWrapperDict(
            generator=OptimWrapper(adam(model.generator.parameters())),
            discriminators=OptimWrapper(adam(judges.parameters())))

        def step(images: Tensor) -> Tensor:
            batch = dict(img=images, bright=_brightened(images))
            return model.train_step(dict(inputs=batch), optimizers)['loss']

        return Side(step, _editing(model))

    extractor = model.feature_loss.extractor.to(device)
    weights = {
        **model.state_dict(keep_vars=True),
        **extractor.state_dict(prefix='extractor.'),
    }
    own = adam(model.generator.parameters())
    theirs = adam(judges.parameters())

    def run(images: Tensor) -> Tensor:
        dimmed = model.dim(images)
        height, width = (side - model.patch_size + 1
                         for side in images.shape[-2:])
        corners = [(int(torch.randint(height, ())),
                    int(torch.randint(width, ())))
                   for _ in range(model.num_patches)]
        loss, judging = plain.enlighten_gan_losses(images, dimmed,
                                                   _brightened(images),
                                                   weights, corners)
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
    """Other images of the batch in full light."""
    return images.flip(0) / images.max()


def inference_of(name: str,
                 device: str,
                 ours: bool,
                 amp_dtype: str | None = None) -> Side:
    """Enhancement by one of the :data:`METHODS`, with seeded weights."""
    method = METHODS[name]
    model = _model_of(method, amp_dtype).to(device).eval()
    if ours:
        run = torch.inference_mode()(model.forward_tensor)
        return Side(run, run)
    weights = model.generator.state_dict()
    run = torch.no_grad()(lambda images: method.enhance(images, weights))
    return Side(run, run)


def _published(path: str, as_is: bool) -> plain.Weights:
    """Weights of the authors' file under our names."""
    content = (
        torch.load(path, map_location='cpu', weights_only=True)
        if as_is else load_checkpoint(path))
    return {
        name.removeprefix('module.').replace('e_conv', 'conv'): weight
        for name, weight in content.items()
    }


def _zero_dce_model(weights: plain.Weights, device: str,
                    amp_dtype: str | None) -> ZeroDCE:
    model = ZeroDCE(
        generator=dict(type='mmsdag.ZeroDCENet'), amp_dtype=amp_dtype)
    model.generator.load_state_dict(weights)
    return model.to(device)


def _training(model: nn.Module,
              optim_wrapper: OptimWrapper,
              guidance: SDAGGuidanceLoss | None = None,
              **options: Any) -> Side:
    """The way of a model's ``train_step``, the images being there."""

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
    handle = module.register_forward_hook(
        lambda module, args, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()


_PHOTO, _FULL_HD = (1, 400, 600), (1, 1080, 1920)

#: In the order of the report.
CASES = (
    Case('stage one', (16, 64, 64), 1., stage_one),
    Case('guided Zero-DCE', (4, 256, 256), 0.3, guided),
    *(Case(f'{name} training', _PHOTO, 0.3, partial(training, name))
      for name, method in METHODS.items() if method.training),
    Case('EnlightenGAN training', (4, 96, 96), 0.3, adversarial),
    *(Case('Zero-DCE inference', shape, 0.3, inference)
      for shape in (_PHOTO, _FULL_HD)),
    *(Case(f'{name} inference', shape, 0.3, partial(inference_of, name))
      for name in METHODS for shape in (_PHOTO, _FULL_HD)),
)
