"""Zero-DCE++ (Li et al., TPAMI 2021): one curve map from a tiny network."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import apply_curves, conv_of_parts
from mmsdag.registry import MODELS


@MODELS.register_module()
class ZeroDCEPPNet(BaseModule):
    """DCE-Net of depthwise-separable convolutions, and one shared map.

    Args:
        channels: Width of the hidden layers.
        num_iters: How many times the curve is applied.
        scale_factor: The map is estimated on an image this many times
            smaller. A side that it does not divide is rounded up to whole
            pixels; the output has the input's size. (The authors crop.)
        init_cfg: Weights; without it PyTorch's defaults, as the authors have
            it: their N(0, 0.02) of Zero-DCE is switched off here.

    Raises:
        ValueError: If ``scale_factor`` is less than one or no whole number.
    """

    def __init__(
        self,
        channels: int = 32,
        num_iters: int = 8,
        scale_factor: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if not isinstance(scale_factor, int) or scale_factor < 1:
            raise ValueError(
                f'scale_factor={scale_factor!r} of ZeroDCEPPNet must be a whole number, one or more'
            )
        self.num_iters = num_iters
        self.scale_factor = scale_factor
        self.conv1 = _SeparableConv(3, channels)
        self.conv2 = _SeparableConv(channels, channels)
        self.conv3 = _SeparableConv(channels, channels)
        self.conv4 = _SeparableConv(channels, channels)
        self.conv5 = _SeparableConv(2 * channels, channels)
        self.conv6 = _SeparableConv(2 * channels, channels)
        self.conv7 = _SeparableConv(2 * channels, 3, relu=False)

    def curves(self, x: Tensor) -> Tensor:
        """Compute the curve map (N, 3, H, W), [-1, 1], of ``x``."""
        height, width = x.shape[-2:]
        scale = self.scale_factor
        if scale > 1:
            # Not by a factor, which would round down and stretch the map.
            smaller = ((height + scale - 1) // scale, (width + scale - 1) // scale)
            x = F.interpolate(x, smaller, mode='bilinear')
        x1 = self.conv1(x)
        x2 = self.conv2(x1)
        x3 = self.conv3(x2)
        x4 = self.conv4(x3)
        x5 = self.conv5(x3, x4)
        x6 = self.conv6(x2, x5)
        # As in ZeroDCENet: curves in float32, plane by plane.
        curve = torch.tanh(
            self.conv7(x1, x6).to(
                torch.promote_types(x.dtype, torch.float32), memory_format=torch.contiguous_format
            )
        )
        if scale > 1:
            curve = F.interpolate(curve, (height, width), mode='bilinear', align_corners=True)
        return curve

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance images; return the curve map too.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The enhanced images and the curve map that all iterations share,
            [-1, 1]; both (N, 3, H, W).
        """
        curve = self.curves(x)
        image = x.to(curve.dtype, memory_format=torch.contiguous_format)
        return apply_curves(image, curve, self.num_iters), curve

    def enhance(self, x: Tensor) -> Tensor:
        """Return the enhanced images alone."""
        return self(x)[0]


class _SeparableConv(nn.Module):
    """Depthwise 3x3 and pointwise 1x1 convolution, and a ReLU.

    Takes maps to be joined along their channels, and does not join them.
    """

    def __init__(self, inputs: int, outputs: int, relu: bool = True) -> None:
        super().__init__()
        self.relu = relu
        self.depth_conv = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs)
        self.point_conv = nn.Conv2d(inputs, outputs, 1)

    def forward(self, *parts: Tensor) -> Tensor:
        conv, widths = self.depth_conv, [part.shape[1] for part in parts]
        weights = conv.weight.split(widths)
        biases = cast(Tensor, conv.bias).split(widths)
        deep = [
            F.conv2d(part, weight, bias, padding=1, groups=width)
            for part, weight, bias, width in zip(parts, weights, biases, widths)
        ]
        return conv_of_parts(self.point_conv, *deep, relu=self.relu)
