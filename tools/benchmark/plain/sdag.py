"""SDAG: reconstruction, and the loss of stage one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .common import MEAN, STD, Weights, conv


def _half_instance_norm_block(x: Tensor, weights: Weights, name: str) -> Tensor:
    out = conv(x, weights, f'{name}.conv1')
    first, second = torch.chunk(out, 2, dim=1)
    first = F.instance_norm(
        first, weight=weights[f'{name}.norm.weight'], bias=weights[f'{name}.norm.bias']
    )
    out = F.leaky_relu(torch.cat([first, second], dim=1), 0.2)
    out = F.leaky_relu(conv(out, weights, f'{name}.conv2'), 0.2)
    return out + conv(x, weights, f'{name}.identity')


def sdag(x: Tensor, weights: Weights) -> Tensor:
    """Reconstruct images (N, 3, H, W), RGB, [0, 1]."""
    mean = torch.tensor(MEAN, device=x.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=x.device).view(1, 3, 1, 1)
    x = conv((x - mean) / std, weights, 'extractor.features.0')
    x = conv(F.relu(x), weights, 'extractor.features.2')
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
    return conv(x, weights, 'head') * std + mean


def _similarity(x: Tensor, y: Tensor) -> Tensor:
    return F.cosine_similarity(x.flatten(1), y.flatten(1), dim=0)


def stage_one_loss(clean: Tensor, noise: Tensor, weights: Weights) -> Tensor:
    """Compute stage one's loss with both degradations, in three passes."""
    dark = clean ** (1 / 0.3)
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
