"""The SDAG network: from an image to its reconstruction from features."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import denormalize
from mmsdag.registry import MODELS

from .coupling import CouplingBlock


@MODELS.register_module()
class SDAGNet(BaseModule):
    """Reconstruct an image from the early features of a recognizer.

    Frozen extractor, invertible coupling blocks, 1x1 convolution to RGB
    (Fig. 2 and Sec. 3 of Zheng et al., AAAI 2023, doi
    10.1609/aaai.v37i3.25479). An extractor with a stride needs
    ``stride ** 2`` times as many output channels, which a pixel shuffle
    spreads over the full resolution; with the authors' VGG extractor that is
    exactly their network.

    Args:
        extractor: Config of the extractor: :class:`VGGExtractor`, the
            default, or :class:`BackboneExtractor`.
        num_blocks: Number of coupling blocks.
        clamp: Bound of the blocks' log-scale.
        init_cfg: Weights of the whole network, for example
            ``dict(type='Pretrained', checkpoint=..., prefix='generator.')``.
    """

    def __init__(
        self,
        extractor: dict | None = None,
        num_blocks: int = 3,
        clamp: float = 0.8,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.extractor = MODELS.build(extractor or dict(type='mmsdag.VGGExtractor'))
        channels = self.extractor.out_channels
        self.blocks = nn.Sequential(*(CouplingBlock(channels, clamp) for _ in range(num_blocks)))
        self.head = nn.Conv2d(channels, 3 * self.extractor.stride**2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct images.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1], of any size.

        Returns:
            Reconstructions of the same shape, RGB, nominally [0, 1] but not
            clipped.
        """
        height, width = x.shape[-2:]
        stride = self.extractor.stride
        pad = (0, -width % stride, 0, -height % stride)
        if any(pad):
            x = F.pad(x, pad, mode='replicate')
        # Halves of their own, dense in memory.
        halves = tuple(
            half.contiguous(memory_format=torch.channels_last)
            for half in self.extractor(x).chunk(2, dim=1)
        )
        for block in self.blocks:
            halves = cast(CouplingBlock, block).couple(*halves)
        out = self.head(torch.cat(halves, dim=1))
        # The upcast keeps the 8-bit steps of an image under bf16 autocast.
        out = denormalize(F.pixel_shuffle(out, stride).float())
        return out[..., :height, :width]
