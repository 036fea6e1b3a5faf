"""Zero-DCE and Zero-DCE++, and their losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .common import Weights, conv
from .sdag import sdag


def zero_dce(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Enhance images (N, 3, H, W), [0, 1]; return the curve maps, too."""
    x1 = F.relu(conv(x, weights, 'conv1'))
    x2 = F.relu(conv(x1, weights, 'conv2'))
    x3 = F.relu(conv(x2, weights, 'conv3'))
    x4 = F.relu(conv(x3, weights, 'conv4'))
    x5 = F.relu(conv(torch.cat([x3, x4], 1), weights, 'conv5'))
    x6 = F.relu(conv(torch.cat([x2, x5], 1), weights, 'conv6'))
    curves = torch.tanh(conv(torch.cat([x1, x6], 1), weights, 'conv7'))
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
        groups=x.shape[1],
    )
    return conv(x, weights, f'{name}.point_conv')


def zero_dce_pp(x: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
    """Enhance images at full scale; return the shared curve map, too."""
    x1 = F.relu(_separable(x, weights, 'conv1'))
    x2 = F.relu(_separable(x1, weights, 'conv2'))
    x3 = F.relu(_separable(x2, weights, 'conv3'))
    x4 = F.relu(_separable(x3, weights, 'conv4'))
    x5 = F.relu(_separable(torch.cat([x3, x4], 1), weights, 'conv5'))
    x6 = F.relu(_separable(torch.cat([x2, x5], 1), weights, 'conv6'))
    curve = torch.tanh(_separable(torch.cat([x1, x6], 1), weights, 'conv7'))
    enhanced = x
    for _ in range(8):
        enhanced = enhanced + curve * (torch.pow(enhanced, 2) - enhanced)
    return enhanced, curve


def _spatial(enhanced: Tensor, low: Tensor) -> Tensor:
    pooled = [F.avg_pool2d(torch.mean(image, 1, keepdim=True), 4) for image in (low, enhanced)]
    loss = torch.zeros_like(pooled[0])
    for row, column in ((1, 0), (1, 2), (0, 1), (2, 1)):
        kernel = low.new_zeros(1, 1, 3, 3)
        kernel[0, 0, 1, 1] = 1
        kernel[0, 0, row, column] = -1
        before, after = (F.conv2d(p, kernel, padding=1) for p in pooled)
        loss = loss + torch.pow(before - after, 2)
    return loss.mean()


def _exposure(enhanced: Tensor) -> Tensor:
    gray = F.avg_pool2d(torch.mean(enhanced, 1, keepdim=True), 16)
    return torch.mean(torch.pow(gray - 0.6, 2))


def _color(enhanced: Tensor) -> Tensor:
    red, green, blue = torch.mean(enhanced, (2, 3)).unbind(1)
    differences = torch.stack((red - green, red - blue, green - blue))
    return torch.sqrt(torch.pow(torch.pow(differences, 2), 2).sum(0)).mean()


def _smoothness(curves: Tensor) -> Tensor:
    batch, channels, height, width = curves.shape
    rows = torch.pow(curves[:, :, 1:] - curves[:, :, :-1], 2).sum()
    columns = torch.pow(curves[..., 1:] - curves[..., :-1], 2).sum()
    return 2 * (rows / ((height - 1) * width) + columns / (height * (width - 1))) / batch


def guided_loss(low: Tensor, weights: Weights, frozen: Weights, guidance_weight: float) -> Tensor:
    """Compute Zero-DCE's four losses and SDAG's guidance of its output."""
    enhanced, curves = zero_dce(low, weights)
    guidance = F.l1_loss(sdag(enhanced, frozen), enhanced)
    return 200 * _smoothness(curves) + _zero_reference(enhanced, low) + guidance_weight * guidance


def _zero_reference(enhanced: Tensor, low: Tensor) -> Tensor:
    return _spatial(enhanced, low) + 5 * _color(enhanced) + 10 * _exposure(enhanced)


def zero_dce_pp_loss(low: Tensor, weights: Weights) -> Tensor:
    """Compute Zero-DCE++'s four losses."""
    enhanced, curve = zero_dce_pp(low, weights)
    return 1600 * _smoothness(curve) + _zero_reference(enhanced, low)
