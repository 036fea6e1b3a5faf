"""Zero-IG (Shi et al., CVPR 2024): illumination between two denoisers."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import at_least_float32
from mmsdag.registry import MODELS

from .sci_net import INIT, illumination_network

#: Added to images, and the smallest value of every image that is computed.
EPS = 1e-4


@MODELS.register_module()
class ZeroIGNet(BaseModule):
    """Denoise an image, divide it by its illumination, denoise the quotient.

    Three networks (section 3 of the paper): a denoiser of three convolutions;
    SCI's illumination network, wider, which sees the denoised image; and a
    denoiser of the quotient of image and illumination, which sees both.
    86,572 weights.

    Args:
        channels: Width of the illumination network.
        noise_channels: Width of the denoisers.
        denoise: Whether the enhanced image is the denoised quotient or the
            quotient.
        init_cfg: Weights; without it those of the authors: the illumination
            network as SCI's, the denoisers as PyTorch has them.
    """

    def __init__(
        self,
        channels: int = 64,
        noise_channels: int = 48,
        denoise: bool = True,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.denoise = denoise
        self.denoiser = _denoiser(3, noise_channels)
        self.illumination = illumination_network(channels, 3, INIT)
        self.refiner = _denoiser(6, noise_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Enhance images, with all that the losses compare.

        The illumination's gradient stops at the first denoiser, which learns
        from its own losses alone.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            The enhanced images, RGB; the quotient of image and illumination;
            the illumination; the image without noise (each (N, 3, H, W),
            [1e-4, 1]); and the noise that was found in quotient and
            illumination, (N, 6, H, W). In float32 at least.
        """
        denoised = self.without_noise(at_least_float32(x) + EPS, x.dtype).clamp(EPS, 1)
        light = self.illuminate(denoised.detach().to(x.dtype))
        quotient = divide(at_least_float32(x) + EPS, light)
        noise = self.noise_of(quotient, light, x.dtype)
        enhanced = (quotient - noise[:, :3]).clamp(EPS, 1) if self.denoise else quotient
        return enhanced, quotient, light, denoised, noise

    def enhance(self, x: Tensor) -> Tensor:
        """Return the enhanced images alone; gradients pass everywhere."""
        image = at_least_float32(x) + EPS
        light = self.illuminate(self.without_noise(image, x.dtype).clamp(EPS, 1).to(x.dtype))
        quotient = divide(image, light)
        if not self.denoise:
            return quotient
        return (quotient - self.noise_of(quotient, light, x.dtype)[:, :3]).clamp(EPS, 1)

    def without_noise(self, image: Tensor, dtype: torch.dtype) -> Tensor:
        """Subtract the noise that the first denoiser finds; not clipped.

        Args:
            image: (N, 3, H, W), RGB, [0, 1].
            dtype: Type of the network's weights, or of its inputs under
                autocast.
        """
        return image - at_least_float32(self.denoiser(image.to(dtype)))

    def illuminate(self, x: Tensor) -> Tensor:
        """Estimate the illumination (N, 3, H, W), [1e-4, 1], of ``x``."""
        return self.illumination(x).clamp(EPS, 1)

    def noise_of(self, quotient: Tensor, light: Tensor, dtype: torch.dtype) -> Tensor:
        """Find noise, (N, 6, H, W), in a quotient and its illumination."""
        return at_least_float32(self.refiner(torch.cat([quotient, light], 1).to(dtype)))


def divide(x: Tensor, light: Tensor) -> Tensor:
    """Divide images by their illumination and clip them to [1e-4, 1]."""
    return (x / light).clamp(EPS, 1)


def _denoiser(inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, channels, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(channels, inputs, 1),
    )
