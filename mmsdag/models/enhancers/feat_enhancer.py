"""FeatEnHancer (Hashmi et al., ICCV 2023): features of three scales."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsdag.functional import IMAGENET_STD, normalize
from mmsdag.registry import MODELS

from .zero_dce_net import SymmetricConvs

#: Of the features; three for each summand of the image.
_MAPS, _HEADS = 24, 8
#: Shortest side: of the coarsest scale one pixel is left.
_MIN_SIZE = 15


@MODELS.register_module()
class FeatEnHancer(SymmetricConvs):
    r"""Add eight maps to an image, made of its features of three scales.

    Seven convolutions, those of Zero-DCE's network, are applied to the image,
    to a quarter and to an eighth of its size. Multi-head attention, pixel by
    pixel of a thirty-second, merges the first two scales
    (:class:`_ScaleAttention`); a skip connection adds the third. With
    :math:`N` the normalization of ImageNet's statistics and :math:`f_k` the
    eight groups of three channels,

    .. math::
        e = N^{-1}\Big(N(x) + \sum_k \tanh f_k(N(x))\Big)

    139,400 weights with the default width.

    Args:
        channels: Width of the hidden layers.
        init_cfg: Initial weights; by default normal, with a standard
            deviation of 0.02, as in the authors' code.
    """

    def __init__(self, channels: int = 32, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg or dict(type='Normal', layer='Conv2d', std=0.02))
        self.quarter = nn.Conv2d(3, 3, 7, 4)
        self.eighth = nn.Conv2d(3, 3, 3, 2)
        self.add_convs(channels, _MAPS)
        self.attention = _ScaleAttention(_MAPS)
        self.merge = nn.Conv2d(2 * _MAPS, channels, 3, padding=1)
        self.head = nn.Conv2d(channels, _MAPS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Enhance images.

        Args:
            x: (N, 3, H, W), RGB, [0, 1], sides of 15 pixels or more.

        Returns:
            (N, 3, H, W), RGB, nominally [0, 1] but not clipped: a clipped
            pixel would have no gradient. float32 or better.

        Raises:
            ValueError: If a side is shorter than 15 pixels.
        """
        size = x.shape[2:]
        if min(size) < _MIN_SIZE:
            raise ValueError(
                f'FeatEnHancer takes images of {_MIN_SIZE} pixels or more, '
                f'got {tuple(size)}: resize them first'
            )
        normalized = normalize(x)
        quarter = self.quarter(normalized)
        fine = self.convolve(normalized).relu()
        middle = self.convolve(quarter).relu()
        # Without ReLU, as in the authors' code.
        coarse = self.convolve(self.eighth(quarter))
        features = torch.cat((self.attention(fine, middle), _resized(coarse, size)), 1)
        maps = self.head(self.merge(features))
        dtype = torch.promote_types(x.dtype, torch.float32)
        # Sums are taken in float32, also under autocast.
        change = maps.to(dtype).tanh().unflatten(1, (-1, 3)).sum(1)
        return x.to(dtype) + change * change.new_tensor(IMAGENET_STD).view(3, 1, 1)

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images and clip them to [0, 1]; see :meth:`forward`."""
        return self(x).clamp(0, 1)


class _ScaleAttention(nn.Module):
    """Weigh the fine against the middle scale, head by head."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            nn.Conv2d(channels, channels, 7, 4), nn.Conv2d(channels, channels, 3, 2)
        )
        self.middle = nn.Conv2d(channels, channels, 3, 2)

    def forward(self, fine: Tensor, middle: Tensor) -> Tensor:
        # (N, 2, heads, channels of a head, h, w)
        scales = torch.stack((self.fine(fine), self.middle(middle)), 1)
        scales = scales.unflatten(2, (_HEADS, -1))
        product = (scales * scales[:, 1:]).sum(3, keepdim=True)
        weights = (product * scales.shape[3] ** -0.5).softmax(1)
        merged = (scales * weights.to(scales.dtype)).sum(1).flatten(1, 2)
        return fine + _resized(merged, fine.shape[2:])


def _resized(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size, mode='bilinear', align_corners=True)
