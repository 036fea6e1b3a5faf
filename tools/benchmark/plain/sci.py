"""SCI, and its loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .common import Weights, conv, neighbors


def _normalized(x: Tensor, weights: Weights, layer: str, norm: str, training: bool) -> Tensor:
    x = F.batch_norm(
        conv(x, weights, layer),
        weights[f'{norm}.running_mean'],
        weights[f'{norm}.running_var'],
        weights[f'{norm}.weight'],
        weights[f'{norm}.bias'],
        training=training,
    )
    return F.relu(x)


def sci(x: Tensor, weights: Weights, training: bool) -> Tensor:
    """Estimate the illumination of images (N, 3, H, W), [0, 1]."""
    name = 'illumination'
    features = F.relu(conv(x, weights, f'{name}.stem.0'))
    features = features + _normalized(
        features, weights, f'{name}.block.0', f'{name}.block.1', training
    )
    residual = torch.sigmoid(conv(features, weights, f'{name}.head'))
    return torch.clamp(x + residual, 1e-4, 1)


def _sci_calibration(x: Tensor, weights: Weights) -> Tensor:
    name = 'calibration'
    features = _normalized(x, weights, f'{name}.stem.0', f'{name}.stem.1', True)
    for _ in range(3):
        inner = _normalized(features, weights, f'{name}.block.0', f'{name}.block.1', True)
        features = features + _normalized(
            inner, weights, f'{name}.block.3', f'{name}.block.4', True
        )
    return x - torch.sigmoid(conv(features, weights, f'{name}.head'))


def _sci_smoothness(illumination: Tensor, image: Tensor) -> Tensor:
    loss = image.new_zeros(())
    for weight, change in neighbors(illumination, image):
        loss = loss + torch.mean(weight * torch.sum(torch.abs(change), 1, keepdim=True))
    return loss


def sci_loss(low: Tensor, weights: Weights) -> Tensor:
    """Compute the loss of three stages; the last calibration is unused."""
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
