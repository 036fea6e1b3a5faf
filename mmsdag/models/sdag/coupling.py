"""Invertible coupling block with half-instance-norm transforms."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import affine_coupling, coupling_gain, half_instance_norm_block


class HalfInstanceNormBlock(BaseModule):
    """Two 3x3 convolutions with half instance normalization.

    The block of HINet (Chen et al., CVPRW 2021) in the form that SDAG's
    authors use: conv - half instance norm - LeakyReLU - conv - LeakyReLU,
    plus a 1x1 convolution of the input. Both LeakyReLUs have a slope of 0.2.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output; even.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.identity = nn.Conv2d(in_channels, out_channels, 1)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm = nn.InstanceNorm2d(out_channels // 2, affine=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W).

        Args:
            x: Feature maps.
            residual: Added to the result; of its shape.
        """
        return half_instance_norm_block(
            x, self.conv1, self.norm, self.conv2, self.identity, residual
        )


class CouplingBlock(BaseModule):
    r"""Affine coupling of two halves of the channels.

    .. math::
        y_1 = x_1 + F(x_2), \quad
        s = c\,(2\sigma(H(y_1)) - 1), \quad
        y_2 = x_2 e^{s} + G(y_1)

    Args:
        channels: Channels of input and output; a multiple of 4, because each
            half is halved again by the instance norm.
        clamp: Bound ``c`` of the log-scale ``s``.

    Raises:
        ValueError: If ``channels`` does not divide.
    """

    def __init__(self, channels: int, clamp: float = 0.8) -> None:
        super().__init__()
        if channels % 4:
            raise ValueError(f'channels={channels} of the coupling block: must be a multiple of 4')
        self.clamp = clamp
        half = channels // 2
        self.f = HalfInstanceNormBlock(half, half)
        self.g = HalfInstanceNormBlock(half, half)
        self.h = HalfInstanceNormBlock(half, half)

    def forward(self, x: Tensor) -> Tensor:
        """Transform features (N, channels, H, W); the shape stays."""
        return torch.cat(self.couple(*x.chunk(2, dim=1)), dim=1)

    def couple(self, x1: Tensor, x2: Tensor) -> tuple[Tensor, Tensor]:
        """Compute both halves of the output from those of the input.

        A chain of blocks stays on halves: joining and parting them between
        the blocks would only copy.
        """
        y1 = self.f(x2, residual=x1)
        return y1, affine_coupling(x2, self.h(y1), self.g(y1), self.clamp)

    def inverse(self, y: Tensor) -> Tensor:
        """Recover the block's input from its output."""
        y1, y2 = y.chunk(2, dim=1)
        x2 = (y2 - self.g(y1)) / coupling_gain(self.h(y1), self.clamp)
        return torch.cat((y1 - self.f(x2), x2), dim=1)
