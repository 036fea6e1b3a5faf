"""Illumination-Adaptive Transformer (Cui et al., BMVC 2022)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.registry import MODELS

#: Probability of skipping a residual, in each of a branch's three blocks.
_DROP_RATES = (0.01, 0.05, 0.1)


@MODELS.register_module()
class IATNet(BaseModule):
    r"""Scale and shift each pixel, then mix colors and bend the curve.

    The local branch predicts maps :math:`m \ge 0` and :math:`a \in [-1, 1]`.
    The global branch, ten learned queries that attend to the image, predicts
    a 3x3 color matrix :math:`C` and an exponent :math:`\gamma`:

    .. math::
        e = \mathrm{clip}(C (m x + a), 10^{-8}, 1)^\gamma

    91,154 weights with the default widths; the paper says 90 K. After
    ``init_weights()`` :math:`C` is the identity and :math:`\gamma` is 1.

    Args:
        channels: Width of the local branch.
        init_cfg: Initial weights; see :class:`mmengine.model.BaseModule`.
    """

    def __init__(self, channels: int = 16, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.multiply = _local_branch(channels)
        self.add = _local_branch(channels)
        self.multiply_head = nn.Conv2d(channels, 3, 3, padding=1)
        self.add_head = nn.Conv2d(channels, 3, 3, padding=1)
        self.settings = _GlobalBranch(64)

    def init_weights(self) -> None:
        """Initialize as the authors do; ``init_cfg`` may then load others."""
        if not self.is_init:
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=0.02)
                elif isinstance(module, nn.Conv2d) and module.stride == (1, 1):
                    nn.init.kaiming_normal_(module.weight, mode='fan_out')
                    # fan_out does not know of groups.
                    module.weight.data *= module.groups**0.5
                else:
                    continue
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            nn.init.zeros_(self.settings.value.weight)
        super().init_weights()

    def forward(self, x: Tensor) -> Tensor:
        """Enhance images.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, 3, H, W), RGB, [0, 1], float32 or better. An exponent below
            0, which training may reach, exceeds 1.
        """
        scale, shift = self.local_maps(x)
        color, gamma = self.settings(x)
        # Products and powers are taken in float32, also under autocast.
        dtype = torch.promote_types(x.dtype, torch.float32)
        image = x.to(dtype) * scale.to(dtype) + shift.to(dtype)
        mixed = (color.to(dtype)[:, :, :, None, None] * image[:, None]).sum(2)
        return mixed.clamp(1e-8, 1) ** gamma.to(dtype)[:, :, None, None]

    def local_maps(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict factors >= 0 and summands in [-1, 1], (N, 3, H, W) each."""
        features = F.leaky_relu(self.stem(x), 0.2)
        scale = self.multiply_head(self.multiply(features) + features)
        shift = self.add_head(self.add(features) + features)
        return scale.relu(), shift.tanh()

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images and clip them to [0, 1]; see :meth:`forward`."""
        return self(x).clamp(0, 1)


class _LocalBlock(nn.Module):
    """Depthwise convolution in place of attention, and an MLP of pixels."""

    def __init__(self, channels: int, drop_rate: float) -> None:
        super().__init__()
        self.position = _depthwise(channels, 3)
        self.norm1 = _ColorNorm(channels)
        self.mix = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            _depthwise(channels, 5),
            nn.Conv2d(channels, channels, 1),
        )
        self.norm2 = _ColorNorm(channels)
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, 4 * channels, 1), nn.GELU(), nn.Conv2d(4 * channels, channels, 1)
        )
        self.scale1 = nn.Parameter(torch.full((channels, 1, 1), 1e-4))
        self.scale2 = nn.Parameter(torch.full((channels, 1, 1), 1e-4))
        self.drop_rate = drop_rate

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.position(x)
        x = x + self._dropped(self.scale1 * self.mix(self.norm1(x)))
        return x + self._dropped(self.scale2 * self.mlp(self.norm2(x)))

    def _dropped(self, residual: Tensor) -> Tensor:
        if not self.training:
            return residual
        # Of some images, the whole residual; the others make up for it.
        kept = 1 - self.drop_rate
        mask = residual.new_empty(len(residual), 1, 1, 1).bernoulli_(kept)
        return residual * (mask / kept)


class _ColorNorm(nn.Module):
    """Mix the channels by a matrix, then scale and shift them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.eye(channels))
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        kernel = (self.weight[:, None] * self.matrix)[:, :, None, None]
        return F.conv2d(x, kernel, self.bias)


class _GlobalBranch(nn.Module):
    """Predict a color matrix (N, 3, 3) and an exponent (N, 1) per image."""

    heads = 4

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Conv2d(3, channels // 2, 3, 2, 1),
            nn.BatchNorm2d(channels // 2),
            nn.GELU(),
            nn.Conv2d(channels // 2, channels, 3, 2, 1),
            nn.BatchNorm2d(channels),
        )
        self.position = _depthwise(channels, 3)
        self.norm1 = nn.LayerNorm(channels)
        self.queries = nn.Parameter(torch.ones(10, channels))
        self.key = nn.Linear(channels, channels, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.project = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels), nn.GELU(), nn.Linear(4 * channels, channels)
        )
        self.gamma_head = nn.Linear(channels, 1)
        self.color_head = nn.Linear(channels, 1)
        self.gamma = nn.Parameter(torch.ones(1))
        self.color = nn.Parameter(torch.eye(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # Channels last, as the gradients of the tokens: for a single image of
        # another layout, PyTorch 2.11 computes wrong gradients of batch
        # normalization in eval mode on a CPU.
        x = self.embed(x.contiguous(memory_format=torch.channels_last))
        x = x + self.position(x)
        tokens = self._attend(self.norm1(x.flatten(2).transpose(1, 2)))
        tokens = tokens + self.mlp(self.norm2(tokens))
        gamma = self.gamma_head(tokens[:, 0]) + self.gamma
        color = self.color_head(tokens[:, 1:]).view(-1, 3, 3) + self.color
        return color, gamma

    def _attend(self, tokens: Tensor) -> Tensor:
        number, length, channels = tokens.shape
        width = channels // self.heads
        # (N, heads, length, width); the queries are the same for all images.
        key, value = (
            linear(tokens).view(number, length, self.heads, width).transpose(1, 2)
            for linear in (self.key, self.value)
        )
        queries = self.queries.view(10, self.heads, width).transpose(0, 1)
        weights = (queries @ key.transpose(2, 3) * width**-0.5).softmax(-1)
        attended = (weights.to(value.dtype) @ value).transpose(1, 2)
        return self.project(attended.reshape(number, 10, channels))


def _local_branch(channels: int) -> nn.Sequential:
    return nn.Sequential(*(_LocalBlock(channels, rate) for rate in _DROP_RATES))


def _depthwise(channels: int, size: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, size, padding=size // 2, groups=channels)
