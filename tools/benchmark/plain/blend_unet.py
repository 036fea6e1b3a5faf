"""BlendUNet, and its training on darkened images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .common import Weights, conv


def _double_conv(x: Tensor, weights: Weights, name: str) -> Tensor:
    x = F.leaky_relu(conv(x, weights, f'{name}.0'), 0.1)
    return F.leaky_relu(conv(x, weights, f'{name}.2'), 0.1)


def blend_unet(x: Tensor, weights: Weights) -> Tensor:
    """Restore images (N, 3, H, W), [0, 1]; the result is not clipped."""
    height, width = x.shape[-2:]
    mean = torch.mean(x, (1, 2, 3), keepdim=True)
    gained = torch.clamp(x * torch.clamp(0.4 / torch.clamp(mean, min=0.01), 1, 30), 0, 1)
    versions = [x, torch.pow(torch.clamp(x, min=1e-4), 1 / 2.2), gained]
    features = torch.cat([*versions, mean.expand(-1, 1, height, width)], 1)
    features = F.pad(features, (0, -width % 8, 0, -height % 8), mode='replicate')
    skips = []
    for level in range(4):
        if level:
            features = F.max_pool2d(features, 2)
        features = _double_conv(features, weights, f'encoder.{level}')
        skips.append(features)
    context = F.linear(
        torch.mean(features, (2, 3)), weights['context.weight'], weights['context.bias']
    )
    features = features + context[:, :, None, None]
    for level in (2, 1, 0):
        features = F.interpolate(conv(features, weights, f'reduce.{level}'), scale_factor=2)
        features = torch.cat([features, skips[level]], 1)
        features = _double_conv(features, weights, f'decoder.{level}')
    outputs = conv(features, weights, 'head')[..., :height, :width]
    shares = torch.softmax(outputs[:, :3], 1)
    restored = outputs[:, 3:]
    for index, version in enumerate(versions):
        restored = restored + shares[:, index : index + 1] * version
    return restored


def blend_unet_loss(images: Tensor, weights: Weights) -> Tensor:
    """Compute the distance from images to themselves, darkened and restored."""
    dark = torch.pow(images, 1 / 0.3)
    return torch.mean(torch.abs(blend_unet(dark, weights) - images))
