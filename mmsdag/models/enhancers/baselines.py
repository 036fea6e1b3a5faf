"""Plain baselines: gains, and denoising filters behind any enhancer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mmsdag.functional import linear_to_srgb, srgb_to_linear
from mmsdag.registry import MODELS

if TYPE_CHECKING:
    from mmsdag.models.loading import EnhancerLike


@MODELS.register_module()
class MeanScaleEnhancer(nn.Module):
    """Multiply each image by the gain that brings its mean to a level.

    One gain for all pixels, of the encoded (not linear) values; what exceeds
    white is clipped. Images that are brighter are left as they
    are.

    Args:
        mean: Mean over pixels and channels to reach, in (0, 1).
        max_gain: Largest gain, at least 1.
        per_channel: A gain for each channel, by its own mean. It removes the
            color cast of dark images: channels of an equal mean are the
            gray-world assumption.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self, mean: float = 0.4, max_gain: float = 30.0, per_channel: bool = False
    ) -> None:
        super().__init__()
        if not 0 < mean < 1 or max_gain < 1:
            raise ValueError(
                f'mean={mean!r}, max_gain={max_gain!r} of MeanScaleEnhancer: '
                'mean must be between 0 and 1, max_gain at least 1'
            )
        self.mean = mean
        self.max_gain = max_gain
        self.per_channel = per_channel

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images (N, 3, H, W), RGB, [0, 1]."""
        mean = x.mean((2, 3) if self.per_channel else (1, 2, 3), keepdim=True)
        gain = (self.mean / mean.clamp_min(1e-6)).clamp(1, self.max_gain)
        return (x * gain).clamp(0, 1)

    forward = enhance


@MODELS.register_module()
class InverseGainEnhancer(nn.Module):
    """Divide the linear light by a known exposure: an oracle.

    Undoes the darkening of
    :func:`mmsdag.functional.simulate_low_light`, not its noise.

    Args:
        exposure: Factor of the light that the image was taken with, in
            (0, 1].

    Raises:
        ValueError: If ``exposure`` is out of its range.
    """

    def __init__(self, exposure: float) -> None:
        super().__init__()
        if not 0 < exposure <= 1:
            raise ValueError(
                f'exposure={exposure!r} of InverseGainEnhancer: must be above 0 and at most 1'
            )
        self.exposure = exposure

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images (N, 3, H, W), sRGB, [0, 1]."""
        light = srgb_to_linear(x) / self.exposure
        return linear_to_srgb(light.clamp(0, 1))

    forward = enhance


def _bilateral(pixels: np.ndarray) -> np.ndarray:
    return cv2.bilateralFilter(pixels, 9, 75, 75)


def _non_local_means(pixels: np.ndarray) -> np.ndarray:
    # The filter takes Lab colors: BGR in, BGR out.
    bgr = cv2.fastNlMeansDenoisingColored(pixels[..., ::-1].copy(), None, 10, 10, 7, 21)
    return bgr[..., ::-1]


_FILTERS = dict(bilateral=_bilateral, nlm=_non_local_means)


@MODELS.register_module()
class DenoisedEnhancer(nn.Module):
    """Denoise what an enhancer returns by a filter of OpenCV, on a CPU.

    - ``'bilateral'``: ``cv2.bilateralFilter`` with a diameter of 9 pixels and
      both deviations 75 (Tomasi and Manduchi, ICCV 1998);
    - ``'nlm'``: ``cv2.fastNlMeansDenoisingColored`` with strength 10, patches
      of 7 and windows of 21 pixels (Buades, Coll and Morel, CVPR 2005).

    Images are rounded to 8 bits before the filter.

    Args:
        enhancer: The enhancer, without weights; see
            :func:`mmsdag.models.loading.network_config`. ``None`` denoises
            the image as it is.
        filter: ``'bilateral'`` or ``'nlm'``.

    Raises:
        ValueError: If there is no such filter.
    """

    def __init__(self, enhancer: EnhancerLike | None = None, filter: str = 'bilateral') -> None:
        super().__init__()
        if filter not in _FILTERS:
            raise ValueError(
                f'filter={filter!r} of DenoisedEnhancer: must be one of {", ".join(_FILTERS)}'
            )
        self.filter = filter
        from mmsdag.models.loading import load_enhancer  # imports enhancers

        self.enhancer = None if enhancer is None else load_enhancer(enhancer)

    @torch.no_grad()
    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images (N, 3, H, W), RGB, [0, 1], to 256 levels."""
        if self.enhancer is not None:
            x = self.enhancer.enhance(x)  # type: ignore[operator]
        pixels = (x.float().clamp(0, 1) * 255).round().to(torch.uint8)
        denoised = [
            _FILTERS[self.filter](np.ascontiguousarray(image))
            for image in pixels.permute(0, 2, 3, 1).cpu().numpy()
        ]
        batch = torch.from_numpy(np.stack(denoised)).permute(0, 3, 1, 2)
        return batch.to(x.device, x.dtype) / 255
