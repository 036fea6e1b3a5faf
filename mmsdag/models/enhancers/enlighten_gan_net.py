"""EnlightenGAN (Jiang et al., TIP 2021): an attention-guided U-Net."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import at_least_float32
from mmsdag.registry import MODELS

#: What the four poolings divide sizes by, and the smallest side.
_STRIDE = 16
_LUMA = (0.299, 0.587, 0.114)
_INIT = [
    dict(type='Normal', layer='Conv2d', std=0.02),
    dict(type='Normal', layer='BatchNorm2d', mean=1.0, std=0.02),
]


@MODELS.register_module()
class EnlightenGANNet(BaseModule):
    """U-Net with attention to dark pixels.

    The attention, one minus luma, is a fourth input channel and weighs the
    skip connections and the residual that is added to the image. A side that
    16 does not divide is extended by reflection, as evenly as it can be, and
    cut back, as the authors do.

    Args:
        channels: Width at full resolution; it doubles with each of the four
            poolings.
        align_corners: How the decoder interpolates. The authors' code leaves
            it to PyTorch: false since 0.4, true in the 0.3.1 that they name.
        init_cfg: Weights; without it, convolutions N(0, 0.02) and scales of
            the normalization N(1, 0.02), as the authors have it.
    """

    def __init__(
        self,
        channels: int = 32,
        align_corners: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg or _INIT)
        self.align_corners = align_corners
        widths = [channels * 2**level for level in range(5)]
        self.encoder = nn.ModuleList(
            _Stage(inputs, width) for inputs, width in zip([4, *widths], widths)
        )
        self.decoder = nn.ModuleList(
            _Merge(width, last=width == channels) for width in reversed(widths[:-1])
        )
        self.head = nn.Conv2d(channels, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Enhance images for training, not clipped.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The same shape, RGB; [0, 1] is black to white, but values may lie
            outside.

        Raises:
            ValueError: If a side is shorter than 16 pixels.
        """
        height, width = x.shape[-2:]
        if height < _STRIDE or width < _STRIDE:
            raise ValueError(
                f'EnlightenGANNet takes images of {_STRIDE}x'
                f'{_STRIDE} pixels or more, not {height}x{width}'
            )
        rows, columns = -height % _STRIDE, -width % _STRIDE
        top, left = rows // 2, columns // 2
        padded = F.pad(x, (left, columns - left, top, rows - top), mode='reflect')
        attention = 1 - (padded * padded.new_tensor(_LUMA).view(3, 1, 1)).sum(1, keepdim=True)
        # The authors' images are in [-1, 1], twice as wide.
        residual = self._residual(2 * padded - 1, attention) * attention / 2
        return at_least_float32(x) + residual[..., top : top + height, left : left + width]

    def _residual(self, image: Tensor, attention: Tensor) -> Tensor:
        attentions = [attention]
        for _ in self.decoder:
            attentions.append(F.max_pool2d(attentions[-1], 2))
        *stages, bottom = self.encoder
        # Reflection lays images out plane by plane, which triples the time of
        # bfloat16 on a CPU.
        x = torch.cat([image, attention], 1).contiguous(memory_format=torch.channels_last)
        skips = []
        for stage, weight in zip(stages, attentions):
            x = stage(x)
            skips.append(x * weight.to(x.dtype))
            x = F.max_pool2d(x, 2)
        x = bottom(x, attentions[-1])
        for merge, skip in zip(self.decoder, reversed(skips)):
            x = F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=self.align_corners)
            x = merge(x, skip)
        return at_least_float32(self.head(x))

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images and clip them to [0, 1]."""
        return self(x).clamp(0, 1)


class _Stage(nn.Module):
    """Two times a 3x3 convolution, LeakyReLU and normalization."""

    def __init__(self, inputs: int, outputs: int, last: bool = False) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm2 = nn.Identity() if last else nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor, attention: Tensor | None = None) -> Tensor:
        x = self.norm1(_activate(self.conv1(x)))
        if attention is not None:
            x = x * attention.to(x.dtype)
        return self.norm2(_activate(self.conv2(x)))


class _Merge(nn.Module):
    """Halve the channels of the lower level and concatenate the skip."""

    def __init__(self, width: int, last: bool) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(2 * width, width, 3, padding=1)
        self.stage = _Stage(2 * width, width, last)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.stage(torch.cat([self.reduce(x), skip], 1))


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2, inplace=True)
