"""Training of Zero-IG (Shi et al., CVPR 2024)."""

from __future__ import annotations

import torch
from torch import Tensor

from mmsdag.functional import diagonal_halves
from mmsdag.models.base import UnsupervisedEditModel
from mmsdag.registry import MODELS

from .zero_ig_net import EPS, divide


@MODELS.register_module()
class ZeroIG(UnsupervisedEditModel):
    """Zero-IG with the seventeen terms of its authors' code, in eleven.

    Both denoisers learn from two half-size images of independent noise
    (:func:`mmsdag.functional.diagonal_halves`): one, denoised, should equal
    the other, and the half of the whole image after denoising.

    Args:
        generator: Config of the network.
        light_loss: Loss of the illumination; by default
            :class:`AdaptiveLightLoss`.
        smoothness_loss: Smoothness of the illumination along the image;
            weight 5.
        tv_loss: Total variation of the illumination; weight 1600.
        denoise_loss: Distance of a denoised half to what it should equal,
            four times; mean squared, of weight 2000, since the mean over two
            halves is half the authors' sum.
        color_loss: Distance of the colors before and after the second
            denoiser.
        kept_light_loss: Distance of the illumination before and after it;
            mean squared, weight 1000.
        texture_loss: Loss of the enhanced image's halves.
        noise_loss: Loss of what the second denoiser removes.
        **kwargs: See :class:`UnsupervisedEditModel`.
    """

    PARTS = dict(
        light_loss=dict(type='mmsdag.AdaptiveLightLoss'),
        smoothness_loss=dict(type='mmsdag.NeighborSmoothnessLoss', loss_weight=5.0),
        tv_loss=dict(type='mmsdag.IlluminationSmoothnessLoss', loss_weight=1600.0),
        denoise_loss=dict(type='mmsdag.MSELoss', loss_weight=2000.0),
        color_loss=dict(type='mmsdag.BlurredMSELoss'),
        kept_light_loss=dict(type='mmsdag.MSELoss', loss_weight=1000.0),
        texture_loss=dict(type='mmsdag.TextureConsistencyLoss'),
        noise_loss=dict(type='mmsdag.NoiseEnergyLoss'),
    )

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms.

        Args:
            inputs: (N, 3, H, W), RGB, [0, 1], at least 11x11.
        """
        _, quotient, light, denoised, noise = self.generator(inputs)
        # The quotient itself gets no gradient of what it is after denoising.
        refined, kept_light = _less(quotient, light, noise).split(3, 1)
        return dict(
            loss_light=self.light_loss(light, denoised),
            loss_smooth=self.smoothness_loss(light, denoised.detach()),
            loss_tv=self.tv_loss(light),
            **self._denoiser_losses(inputs, denoised),
            **self._refiner_losses(inputs, light, refined),
            loss_color=self.color_loss(refined, (denoised / light).clamp(0, 1).detach()),
            loss_kept_light=self.kept_light_loss(kept_light, light.detach()),
            loss_noise=self.noise_loss(refined, quotient),
        )

    def _denoiser_losses(self, inputs: Tensor, denoised: Tensor) -> dict[str, Tensor]:
        halves = torch.cat(diagonal_halves(inputs + EPS))
        clean = self.generator.without_noise(halves, inputs.dtype)
        return dict(
            loss_denoise=self.denoise_loss(clean, _other_half(halves - EPS)),
            loss_denoise_scale=self.denoise_loss(clean, torch.cat(diagonal_halves(denoised))),
        )

    def _refiner_losses(self, inputs: Tensor, light: Tensor, refined: Tensor) -> dict[str, Tensor]:
        lights = torch.cat(diagonal_halves(light))
        quotients = divide(torch.cat(diagonal_halves(inputs + EPS)), lights)
        noise = self.generator.noise_of(quotients, lights, inputs.dtype)
        clean = _less(quotients, lights, noise)
        pair = torch.cat([quotients, lights], 1).detach()
        first, second = diagonal_halves(refined)
        return dict(
            loss_refine=self.denoise_loss(clean, _other_half(pair)),
            loss_refine_scale=self.denoise_loss(clean[:, :3], torch.cat([first, second])),
            loss_texture=self.texture_loss(first, second),
        )


def _less(quotient: Tensor, light: Tensor, noise: Tensor) -> Tensor:
    """Subtract noise from a quotient and its illumination, as constants."""
    return (torch.cat([quotient, light], 1).detach() - noise).clamp(EPS, 1)


def _other_half(halves: Tensor) -> Tensor:
    """Exchange the first half of a batch for the second."""
    return halves.roll(len(halves) // 2, 0)
