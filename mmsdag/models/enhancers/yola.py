"""YOLA (Hong et al., NeurIPS 2024): illumination-invariant features."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import at_least_float32
from mmsdag.registry import MODELS


@MODELS.register_module()
class YOLANet(BaseModule):
    r"""Fuse an image with features that the illumination does not change.

    Light that varies slowly multiplies neighboring pixels by about the same
    factor, which cancels in differences of logarithms of two channels
    (:meth:`invariant_features`). Convolutions fuse these features with ones
    of the image into three channels.

    8,715 weights with the default widths. The authors feed the three
    channels to the detector as they are; here a sigmoid makes an image of
    them, which any recognizer and any guidance takes. The output of an
    untrained network is gray: train it with the recognizer.

    Args:
        kernel_size: Side of the eight kernels, odd.
        init_cfg: Initial weights; see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: If ``kernel_size`` is even.
    """

    def __init__(self, kernel_size: int = 3, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if kernel_size % 2 == 0:
            raise ValueError(
                f'kernel_size={kernel_size} of YOLANet must be odd, so that features fit the image'
            )
        self.kernel = nn.Parameter(torch.empty(8, 1, kernel_size, kernel_size))
        width = 3 * len(self.kernel)  # of three pairs of channels
        nn.init.kaiming_normal_(self.kernel)
        self.norm = nn.BatchNorm2d(width)
        nn.init.constant_(self.norm.weight, 0.01)
        self.project = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.LeakyReLU()
        )
        self.fuse = nn.Sequential(
            nn.Conv2d(2 * width, 32, 3, padding=1, groups=2),
            nn.BatchNorm2d(32),
            nn.LeakyReLU(),
            nn.Conv2d(32, 3, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Compute an image for a recognizer.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, 3, H, W), (0, 1), float32 or better. The three channels have
            no colors unless guidance gives them some.
        """
        features = torch.cat((self.project(x), self.invariant_features(x)), 1)
        fused = self.fuse(features)
        return fused.to(torch.promote_types(x.dtype, torch.float32)).sigmoid()

    def enhance(self, x: Tensor) -> Tensor:
        """See :meth:`forward`."""
        return self(x)

    def invariant_features(self, x: Tensor) -> Tensor:
        r"""Convolve log ratios of two channels with kernels of mean zero.

        The ratios are R/G, G/B and R/B. Their features are set to 0 where R,
        G and B, in this order, are 0, as the authors' code does.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, 24, H, W), normalized over the batch.
        """
        image = at_least_float32(x)
        red, green, blue = (image + 1e-7).log().split(1, 1)
        # Of the logarithms' difference, not the difference of two
        # convolutions: the same, with half of the work.
        ratios = torch.cat((red - green, green - blue, red - blue), 1)
        kernel = self.kernel - self.kernel.mean((1, 2, 3), keepdim=True)
        features = F.conv2d(
            ratios.to(x.dtype), kernel.repeat(3, 1, 1, 1), padding=kernel.shape[-1] // 2, groups=3
        )
        is_black = (x == 0).repeat_interleave(len(kernel), 1)
        return self.norm(features).masked_fill(is_black, 0)
