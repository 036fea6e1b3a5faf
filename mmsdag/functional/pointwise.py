"""1x1 convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def pointwise_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute a 1x1 convolution, fast on a CPU too.

    There, in full precision and with the channels last in memory, it is a
    matrix product, whose gradient takes half as long as that of PyTorch's
    convolution. Elsewhere, and for an export, it is the convolution.

    Args:
        x: (N, C, H, W).
        weight: (D, C, 1, 1).
        bias: (D, ).

    Returns:
        (N, D, H, W).
    """
    if (
        x.device.type != 'cpu'
        or x.element_size() < 4
        or not x.is_contiguous(memory_format=torch.channels_last)
        or torch.jit.is_tracing()
    ):
        return F.conv2d(x, weight, bias)
    pixels, matrix = x.permute(0, 2, 3, 1), weight.flatten(1)
    if bias is None or len(bias) >= 16:
        return F.linear(pixels, matrix, bias).permute(0, 3, 1, 2)
    # Added to a few channels at a time, the bias takes several times as long
    # as the product; added to whole rows, as long.
    y = F.linear(pixels, matrix)
    rows = y.flatten(2) + bias.to(y.dtype).repeat(y.shape[2])
    return rows.view_as(y).permute(0, 3, 1, 2)
