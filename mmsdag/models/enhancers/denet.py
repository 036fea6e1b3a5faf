"""DENet (Qin et al., ACCV 2022): enhance a Laplacian pyramid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.registry import MODELS


@MODELS.register_module()
class DENet(BaseModule):
    """Enhance the levels of a Laplacian pyramid, the coarsest one first.

    The global enhancement module corrects the coarsest level. A guide made of
    this level before and after the correction is scaled up from level to
    level, where the detail enhancement module scales and shifts features of
    the details by it. The levels are then added up again.

    45,020 weights with the default widths; the paper says 45 K.

    Args:
        channels: Width of the hidden layers, a multiple of 4.
        levels: Number of levels of details, each half as large as the last.
        init_cfg: Initial weights; see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: If ``channels`` is not a multiple of 4.
    """

    def __init__(self, channels: int = 32, levels: int = 3, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if channels % 4:
            raise ValueError(
                f'channels={channels} of DENet must be a multiple of 4: four kernels share them'
            )
        self.levels = levels
        #: Twice what the pyramid needs: mirroring takes three pixels.
        self.size_divisor = 2 ** (levels + 1)
        self.global_module = _GlobalEnhancement(channels)
        self.guide = _Guide(channels)
        self.scale_up = nn.ModuleList(nn.Conv2d(3, 3, 1, bias=False) for _ in range(levels))
        self.detail_modules = nn.ModuleList(_DetailEnhancement(channels) for _ in range(levels))

    def forward(self, x: Tensor) -> Tensor:
        """Enhance images.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, 3, H, W), RGB, nominally [0, 1] but not clipped: a clipped
            pixel would have no gradient. float32 or better.
        """
        height, width = x.shape[2:]
        divisor = self.size_divisor
        padded = F.pad(x, (0, -width % divisor, 0, -height % divisor), mode='replicate')
        # The pyramid is built and added up in float32, also under autocast.
        details, low = laplacian_pyramid(
            padded.to(torch.promote_types(x.dtype, torch.float32)), self.levels
        )
        low_input = low.to(x.dtype)
        corrected = self.global_module(low_input)
        guide = self.guide(torch.cat((low_input, corrected), 1))
        image = corrected.to(low.dtype)
        for scale_up, enhance, detail in zip(self.scale_up, self.detail_modules, reversed(details)):
            guide = scale_up(
                F.interpolate(guide, scale_factor=2.0, mode='bilinear', align_corners=True)
            )
            residual = enhance(detail.to(x.dtype), guide)
            image = _double(image) + detail + residual.to(detail.dtype)
        return image[..., :height, :width]

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images and clip them to [0, 1]; see :meth:`forward`."""
        return self(x).clamp(0, 1)


def laplacian_pyramid(x: Tensor, levels: int) -> tuple[list[Tensor], Tensor]:
    """Split images into details of several scales and a coarse rest.

    Args:
        x: (N, C, H, W), sides that are multiples of ``2**(levels + 1)``.
        levels: Number of levels of details.

    Returns:
        The details, the finest first, each of half the size of the last, and
        the rest, of half the size of the last details.
    """
    details = []
    for _ in range(levels):
        low = _blur(x)[..., ::2, ::2]
        details.append(x - _double(low))
        x = low
    return details, x


def _double(x: Tensor) -> Tensor:
    """Double the sides: zeros between the pixels, then a blur."""
    n, channels, height, width = x.shape
    # (N, C, H, 1, W, 1) to (N, C, H, 2, W, 2).
    spread = F.pad(x[:, :, :, None, :, None] * 4, (0, 1, 0, 0, 0, 1))
    return _blur(spread.reshape(n, channels, 2 * height, 2 * width))


def _blur(x: Tensor) -> Tensor:
    """Convolve rows and columns with (1, 4, 6, 4, 1) / 16, mirrored."""
    height, width = x.shape[2:]
    # Not by conv2d, which autocast would run in half precision.
    padded = F.pad(x, (0, 0, 2, 2), mode='reflect')
    x = _weighted([padded[:, :, i : i + height] for i in range(5)])
    padded = F.pad(x, (2, 2, 0, 0), mode='reflect')
    return _weighted([padded[..., i : i + width] for i in range(5)])


def _weighted(shifted: list[Tensor]) -> Tensor:
    outer = shifted[0] + shifted[4]
    inner = shifted[1] + shifted[3]
    return outer / 16 + inner / 4 + shifted[2] * 0.375


class _GlobalEnhancement(nn.Module):
    """Correct the coarsest level with kernels of four sizes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1),
            nn.LeakyReLU(),
            nn.Conv2d(16, channels, 3, padding=1),
            nn.LeakyReLU(),
        )
        self.scales = nn.ModuleList(
            nn.Conv2d(channels, channels // 4, size, padding=size // 2) for size in (1, 3, 5, 7)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(channels, 16, 3, padding=1), nn.LeakyReLU(), nn.Conv2d(16, 3, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        features = self.encoder(x)
        features = torch.cat([conv(features) for conv in self.scales], 1)
        return (x + self.decoder(features)).relu()


class _Guide(nn.Module):
    """Three maps of the coarsest level, attended to by position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(6, channels, 3, padding=1), nn.LeakyReLU())
        self.attention = nn.Conv2d(2, 1, 3, padding=1, bias=False)
        self.decode = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        features = self.encode(x)
        summary = torch.cat((features.mean(1, keepdim=True), features.amax(1, keepdim=True)), 1)
        return self.decode(self.attention(summary).sigmoid() * features)


class _DetailEnhancement(nn.Module):
    """A residual of the details, whose features the guide modulates."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.LeakyReLU())
        self.scale = nn.Conv2d(3, channels, 3, padding=1)
        self.shift = nn.Conv2d(3, channels, 3, padding=1)
        self.decode = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        features = self.encode(x)
        features = features + features * self.scale(guide) + self.shift(guide)
        return self.decode(features)
