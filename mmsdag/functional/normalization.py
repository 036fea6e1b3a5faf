"""Normalization of image tensors."""

from __future__ import annotations

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def _per_channel(values: tuple[float, ...], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1)


def normalize(
    x: Tensor, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD
) -> Tensor:
    """Subtract ``mean`` and divide by ``std``, channel by channel.

    Args:
        x: Images (..., 3, H, W), RGB, [0, 1].
        mean: Mean of each channel, in the units of ``x``.
        std: Standard deviation of each channel, in the units of ``x``.

    Returns:
        A tensor of the shape and dtype of ``x``.
    """
    return (x - _per_channel(mean, x)) / _per_channel(std, x)


def denormalize(
    x: Tensor, mean: tuple[float, ...] = IMAGENET_MEAN, std: tuple[float, ...] = IMAGENET_STD
) -> Tensor:
    """Undo :func:`normalize`: multiply by ``std`` and add ``mean``."""
    return x * _per_channel(std, x) + _per_channel(mean, x)
