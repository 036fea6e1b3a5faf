"""Parts of several reference computations."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def conv(x: Tensor, weights: Weights, name: str) -> Tensor:
    """Convolve, with padding that keeps the size."""
    weight = weights[f'{name}.weight']
    return F.conv2d(x, weight, weights[f'{name}.bias'], padding=weight.shape[-1] // 2)


def part_of(weights: Weights, prefix: str) -> Weights:
    """Return the weights with a prefix, without the prefix."""
    return {
        name.removeprefix(prefix): weight
        for name, weight in weights.items()
        if name.startswith(prefix)
    }


def neighbors(illumination: Tensor, image: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, for each of 24 neighbors, the differences of illumination.

    Yields:
        Weights (N, 1, h, w), and differences (N, 3, h, w).
    """
    matrix = image.new_tensor(
        [[0.257, -0.148, 0.439], [0.564, -0.291, -0.368], [0.098, 0.439, -0.071]]
    )
    bias = image.new_tensor([16 / 255, 128 / 255, 128 / 255])
    guide = (image.reshape(-1, 3) @ matrix + bias).view(image.shape)
    height, width = image.shape[-2:]
    for row in range(-2, 3):
        for column in range(-2, 3):
            if row == column == 0:
                continue
            rows = [slice(max(0, r), height + min(0, r)) for r in (row, -row)]
            columns = [slice(max(0, c), width + min(0, c)) for c in (column, -column)]
            edge, change = (
                x[:, :, rows[0], columns[0]] - x[:, :, rows[1], columns[1]]
                for x in (guide, illumination)
            )
            weight = torch.exp(torch.sum(torch.pow(edge, 2), 1, keepdim=True) / -200)
            yield weight, change
