"""Zero-DCE (Guo et al., CVPR 2020): curve maps from a small network."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import apply_curves
from mmsdag.registry import MODELS


@MODELS.register_module()
class ZeroDCENet(BaseModule):
    """DCE-Net: seven 3x3 convolutions with symmetric skip concatenations.

    Args:
        channels: Width of the hidden layers.
        num_iters: How many times the curve is applied; the last layer has
            three maps for each.
        init_cfg: Weights; without it, N(0, 0.02) as the authors have it.
    """

    def __init__(self,
                 channels: int = 32,
                 num_iters: int = 8,
                 init_cfg: dict | None = None) -> None:
        super().__init__(
            init_cfg=init_cfg
            or dict(type='Normal', layer='Conv2d', std=0.02))
        self.num_iters = num_iters

        def conv(inputs: int, outputs: int) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, 3, padding=1)

        self.conv1 = conv(3, channels)
        self.conv2 = conv(channels, channels)
        self.conv3 = conv(channels, channels)
        self.conv4 = conv(channels, channels)
        self.conv5 = conv(2 * channels, channels)
        self.conv6 = conv(2 * channels, channels)
        self.conv7 = conv(2 * channels, 3 * num_iters)

    def curves(self, x: Tensor) -> Tensor:
        """Curve maps (N, 3 * num_iters, H, W), [-1, 1], of images ``x``."""
        x1 = _relu(self.conv1(x))
        x2 = _relu(self.conv2(x1))
        x3 = _relu(self.conv3(x2))
        x4 = _relu(self.conv4(x3))
        x5 = _relu(_conv_of_two(self.conv5, x3, x4))
        x6 = _relu(_conv_of_two(self.conv6, x2, x5))
        # In float32 even under autocast: eight squarings in half precision
        # would leave visible steps. Plane by plane, as the curves read it.
        maps = _conv_of_two(self.conv7, x1, x6).to(
            torch.promote_types(x.dtype, torch.float32),
            memory_format=torch.contiguous_format)
        return torch.tanh(maps)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance images and say how.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The enhanced images (N, 3, H, W), RGB, [0, 1], and the curve maps
            (N, 3 * num_iters, H, W), [-1, 1].
        """
        curves = self.curves(x)
        image = x.to(curves.dtype, memory_format=torch.contiguous_format)
        return apply_curves(image, curves, self.num_iters), curves

    def enhance(self, x: Tensor) -> Tensor:
        """The enhanced images alone."""
        return self(x)[0]


def _relu(x: Tensor) -> Tensor:
    # In place is faster in float32, and slower in bfloat16.
    return F.relu(x, inplace=x.dtype == torch.float32)


def _conv_of_two(conv: nn.Conv2d, x: Tensor, y: Tensor) -> Tensor:
    """``conv`` of two maps of one width, joined, without joining them."""
    of_x, of_y = conv.weight.chunk(2, dim=1)
    return F.conv2d(
        x, of_x, conv.bias, padding=conv.padding).add_(
            F.conv2d(y, of_y, padding=conv.padding))
