"""RUAS without its denoiser, and its loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .common import Weights, conv, neighbors


def _operation(
    x: Tensor, weights: Weights, name: str, dilation: int = 1, residual: bool = False
) -> Tensor:
    weight = weights[f'{name}.conv.weight']
    y = F.conv2d(
        x,
        weight,
        weights[f'{name}.conv.bias'],
        padding=weight.shape[-1] // 2 * dilation,
        dilation=dilation,
    )
    return y + x if residual else y


def _activated(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.05)


def _ruas_cell(x: Tensor, weights: Weights, name: str) -> Tensor:
    first = _activated(x)
    x = _activated(_operation(x, weights, f'{name}.refine.0', residual=True) + x)
    second = _activated(_operation(x, weights, f'{name}.distil.1', dilation=2, residual=True))
    x = _activated(_operation(x, weights, f'{name}.refine.1') + x)
    third = _activated(_operation(x, weights, f'{name}.distil.2'))
    x = _activated(x + x)
    last = _activated(_operation(x, weights, f'{name}.last'))
    return conv(torch.cat([first, second, third, last], 1), weights, f'{name}.fuse')


def ruas(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Compute enhanced images, without denoising, and their illumination."""
    enhanced = x
    for step in range(3):
        padded = F.pad(enhanced, (0, 1, 0, 1))
        maximum = torch.max(padded[:, :, :-1], padded[:, :, 1:])
        maximum = torch.max(maximum[..., :-1], maximum[..., 1:])
        illumination = torch.sigmoid(
            _ruas_cell(maximum - 0.5 * (enhanced - x), weights, f'illumination.cells.{step}')
        )
        illumination = torch.clamp(illumination, 0.001, 1)
        enhanced = torch.clamp(x / illumination, 0, 1)
    return enhanced, illumination


def ruas_loss(low: Tensor, weights: Weights) -> Tensor:
    """Compute the losses of the illumination, in 49 of 50 iterations."""
    _, illumination = ruas(low, weights)
    loss = 0.5 * F.mse_loss(illumination, low)
    for weight, change in neighbors(illumination, low):
        mean_weight, mean_change = (torch.mean(x, (1, 2, 3)) for x in (weight, torch.abs(change)))
        loss = loss + torch.mean(mean_weight * mean_change)
    return loss
