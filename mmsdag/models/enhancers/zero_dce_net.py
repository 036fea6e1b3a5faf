"""Zero-DCE (Guo et al., CVPR 2020): curve maps from a small network."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import apply_curves, conv_of_parts
from mmsdag.registry import MODELS


class SymmetricConvs(BaseModule):
    """Base of networks with DCE-Net's convolutions, ``conv1`` to ``conv7``."""

    def add_convs(self, channels: int, outputs: int) -> None:
        """Add seven 3x3 convolutions.

        Args:
            channels: Width of the hidden layers.
            outputs: Maps of the last one.
        """
        inputs = [3, *[channels] * 3, *[2 * channels] * 3]
        widths = [*[channels] * 6, outputs]
        for number, sizes in enumerate(zip(inputs, widths), 1):
            self.add_module(f'conv{number}', nn.Conv2d(*sizes, 3, padding=1))

    def convolve(self, x: Tensor) -> Tensor:
        """Apply them with symmetric skip concatenations, the last without ReLU."""
        x1 = conv_of_parts(self.conv1, x, relu=True)
        x2 = conv_of_parts(self.conv2, x1, relu=True)
        x3 = conv_of_parts(self.conv3, x2, relu=True)
        x4 = conv_of_parts(self.conv4, x3, relu=True)
        x5 = conv_of_parts(self.conv5, x3, x4, relu=True)
        x6 = conv_of_parts(self.conv6, x2, x5, relu=True)
        return conv_of_parts(self.conv7, x1, x6, relu=False)


@MODELS.register_module()
class ZeroDCENet(SymmetricConvs):
    """DCE-Net: seven 3x3 convolutions with symmetric skip concatenations.

    Args:
        channels: Width of the hidden layers.
        num_iters: How many times the curve is applied; the last layer has
            three maps for each.
        init_cfg: Weights; without it, N(0, 0.02) as the authors have it.
    """

    def __init__(
        self, channels: int = 32, num_iters: int = 8, init_cfg: dict | None = None
    ) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Normal', layer='Conv2d', std=0.02))
        self.num_iters = num_iters
        self.add_convs(channels, 3 * num_iters)

    def curves(self, x: Tensor) -> Tensor:
        """Compute curve maps (N, 3 * num_iters, H, W), [-1, 1], of ``x``."""
        # In float32 even under autocast: eight squarings in half precision
        # would leave visible steps. Plane by plane, as the curves read it.
        maps = self.convolve(x).to(
            torch.promote_types(x.dtype, torch.float32), memory_format=torch.contiguous_format
        )
        return torch.tanh(maps)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance images; return the curve maps too.

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
        """Return the enhanced images alone."""
        return self(x)[0]
