"""SCI (Ma et al., CVPR 2022): self-calibrated illumination."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import at_least_float32, uint8_from_unit, unit_from_uint8
from mmsdag.registry import MODELS

#: The authors' initial weights.
INIT = [
    dict(type='Normal', layer='Conv2d', std=0.02),
    dict(type='Normal', layer='BatchNorm2d', mean=1.0, std=0.02),
]


def retinex(x: Tensor, illumination: Tensor) -> Tensor:
    """Divide images ``x`` by their illumination and clip them to [0, 1]."""
    return (at_least_float32(x) / illumination).clamp_(0, 1)


@MODELS.register_module()
class SCINet(BaseModule):
    """Illumination network, and the calibration network of its training.

    The blocks of each are one block applied again, stored once. Inference is
    the first stage alone, which does without calibration.

    Args:
        channels: Width of the illumination network.
        num_blocks: How many times its block is applied.
        init_cfg: Weights; without it, convolutions N(0, 0.02) and scales of
            the normalization N(1, 0.02), as the authors have it.
    """

    def __init__(
        self, channels: int = 3, num_blocks: int = 1, init_cfg: dict | list[dict] | None = None
    ) -> None:
        super().__init__(init_cfg=init_cfg or INIT)
        self.illumination = illumination_network(channels, num_blocks)
        self.calibration = _ResidualNet(
            _NormalizedConv(3, 16),
            nn.Sequential(*_NormalizedConv(16, 16), *_NormalizedConv(16, 16)),
            channels=16,
            num_blocks=3,
        )

    def illuminate(self, x: Tensor) -> Tensor:
        """Estimate the illumination (N, 3, H, W), [1e-4, 1], of ``x``."""
        return _added(self.illumination(x), at_least_float32(x)).clamp_(1e-4, 1)

    def calibrate(self, x: Tensor, enhanced: Tensor) -> Tensor:
        """Compute the next stage's input from an image and its result."""
        return at_least_float32(x) + (enhanced - self.calibration(enhanced))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the first stage.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The enhanced images, RGB, [0, 1], and their illumination,
            [1e-4, 1]; both (N, 3, H, W).
        """
        illumination = self.illuminate(x)
        return retinex(x, illumination), illumination

    def enhance(self, x: Tensor) -> Tensor:
        """Return the enhanced images alone."""
        return self(x)[0]

    @torch.no_grad()
    def enhance_uint8(self, pixels: np.ndarray) -> np.ndarray:
        """Enhance (H, W, 3), RGB, uint8; equals :meth:`enhance`, rounded."""
        unit = np.empty((1, *pixels.shape), np.float32)
        unit_from_uint8(pixels, unit[0])
        x = torch.from_numpy(unit).permute(0, 3, 1, 2)
        light = self.illuminate(x)
        # Neither is negative, and bytes clip above 1.
        enhanced = torch.div(x, light, out=light).permute(0, 2, 3, 1)
        return uint8_from_unit(enhanced.numpy()[0])


def illumination_network(
    channels: int, num_blocks: int, init_cfg: dict | list[dict] | None = None
) -> nn.Module:
    """Make a network from (N, 3, H, W) to the same, [0, 1], float32 at least.

    Args:
        channels: Width of the network.
        num_blocks: How many times its one residual block is applied.
        init_cfg: Weights; without it those of PyTorch.
    """
    return _ResidualNet(
        nn.Sequential(_conv(3, channels), nn.ReLU(inplace=True)),
        _NormalizedConv(channels, channels),
        channels,
        num_blocks,
        init_cfg,
    )


class _ResidualNet(BaseModule):
    """Stem, one residual block applied repeatedly, and a sigmoid.

    Maps (N, 3, H, W) to the same, [0, 1], at least in float32.
    """

    def __init__(
        self,
        stem: nn.Module,
        block: nn.Module,
        channels: int,
        num_blocks: int,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_blocks = num_blocks
        self.stem = stem
        self.block = block
        self.head = _conv(channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(self.num_blocks):
            x = _added(self.block(x), x)
        # In float32 even under autocast: images are divided by the result,
        # and half precision would leave visible steps.
        return at_least_float32(self.head(x)).sigmoid_()


def _added(new: Tensor, x: Tensor) -> Tensor:
    # In place unless a gradient may want what was there: SCI is so small
    # that fresh memory is a tenth of its time.
    return new + x if torch.is_grad_enabled() else new.add_(x)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


class _NormalizedConv(nn.Sequential):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(_conv(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        layers: Any = self
        conv, norm, relu = layers
        if norm.training:
            x = conv(x)
            if x.shape[1] < 8:
                # Statistics of few channels take a CPU twenty times as long
                # where the channels are last.
                x = relu(norm(x.contiguous()))
                return x.contiguous(memory_format=torch.channels_last)
            return relu(norm(x))
        # The same holds for normalization by known ones: into the kernel.
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        return relu(
            F.conv2d(
                x,
                conv.weight * scale.view(-1, 1, 1, 1),
                (conv.bias - norm.running_mean) * scale + norm.bias,
                padding=conv.padding,
            )
        )
