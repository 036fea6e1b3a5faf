"""The random darkness that MAET trains with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from mmsdag import functional as F
from mmsdag.functional import at_least_float32
from mmsdag.registry import TRANSFORMS

from .degradations import Degradation

#: XYZ to the colors of four cameras, of their DNG profiles, as in Brooks et
#: al., CVPR 2019; and linear sRGB to XYZ.
_CAMERAS = (
    ((1.0234, -0.2969, -0.2266), (-0.5625, 1.6328, -0.0469), (-0.0703, 0.2188, 0.6406)),
    ((0.4913, -0.0541, -0.0202), (-0.613, 1.3513, 0.2906), (-0.1564, 0.2151, 0.7183)),
    ((0.838, -0.263, -0.0639), (-0.2887, 1.0725, 0.2496), (-0.0627, 0.1427, 0.5438)),
    ((0.6596, -0.2079, -0.0562), (-0.4782, 1.3016, 0.1933), (-0.097, 0.1581, 0.5181)),
)
_SRGB = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.072175),
    (0.0193339, 0.119192, 0.9503041),
)
#: Mean and standard deviation of the light that is left.
_MEAN, _STD = 0.1, 0.08


@TRANSFORMS.register_module()
class MAETDegradation(Degradation):
    """Darken as MAET does (Cui et al., ICCV 2021), RGB or BGR.

    See :func:`mmsdag.functional.retake_in_the_dark`. Of each image, the light
    is N(0.1, 0.08²) within ``exposure``; the camera is one of four; gamma, the
    factors of white balance, the gain, the noise and the bits of the sensor
    are drawn from the ranges of the authors' code.

    Args:
        exposure: Least and most light, in (0, 1].
        channel_order: ``'bgr'``, as mmcv loads images, or ``'rgb'``.
        **kwargs: See :class:`Degradation`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self, exposure: tuple[float, float] = (0.01, 1.0), channel_order: str = 'bgr', **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        low, high = exposure
        if not 0 < low < high <= 1:
            raise ValueError(
                f'exposure={exposure!r} of MAETDegradation: must '
                'be (low, high) with 0 < low < high <= 1'
            )
        if channel_order not in ('bgr', 'rgb'):
            raise ValueError(
                f"channel_order={channel_order!r} of MAETDegradation: choose 'bgr' or 'rgb'"
            )
        self.exposure = (low, high)
        self.channel_order = channel_order

    def degrade_with_parameters(
        self, x: Tensor, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Degrade images and tell what was done.

        Args:
            x: (N, 3, H, W), [0, 1].
            generator: Draws everything.

        Returns:
            The dark images and (N, 4) numbers: exposure, 1 / gamma, and one
            over the factors of red and of blue.
        """
        n, device = len(x), None if generator is None else generator.device

        def uniform(low: float, high: float, *shape: int) -> Tensor:
            share = torch.rand(n, *shape, generator=generator, device=device)
            return (low + (high - low) * share).to(x)

        # The inverse of the normal distribution's cumulative function.
        bounds = (torch.tensor(self.exposure) - _MEAN) / _STD
        quantile = uniform(*torch.special.ndtr(bounds.double()).tolist())
        exposure = (_MEAN + _STD * torch.special.ndtri(quantile)).clamp(*self.exposure)
        gamma, red, blue = uniform(2.0, 3.5), uniform(1.9, 2.4), uniform(1.5, 1.9)
        gain = 0.8 + 0.1 * F.standard_normal((n,), generator).to(x)
        log_shot = uniform(-9.21034, -4.42285)  # of 0.0001 and 0.012
        read: Any = F.read_variance(log_shot.exp(), F.standard_normal((n,), generator).to(x))
        bits = 12 + 2 * uniform(0, 3).floor().clamp(max=2)
        camera = uniform(0, 4).floor().clamp(max=3).long()
        rounding = uniform(-1, 1, *x.shape[1:]) / (255 * bits).view(-1, 1, 1, 1)
        noise = F.standard_normal(x.shape, generator).to(x)
        is_bgr = self.channel_order == 'bgr'
        dark = F.retake_in_the_dark(
            x.flip(1) if is_bgr else x,
            _matrices().to(x)[camera],
            gamma,
            gain,
            torch.stack((red, torch.ones_like(red), blue), 1),
            exposure,
            log_shot.exp(),
            read,
            noise,
            rounding,
        )
        parameters = torch.stack((exposure, 1 / gamma, 1 / red, 1 / blue), 1)
        return dark.flip(1) if is_bgr else dark, parameters

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        image = at_least_float32(x)
        return self.degrade_with_parameters(image, generator)[0].to(x.dtype)


def _matrices() -> Tensor:
    """From linear sRGB to the colors of each camera, white to white."""
    matrices = torch.tensor(_CAMERAS) @ torch.tensor(_SRGB)
    return matrices / matrices.sum(-1, keepdim=True)
