"""The reference computation that the benchmark measures against.

What the published formulas say, written down in the simplest way: eager
float32, default memory layout, one forward a batch, nothing fused, nothing in
place. Networks are functions of a state dict with the names of ours, so that
both sides compute with the same weights.
"""
from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def _conv(x: Tensor, weights: Weights, name: str) -> Tensor:
    weight = weights[f'{name}.weight']
    return F.conv2d(
        x, weight, weights[f'{name}.bias'], padding=weight.shape[-1] // 2)


def _half_instance_norm_block(x: Tensor, weights: Weights,
                              name: str) -> Tensor:
    out = _conv(x, weights, f'{name}.conv1')
    first, second = torch.chunk(out, 2, dim=1)
    first = F.instance_norm(
        first,
        weight=weights[f'{name}.norm.weight'],
        bias=weights[f'{name}.norm.bias'])
    out = F.leaky_relu(torch.cat([first, second], dim=1), 0.2)
    out = F.leaky_relu(_conv(out, weights, f'{name}.conv2'), 0.2)
    return out + _conv(x, weights, f'{name}.identity')


def sdag(x: Tensor, weights: Weights) -> Tensor:
    """Reconstructions of images (N, 3, H, W), RGB, [0, 1]."""
    mean = torch.tensor(MEAN, device=x.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=x.device).view(1, 3, 1, 1)
    x = _conv((x - mean) / std, weights, 'extractor.features.0')
    x = _conv(F.relu(x), weights, 'extractor.features.2')
    block = 0
    while f'blocks.{block}.f.conv1.weight' in weights:
        name = f'blocks.{block}'
        x1, x2 = torch.chunk(x, 2, dim=1)
        y1 = x1 + _half_instance_norm_block(x2, weights, f'{name}.f')
        h = _half_instance_norm_block(y1, weights, f'{name}.h')
        scale = 0.8 * (torch.sigmoid(h) * 2 - 1)
        g = _half_instance_norm_block(y1, weights, f'{name}.g')
        y2 = x2 * torch.exp(scale) + g
        x = torch.cat([y1, y2], dim=1)
        block += 1
    return _conv(x, weights, 'head') * std + mean


def zero_dce(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Enhanced images and curve maps of images (N, 3, H, W), [0, 1]."""
    x1 = F.relu(_conv(x, weights, 'conv1'))
    x2 = F.relu(_conv(x1, weights, 'conv2'))
    x3 = F.relu(_conv(x2, weights, 'conv3'))
    x4 = F.relu(_conv(x3, weights, 'conv4'))
    x5 = F.relu(_conv(torch.cat([x3, x4], 1), weights, 'conv5'))
    x6 = F.relu(_conv(torch.cat([x2, x5], 1), weights, 'conv6'))
    curves = torch.tanh(_conv(torch.cat([x1, x6], 1), weights, 'conv7'))
    enhanced = x
    for r in torch.split(curves, 3, dim=1):
        enhanced = enhanced + r * (torch.pow(enhanced, 2) - enhanced)
    return enhanced, curves


def _separable(x: Tensor, weights: Weights, name: str) -> Tensor:
    x = F.conv2d(
        x,
        weights[f'{name}.depth_conv.weight'],
        weights[f'{name}.depth_conv.bias'],
        padding=1,
        groups=x.shape[1])
    return _conv(x, weights, f'{name}.point_conv')


def zero_dce_pp(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Zero-DCE++ at full scale: enhanced images and the shared map."""
    x1 = F.relu(_separable(x, weights, 'conv1'))
    x2 = F.relu(_separable(x1, weights, 'conv2'))
    x3 = F.relu(_separable(x2, weights, 'conv3'))
    x4 = F.relu(_separable(x3, weights, 'conv4'))
    x5 = F.relu(_separable(torch.cat([x3, x4], 1), weights, 'conv5'))
    x6 = F.relu(_separable(torch.cat([x2, x5], 1), weights, 'conv6'))
    curve = torch.tanh(
        _separable(torch.cat([x1, x6], 1), weights, 'conv7'))
    enhanced = x
    for _ in range(8):
        enhanced = enhanced + curve * (torch.pow(enhanced, 2) - enhanced)
    return enhanced, curve


def _similarity(x: Tensor, y: Tensor) -> Tensor:
    return F.cosine_similarity(x.flatten(1), y.flatten(1), dim=0)


def stage_one_loss(clean: Tensor, noise: Tensor, weights: Weights) -> Tensor:
    """SDAG's first stage with its two degradations, three forwards."""
    dark = clean**(1 / 0.3)
    noisy = clean + noise
    recon = sdag(clean, weights)
    dark_recon = sdag(dark, weights)
    noisy_recon = sdag(noisy, weights)
    better = _similarity(recon, clean)
    loss = F.l1_loss(recon, clean)
    for out, target in ((dark_recon, dark), (noisy_recon, noisy)):
        worse = _similarity(out, target)
        loss = loss + 0.1 * F.l1_loss(out, target)
        loss = loss + torch.clamp(0.5 - better + worse, min=0).mean()
    return loss


def _spatial(enhanced: Tensor, low: Tensor) -> Tensor:
    pooled = [
        F.avg_pool2d(torch.mean(image, 1, keepdim=True), 4)
        for image in (low, enhanced)
    ]
    loss = torch.zeros_like(pooled[0])
    for row, column in ((1, 0), (1, 2), (0, 1), (2, 1)):
        kernel = low.new_zeros(1, 1, 3, 3)
        kernel[0, 0, 1, 1] = 1
        kernel[0, 0, row, column] = -1
        before, after = (F.conv2d(p, kernel, padding=1) for p in pooled)
        loss = loss + torch.pow(before - after, 2)
    return loss.mean()


def _exposure(enhanced: Tensor) -> Tensor:
    grey = F.avg_pool2d(torch.mean(enhanced, 1, keepdim=True), 16)
    return torch.mean(torch.pow(grey - 0.6, 2))


def _color(enhanced: Tensor) -> Tensor:
    red, green, blue = torch.mean(enhanced, (2, 3)).unbind(1)
    differences = (red - green, red - blue, green - blue)
    return torch.sqrt(sum(torch.pow(torch.pow(d, 2), 2)
                          for d in differences)).mean()


def _smoothness(curves: Tensor) -> Tensor:
    batch, channels, height, width = curves.shape
    rows = torch.pow(curves[:, :, 1:] - curves[:, :, :-1], 2).sum()
    columns = torch.pow(curves[..., 1:] - curves[..., :-1], 2).sum()
    return 2 * (rows / ((height - 1) * width) + columns /
                (height * (width - 1))) / batch


def guided_loss(low: Tensor, weights: Weights, frozen: Weights,
                guidance_weight: float) -> Tensor:
    """Zero-DCE's four losses, and SDAG's guidance of its output."""
    enhanced, curves = zero_dce(low, weights)
    guidance = F.l1_loss(sdag(enhanced, frozen), enhanced)
    return (200 * _smoothness(curves) + _zero_reference(enhanced, low) +
            guidance_weight * guidance)


def _zero_reference(enhanced: Tensor, low: Tensor) -> Tensor:
    return (_spatial(enhanced, low) + 5 * _color(enhanced) +
            10 * _exposure(enhanced))


def zero_dce_pp_loss(low: Tensor, weights: Weights) -> Tensor:
    """Zero-DCE++'s four losses."""
    enhanced, curve = zero_dce_pp(low, weights)
    return 1600 * _smoothness(curve) + _zero_reference(enhanced, low)


def _normalized(x: Tensor, weights: Weights, conv: str, norm: str,
                training: bool) -> Tensor:
    x = F.batch_norm(
        _conv(x, weights, conv),
        weights[f'{norm}.running_mean'],
        weights[f'{norm}.running_var'],
        weights[f'{norm}.weight'],
        weights[f'{norm}.bias'],
        training=training)
    return F.relu(x)


def sci(x: Tensor, weights: Weights, training: bool) -> Tensor:
    """SCI's illumination of images (N, 3, H, W), [0, 1]."""
    name = 'illumination'
    features = F.relu(_conv(x, weights, f'{name}.stem.0'))
    features = features + _normalized(features, weights, f'{name}.block.0',
                                      f'{name}.block.1', training)
    residual = torch.sigmoid(_conv(features, weights, f'{name}.head'))
    return torch.clamp(x + residual, 1e-4, 1)


def _sci_calibration(x: Tensor, weights: Weights) -> Tensor:
    name = 'calibration'
    features = _normalized(x, weights, f'{name}.stem.0', f'{name}.stem.1',
                           True)
    for _ in range(3):
        inner = _normalized(features, weights, f'{name}.block.0',
                            f'{name}.block.1', True)
        features = features + _normalized(inner, weights, f'{name}.block.3',
                                          f'{name}.block.4', True)
    return x - torch.sigmoid(_conv(features, weights, f'{name}.head'))


def _sci_smoothness(illumination: Tensor, image: Tensor) -> Tensor:
    loss = image.new_zeros(())
    for weight, change in _neighbours(illumination, image):
        loss = loss + torch.mean(
            weight * torch.sum(torch.abs(change), 1, keepdim=True))
    return loss


def _neighbours(illumination: Tensor,
                image: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Of each of 24: weights (N, 1, h, w), differences (N, 3, h, w)."""
    matrix = image.new_tensor([[0.257, -0.148, 0.439], [0.564, -0.291, -0.368],
                               [0.098, 0.439, -0.071]])
    bias = image.new_tensor([16 / 255, 128 / 255, 128 / 255])
    guide = (image.reshape(-1, 3) @ matrix + bias).view(image.shape)
    height, width = image.shape[-2:]
    for row in range(-2, 3):
        for column in range(-2, 3):
            if row == column == 0:
                continue
            rows = [slice(max(0, r), height + min(0, r)) for r in (row, -row)]
            columns = [
                slice(max(0, c), width + min(0, c)) for c in (column, -column)
            ]
            edge, change = (
                x[:, :, rows[0], columns[0]] - x[:, :, rows[1], columns[1]]
                for x in (guide, illumination))
            weight = torch.exp(
                torch.sum(torch.pow(edge, 2), 1, keepdim=True) / -200)
            yield weight, change


def sci_loss(low: Tensor, weights: Weights) -> Tensor:
    """SCI's three stages, without the last calibration, which is unused."""
    image = low
    loss = low.new_zeros(())
    for stage in range(3):
        illumination = sci(image, weights, training=True)
        loss = loss + 1.5 * F.mse_loss(illumination, image)
        loss = loss + _sci_smoothness(illumination, image)
        if stage < 2:
            enhanced = torch.clamp(low / illumination, 0, 1)
            image = low + _sci_calibration(enhanced, weights)
    return loss


def _operation(x: Tensor, weights: Weights, name: str, dilation: int = 1,
               residual: bool = False) -> Tensor:
    weight = weights[f'{name}.conv.weight']
    y = F.conv2d(
        x,
        weight,
        weights[f'{name}.conv.bias'],
        padding=weight.shape[-1] // 2 * dilation,
        dilation=dilation)
    return y + x if residual else y


def _activated(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.05)


def _ruas_cell(x: Tensor, weights: Weights, name: str) -> Tensor:
    first = _activated(x)
    x = _activated(
        _operation(x, weights, f'{name}.refine.0', residual=True) + x)
    second = _activated(
        _operation(
            x, weights, f'{name}.distil.1', dilation=2, residual=True))
    x = _activated(_operation(x, weights, f'{name}.refine.1') + x)
    third = _activated(_operation(x, weights, f'{name}.distil.2'))
    x = _activated(x + x)
    last = _activated(_operation(x, weights, f'{name}.last'))
    return _conv(
        torch.cat([first, second, third, last], 1), weights, f'{name}.fuse')


def ruas(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Enhanced images, noise left, and their illumination."""
    enhanced = x
    for step in range(3):
        padded = F.pad(enhanced, (0, 1, 0, 1))
        maximum = torch.max(padded[:, :, :-1], padded[:, :, 1:])
        maximum = torch.max(maximum[..., :-1], maximum[..., 1:])
        illumination = torch.sigmoid(
            _ruas_cell(maximum - 0.5 * (enhanced - x), weights,
                       f'illumination.cells.{step}'))
        illumination = torch.clamp(illumination, 0.001, 1)
        enhanced = torch.clamp(x / illumination, 0, 1)
    return enhanced, illumination


def ruas_loss(low: Tensor, weights: Weights) -> Tensor:
    """RUAS's losses of the illumination: 49 of its 50 iterations."""
    _, illumination = ruas(low, weights)
    loss = 0.5 * F.mse_loss(illumination, low)
    for weight, change in _neighbours(illumination, low):
        mean_weight, mean_change = (
            torch.mean(x, (1, 2, 3)) for x in (weight, torch.abs(change)))
        loss = loss + torch.mean(mean_weight * mean_change)
    return loss


def part_of(weights: Weights, prefix: str) -> Weights:
    """The weights whose names begin so, without that."""
    return {
        name.removeprefix(prefix): weight
        for name, weight in weights.items() if name.startswith(prefix)
    }


def _gan_stage(x: Tensor,
               weights: Weights,
               name: str,
               training: bool,
               attention: Tensor | None = None) -> Tensor:
    for number in (1, 2):
        x = F.leaky_relu(_conv(x, weights, f'{name}.conv{number}'), 0.2)
        norm = f'{name}.norm{number}'
        if f'{norm}.weight' in weights:
            x = F.batch_norm(x, weights[f'{norm}.running_mean'],
                             weights[f'{norm}.running_var'],
                             weights[f'{norm}.weight'],
                             weights[f'{norm}.bias'], training)
        if number == 1 and attention is not None:
            x = x * attention
    return x


def enlighten_gan(x: Tensor,
                  weights: Weights,
                  training: bool = False) -> Tensor:
    """Enhanced images of EnlightenGAN's generator; in training not cut."""
    height, width = x.shape[-2:]
    rows, columns = -height % 16, -width % 16
    top, left = rows // 2, columns // 2
    image = 2 * F.pad(
        x, (left, columns - left, top, rows - top), mode='reflect') - 1
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
    features = _gan_stage(features, weights, 'encoder.4', training,
                          attentions[4])
    for level, skip in enumerate(reversed(skips)):
        features = F.interpolate(features, scale_factor=2, mode='bilinear')
        features = _conv(features, weights, f'decoder.{level}.reduce')
        features = _gan_stage(
            torch.cat([features, skip], 1), weights, f'decoder.{level}.stage',
            training)
    image = image + _conv(features, weights, 'head') * attention
    image = (image[..., top:top + height, left:left + width] + 1) / 2
    return image if training else torch.clamp(image, 0, 1)


def _patch_gan(x: Tensor, weights: Weights) -> Tensor:
    """Scores by a PatchGAN without normalisation, of images in [0, 1]."""
    x = 2 * x - 1
    last = len(weights) // 2 - 1
    for layer in range(last):
        x = F.conv2d(
            x,
            weights[f'model.{layer}.conv.weight'],
            weights[f'model.{layer}.conv.bias'],
            stride=1 if layer == last - 1 else 2,
            padding=2)
        x = F.leaky_relu(x, 0.2)
    return F.conv2d(
        x,
        weights[f'model.{last}.weight'],
        weights[f'model.{last}.bias'],
        padding=2)


def _vgg_distance(x: Tensor, y: Tensor, weights: Weights) -> Tensor:
    """Of the normalised features of VGG-16's relu5_1."""
    features = []
    for image in (x, y):
        mean = image.new_tensor(MEAN).view(1, 3, 1, 1)
        std = image.new_tensor(STD).view(1, 3, 1, 1)
        image = (image - mean) / std
        for layer in (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24):
            if layer in (5, 10, 17):
                image = F.max_pool2d(image, 2)
            image = F.relu(_conv(image, weights, f'features.{layer}'))
        features.append(F.instance_norm(image))
    return F.mse_loss(*features)


def _least_squares(scores: Tensor, target: float) -> Tensor:
    return torch.mean((scores - target)**2)


def enlighten_gan_losses(
        low: Tensor, dimmed: Tensor, bright: Tensor, weights: Weights,
        corners: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """The generator's and the discriminators' losses of EnlightenGAN.

    Args:
        low: Dark images (N, 3, H, W), RGB, [0, 1].
        dimmed: What of them is enhanced: some with less light.
        bright: Well-exposed images of the same shape.
        weights: Of ``generator``, ``global_discriminator``,
            ``local_discriminator`` and ``extractor``, each with its name in
            front.
        corners: Row and column of the patches.
    """
    whole = part_of(weights, 'global_discriminator.')
    local = part_of(weights, 'local_discriminator.')
    extractor = part_of(weights, 'extractor.')
    enhanced = enlighten_gan(dimmed, part_of(weights, 'generator.'), True)
    low_patches, fake, real = (
        torch.cat(
            [batch[..., y:y + 32, x:x + 32] for y, x in corners])
        for batch in (low, enhanced, bright))

    real_scores = _patch_gan(bright, whole)
    fake_scores = _patch_gan(enhanced, whole)
    generator = (
        (_least_squares(real_scores - fake_scores.mean(), 0) +
         _least_squares(fake_scores - real_scores.mean(), 1)) / 2 +
        _least_squares(_patch_gan(fake, local), 1) +
        _vgg_distance(enhanced, low, extractor) +
        _vgg_distance(fake, low_patches, extractor))

    real_scores = _patch_gan(bright, whole)
    fake_scores = _patch_gan(enhanced.detach(), whole)
    discriminators = (
        (_least_squares(real_scores - fake_scores.mean(), 1) +
         _least_squares(fake_scores - real_scores.mean(), 0)) / 2 +
        (_least_squares(_patch_gan(real, local), 1) +
         _least_squares(_patch_gan(fake.detach(), local), 0)) / 2)
    return generator, discriminators
