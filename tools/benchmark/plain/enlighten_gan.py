"""EnlightenGAN, and the losses of its networks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .common import MEAN, STD, Weights, conv, part_of


def _gan_stage(
    x: Tensor, weights: Weights, name: str, training: bool, attention: Tensor | None = None
) -> Tensor:
    for number in (1, 2):
        x = F.leaky_relu(conv(x, weights, f'{name}.conv{number}'), 0.2)
        norm = f'{name}.norm{number}'
        if f'{norm}.weight' in weights:
            x = F.batch_norm(
                x,
                weights[f'{norm}.running_mean'],
                weights[f'{norm}.running_var'],
                weights[f'{norm}.weight'],
                weights[f'{norm}.bias'],
                training,
            )
        if number == 1 and attention is not None:
            x = x * attention
    return x


def enlighten_gan(x: Tensor, weights: Weights, training: bool = False) -> Tensor:
    """Enhance images by EnlightenGAN; in training they are not clamped."""
    height, width = x.shape[-2:]
    rows, columns = -height % 16, -width % 16
    top, left = rows // 2, columns // 2
    image = 2 * F.pad(x, (left, columns - left, top, rows - top), mode='reflect') - 1
    red, green, blue = ((image + 1) / 2).split(1, dim=1)
    attention = 1 - (0.299 * red + 0.587 * green + 0.114 * blue)
    attentions = [attention]
    for _ in range(4):
        attentions.append(F.max_pool2d(attentions[-1], 2))
    features = torch.cat([image, attention], 1)
    skips = []
    for level in range(4):
        features = _gan_stage(features, weights, f'encoder.{level}', training)
        skips.append(features * attentions[level])
        features = F.max_pool2d(features, 2)
    features = _gan_stage(features, weights, 'encoder.4', training, attentions[4])
    for level, skip in enumerate(reversed(skips)):
        features = F.interpolate(features, scale_factor=2, mode='bilinear')
        features = conv(features, weights, f'decoder.{level}.reduce')
        features = _gan_stage(
            torch.cat([features, skip], 1), weights, f'decoder.{level}.stage', training
        )
    image = image + conv(features, weights, 'head') * attention
    image = (image[..., top : top + height, left : left + width] + 1) / 2
    return image if training else torch.clamp(image, 0, 1)


def _patch_gan(x: Tensor, weights: Weights) -> Tensor:
    """Score images in [0, 1] by a PatchGAN without normalization."""
    x = 2 * x - 1
    last = len(weights) // 2 - 1
    for layer in range(last):
        x = F.conv2d(
            x,
            weights[f'model.{layer}.conv.weight'],
            weights[f'model.{layer}.conv.bias'],
            stride=1 if layer == last - 1 else 2,
            padding=2,
        )
        x = F.leaky_relu(x, 0.2)
    return F.conv2d(x, weights[f'model.{last}.weight'], weights[f'model.{last}.bias'], padding=2)


def _vgg_distance(x: Tensor, y: Tensor, weights: Weights) -> Tensor:
    """Compare the normalized features of VGG-16's relu5_1."""
    features = []
    for image in (x, y):
        mean = image.new_tensor(MEAN).view(1, 3, 1, 1)
        std = image.new_tensor(STD).view(1, 3, 1, 1)
        image = (image - mean) / std
        for layer in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24):
            if layer in (5, 10, 17):
                image = F.max_pool2d(image, 2)
            image = F.relu(conv(image, weights, f'features.{layer}'))
        features.append(F.instance_norm(image))
    return F.mse_loss(features[0], features[1])


def _least_squares(scores: Tensor, target: float) -> Tensor:
    return torch.mean((scores - target) ** 2)


def enlighten_gan_losses(
    low: Tensor, dimmed: Tensor, bright: Tensor, weights: Weights, corners: list[tuple[int, int]]
) -> tuple[Tensor, Tensor]:
    """Compute the losses of the generator and of the discriminators.

    Args:
        low: Dark images (N, 3, H, W), RGB, [0, 1].
        dimmed: The images to enhance: ``low``, some with less light.
        bright: Well-exposed images of the same shape.
        weights: Those of ``generator``, ``global_discriminator``,
            ``local_discriminator`` and ``extractor``, each with its name in
            front.
        corners: Row and column of the patches.
    """
    whole = part_of(weights, 'global_discriminator.')
    local = part_of(weights, 'local_discriminator.')
    extractor = part_of(weights, 'extractor.')
    enhanced = enlighten_gan(dimmed, part_of(weights, 'generator.'), True)
    low_patches, fake, real = (
        torch.cat([batch[..., y : y + 32, x : x + 32] for y, x in corners])
        for batch in (low, enhanced, bright)
    )

    real_scores = _patch_gan(bright, whole)
    fake_scores = _patch_gan(enhanced, whole)
    generator = (
        (
            _least_squares(real_scores - fake_scores.mean(), 0)
            + _least_squares(fake_scores - real_scores.mean(), 1)
        )
        / 2
        + _least_squares(_patch_gan(fake, local), 1)
        + _vgg_distance(enhanced, low, extractor)
        + _vgg_distance(fake, low_patches, extractor)
    )

    real_scores = _patch_gan(bright, whole)
    fake_scores = _patch_gan(enhanced.detach(), whole)
    discriminators = (
        _least_squares(real_scores - fake_scores.mean(), 1)
        + _least_squares(fake_scores - real_scores.mean(), 0)
    ) / 2 + (
        _least_squares(_patch_gan(real, local), 1)
        + _least_squares(_patch_gan(fake.detach(), local), 0)
    ) / 2
    return generator, discriminators
