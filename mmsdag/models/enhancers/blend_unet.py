"""A small U-Net that brightens and denoises."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.registry import MODELS

#: Exponent and largest gain of the brightened versions.
_GAMMA, _MAX_GAIN = 2.2, 30.0


@MODELS.register_module()
class BlendUNet(BaseModule):
    r"""Blend an image with brightened versions of it and add a residual.

    A U-Net sees the image, its gamma-corrected version
    :math:`x^{1/2.2}`, the image scaled to a mean level, and its own mean
    level. It puts out, for each pixel, three weights :math:`a_k` (softmax)
    for these versions and a residual :math:`r`:

    .. math::
        e = \sum_k a_k\, v_k + r

    so that leaving the image alone, or brightening it without noise
    reduction, is one constant output away. At initialization the residual is
    0, and the weights are those of ``prior``.

    Args:
        channels: Width of the first level; the others have 2, 3 and 4 times
            as many. 16 makes 224,166 weights.
        prior: Initial logits of the weights: of the image, of its gamma
            correction, of the scaled version. By default each weight is 1/3;
            ``(3, 0, 0)`` begins near identity, with a weight of 0.91.
        level: Mean level, in (0, 1), of the scaled version; what is brighter
            is left as it is.
        per_channel: Scale each channel to that level by itself, which also
            removes a color cast.
        init_cfg: Initial weights; see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: If ``level`` is out of its range, or ``prior`` is not of
            three numbers.
    """

    #: Sides are padded to multiples of this.
    stride = 8

    def __init__(
        self,
        channels: int = 16,
        prior: Sequence[float] = (0.0, 0.0, 0.0),
        level: float = 0.4,
        per_channel: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if not 0 < level < 1:
            raise ValueError(f'level={level!r} of BlendUNet: must be between 0 and 1')
        if len(prior) != 3:
            raise ValueError(f'prior={prior!r} of BlendUNet: must be three logits')
        self.level = level
        self.per_channel = per_channel
        widths = [channels * (level + 1) for level in range(4)]
        self.encoder = nn.ModuleList(
            _double_conv(inputs, outputs) for inputs, outputs in zip([10, *widths], widths)
        )
        self.reduce = nn.ModuleList(
            nn.Conv2d(widths[level + 1], widths[level], 1) for level in range(3)
        )
        self.decoder = nn.ModuleList(_double_conv(2 * width, width) for width in widths[:3])
        self.context = nn.Linear(widths[3], widths[3])
        self.head = nn.Conv2d(widths[0], 6, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        self.head.bias = nn.Parameter(torch.tensor([*prior, 0.0, 0.0, 0.0]))

    def forward(self, x: Tensor) -> Tensor:
        """Enhance images.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, 3, H, W), RGB, nominally [0, 1] but not clipped: a clipped
            pixel would have no gradient.
        """
        height, width = x.shape[2:]
        # Powers and the blend are taken in float32 or better.
        image = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        mean = image.mean((1, 2, 3), keepdim=True)
        scaled = image.mean((2, 3), keepdim=True) if self.per_channel else mean
        gain = (self.level / scaled.clamp_min(0.01)).clamp(1, _MAX_GAIN)
        versions = (image, image.clamp_min(1e-4) ** (1 / _GAMMA), (image * gain).clamp(0, 1))
        inputs = torch.cat([*versions, mean.expand(-1, 1, height, width)], 1)
        outputs = self._run(inputs.to(x.dtype))[..., :height, :width]
        outputs = outputs.to(image.dtype, memory_format=torch.contiguous_format)
        weights = outputs[:, :3].softmax(1)
        return outputs[:, 3:] + sum(
            weights[:, index : index + 1] * version for index, version in enumerate(versions)
        )

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images and clip them to [0, 1]; see :meth:`forward`."""
        return self(x).clamp(0, 1)

    def _run(self, inputs: Tensor) -> Tensor:
        height, width = inputs.shape[2:]
        stride = self.stride
        features = F.pad(inputs, (0, -width % stride, 0, -height % stride), mode='replicate')
        # Convolutions want channels last, and neither the concatenation nor
        # the padding keeps the layout of the images.
        features = features.contiguous(memory_format=torch.channels_last)
        skips = []
        for level, block in enumerate(self.encoder):
            features = block(F.max_pool2d(features, 2) if level else features)
            skips.append(features)
        features = features + self.context(features.mean((2, 3)))[:, :, None, None]
        for level in (2, 1, 0):
            features = F.interpolate(self.reduce[level](features), scale_factor=2.0, mode='nearest')
            features = self.decoder[level](torch.cat((features, skips[level]), 1))
        return self.head(features)


def _double_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.LeakyReLU(0.1, True),
    )
