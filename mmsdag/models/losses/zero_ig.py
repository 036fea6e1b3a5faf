"""Losses that only Zero-IG uses (Shi et al., CVPR 2024).

They follow the authors' code, which has more terms than the paper.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsdag.functional import local_deviation, local_mean, residual_energy, wide_blur
from mmsdag.registry import MODELS

#: Weights of the blue, green and red channel as the authors apply them, to
#: red, green and blue; 0.144 is theirs too.
_LUMA = (0.144, 0.587, 0.299)


@MODELS.register_module()
class AdaptiveLightLoss(nn.Module):
    r"""Train an illumination that brightens the image to a mean of 0.5.

    The gain of an image :math:`I` of mean :math:`\bar I` is :math:`g = 0.5 /
    \bar I`, in [1, 25]. The illumination :math:`L` should be
    :math:`(gI)^g\,0.7^{-g} / g`, and :math:`I / L`, at most 0.8, be
    :math:`gI`.

    Args:
        light_weight: Weight of the mean squared distance of :math:`L`.
        quotient_weight: Weight of the mean squared distance of :math:`I / L`.
    """

    def __init__(self, light_weight: float = 700.0, quotient_weight: float = 1000.0) -> None:
        super().__init__()
        self.light_weight = light_weight
        self.quotient_weight = quotient_weight

    def forward(self, light: Tensor, image: Tensor) -> Tensor:
        """Return the loss as a scalar; the image gets no gradient.

        Args:
            light: Illumination, (N, 3, H, W), (0, 1].
            image: Its image, (N, 3, H, W), RGB, [0, 1].
        """
        image = image.detach()
        gain = (0.5 / (_luma(image).mean((1, 2, 3), keepdim=True) + 1e-9)).clamp(1, 25)
        wanted = (image * gain) ** gain * (0.7**-gain / gain)
        quotient = (image / light).clamp(1e-9, 0.8)
        return self.light_weight * F.mse_loss(
            light, wanted.clamp(1e-9, 1)
        ) + self.quotient_weight * F.mse_loss(quotient, (image * gain).clamp(1e-9, 1))


@MODELS.register_module()
class TextureConsistencyLoss(nn.Module):
    """Smooth two halves of an image where their textures differ.

    Where the local standard deviations of their luminance agree, the second
    half should equal the first; elsewhere each should equal its local mean.
    Over squares of 5x5 pixels.

    Args:
        threshold: Least agreement of equal textures, at most 1.
        loss_weight: Weight of the mean squared distances.
    """

    def __init__(self, threshold: float = 0.975, loss_weight: float = 10000.0) -> None:
        super().__init__()
        self.threshold = threshold
        self.loss_weight = loss_weight

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the loss of two (N, 3, H, W), RGB, [0, 1], as a scalar."""
        agree = self.agreement(first, second)
        own = torch.where(agree, first, local_mean(first))
        other = torch.where(agree, first, local_mean(second))
        return self.loss_weight * (F.mse_loss(first, own) + F.mse_loss(second, other))

    @torch.no_grad()
    def agreement(self, first: Tensor, second: Tensor) -> Tensor:
        """Return where the textures agree, (N, 1, H, W), bool."""
        one, two = (local_deviation(_luma(x)) for x in (first, second))
        return 2 * one * two / (one.square() + two.square() + 1e-5) > self.threshold


@MODELS.register_module()
class BlurredMSELoss(nn.Module):
    """Mean squared distance of two blurred images: compare their colors.

    Args:
        loss_weight: Weight of the term.
    """

    def __init__(self, loss_weight: float = 10000.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """Return the loss of two (N, C, H, W) as a scalar."""
        return self.loss_weight * F.mse_loss(wide_blur(image), wide_blur(target))


@MODELS.register_module()
class NoiseEnergyLoss(nn.Module):
    """Match the energy of the removed noise to the local variation of the image.

    See :func:`mmsdag.functional.residual_energy`.

    Args:
        loss_weight: Weight of the mean squared distance.
    """

    def __init__(self, loss_weight: float = 1000.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, denoised: Tensor, image: Tensor) -> Tensor:
        """Return the loss of two (N, C, H, W), [0, 1], as a scalar."""
        return self.loss_weight * F.mse_loss(
            residual_energy(image), residual_energy(denoised - image)
        )


def _luma(x: Tensor) -> Tensor:
    return (x * x.new_tensor(_LUMA).view(3, 1, 1)).sum(1, keepdim=True)
