"""Classical enhancers without weights."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mmsdag.functional import uint8_from_unit, unit_from_uint8
from mmsdag.registry import MODELS


@MODELS.register_module()
class GammaEnhancer(nn.Module):
    """Gamma correction, ``x ** (1 / gamma)``.

    Args:
        gamma: Above 1 to brighten; 2.2 is the usual gamma of displays.
        trainable: Make ``gamma`` a weight, to be learned from there: the
            smallest enhancer that can be trained, and guided.

    Raises:
        ValueError: If ``gamma`` is not positive.
    """

    def __init__(self, gamma: float = 2.2, trainable: bool = False) -> None:
        super().__init__()
        if not isinstance(gamma, (int, float)) or gamma <= 0:
            raise ValueError(f'gamma={gamma!r} of GammaEnhancer must be a positive number')
        # Its logarithm: no step of an optimizer makes gamma negative.
        log_gamma = torch.tensor(math.log(gamma))
        if trainable:
            self.log_gamma = nn.Parameter(log_gamma)
        else:
            self.register_buffer('log_gamma', log_gamma, persistent=False)

    @property
    def gamma(self) -> float:
        """Return the current exponent's gamma."""
        return float(self.log_gamma.exp())

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images (N, 3, H, W), RGB, [0, 1]."""
        return x.clamp(0, 1) ** torch.exp(-self.log_gamma)

    forward = enhance

    @torch.no_grad()
    def enhance_uint8(self, pixels: np.ndarray) -> np.ndarray:
        """Enhance (H, W, 3), RGB, uint8, by a table of all levels."""
        levels = np.arange(256, dtype=np.uint8)[:, None]
        enhanced = self.enhance(torch.from_numpy(unit_from_uint8(levels)))
        return cv2.LUT(pixels, uint8_from_unit(enhanced.numpy()))


class _LightnessEnhancer(nn.Module):
    """Base of enhancers of the lightness of 8-bit images, on the CPU."""

    #: OpenCV's conversions between RGB and a space with a lightness.
    to_space: int
    to_rgb: int
    #: Which channel of that space is the lightness.
    lightness: int

    @torch.no_grad()
    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images (N, 3, H, W), RGB, [0, 1], in 256 levels."""
        images = (x.clamp(0, 1) * 255).round().to(torch.uint8)
        enhanced = [self.enhance_uint8(image) for image in images.permute(0, 2, 3, 1).cpu().numpy()]
        batch = torch.from_numpy(np.stack(enhanced)).permute(0, 3, 1, 2)
        return batch.to(x.device, x.dtype) / 255

    def enhance_uint8(self, pixels: np.ndarray) -> np.ndarray:
        """Enhance (H, W, 3), RGB, uint8."""
        converted = cv2.cvtColor(pixels, self.to_space)
        lightness = cv2.extractChannel(converted, self.lightness)
        cv2.insertChannel(self.operator()(lightness), converted, self.lightness)
        return cv2.cvtColor(converted, self.to_rgb)

    @abstractmethod
    def operator(self) -> Callable[[np.ndarray], np.ndarray]:
        """Enhance a lightness channel (H, W), uint8."""


@MODELS.register_module()
class CLAHEEnhancer(_LightnessEnhancer):
    """Contrast limited adaptive histogram equalization of CIELAB's L.

    OpenCV's, on a CPU (Zuiderveld, Graphics Gems IV, 1994).

    Args:
        clip_limit: Largest bin of a tile's histogram, in multiples of the
            mean bin.
        tile_grid_size: Tiles along the width and the height.

    Raises:
        ValueError: If an argument is not positive.
    """

    to_space, to_rgb, lightness = cv2.COLOR_RGB2LAB, cv2.COLOR_LAB2RGB, 0

    def __init__(self, clip_limit: float = 2.0, tile_grid_size: Sequence[int] = (8, 8)) -> None:
        super().__init__()
        if clip_limit <= 0 or len(tile_grid_size) != 2 or min(tile_grid_size) < 1:
            raise ValueError(
                f'clip_limit={clip_limit}, tile_grid_size={tile_grid_size} of CLAHEEnhancer: must '
                'be positive, and two numbers of tiles'
            )
        self.clip_limit = clip_limit
        self.tile_grid_size = tuple(tile_grid_size)

    def operator(self) -> Callable[[np.ndarray], np.ndarray]:
        """Apply OpenCV's CLAHE, created here since it cannot be pickled."""
        return cv2.createCLAHE(self.clip_limit, self.tile_grid_size).apply


@MODELS.register_module()
class HistogramEqualizationEnhancer(_LightnessEnhancer):
    """Global histogram equalization of the luma (BT.601), by OpenCV."""

    to_space, to_rgb, lightness = cv2.COLOR_RGB2YCrCb, cv2.COLOR_YCrCb2RGB, 0

    def operator(self) -> Callable[[np.ndarray], np.ndarray]:
        """Apply OpenCV's equalization."""
        return cv2.equalizeHist


@MODELS.register_module()
class LIMEEnhancer(nn.Module):
    r"""LIME: divide by a refined illumination map.

    .. math::
        E = I \,/\, \hat T^\gamma, \quad T = \max_c I_c

    after Guo, Li and Ling (LIME, IEEE Transactions on Image Processing,
    2017). The refined :math:`\hat T` is OpenCV's guided filter of :math:`T`
    by itself (He, Sun and Tang, 2013), on a CPU, in place of their
    optimization; their denoising is left out.

    Args:
        gamma: Above 0, where nothing changes, to 1, where the brightest
            channel of each region becomes white.
        radius: Of the filter's window, in pixels.
        eps: Variance in a window, of values in [0, 1], that counts as an
            edge and is kept.

    Raises:
        ImportError: If this OpenCV has no guided filter.
        ValueError: For an argument out of its range.
    """

    def __init__(self, gamma: float = 0.8, radius: int = 15, eps: float = 1e-3) -> None:
        super().__init__()
        if not 0 < gamma <= 1 or radius < 1 or eps <= 0:
            raise ValueError(
                f'gamma={gamma}, radius={radius}, eps={eps} of LIMEEnhancer: '
                'must be positive, and gamma not above 1'
            )
        if not hasattr(cv2, 'ximgproc'):
            raise ImportError(
                "LIMEEnhancer needs OpenCV's guided filter, which is in its contrib modules: pip "
                'install opencv-contrib-python, of the version of opencv-python that is installed'
            )
        self.gamma = gamma
        self.radius = radius
        self.eps = eps

    @torch.no_grad()
    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images (N, 3, H, W), RGB, [0, 1]."""
        image = x.float().clamp(0, 1)
        refined = [self._refine(brightest) for brightest in image.amax(1).cpu().numpy()]
        illumination = torch.from_numpy(np.stack(refined)).to(x.device)
        divided = image / self._divisor(illumination[:, None])
        return divided.clamp(0, 1).to(x.dtype)

    @torch.no_grad()
    def enhance_uint8(self, pixels: np.ndarray) -> np.ndarray:
        """Enhance (H, W, 3), RGB, uint8; equals :meth:`enhance`, rounded."""
        image = torch.from_numpy(unit_from_uint8(pixels))
        red, green, blue = cv2.split(pixels)
        brightest = cv2.max(cv2.max(red, green), blue)
        illumination = torch.from_numpy(self._refine(unit_from_uint8(brightest)))
        # Not negative, and rounding to bytes clips.
        return uint8_from_unit(image.div_(self._divisor(illumination[..., None])).numpy())

    def _refine(self, brightest: np.ndarray) -> np.ndarray:
        return cv2.ximgproc.guidedFilter(brightest, brightest, self.radius, self.eps)

    def _divisor(self, illumination: Tensor) -> Tensor:
        # The darkest of 256 levels above black: nothing is divided by less.
        return illumination.clamp_min(1 / 255) ** self.gamma


@MODELS.register_module()
class MultiScaleRetinexEnhancer(nn.Module):
    r"""Multi-scale Retinex with color restoration (MSRCR).

    .. math::
        R_c = \log\frac{\alpha I_c}{\sum_j I_j} \;
              \frac1K \sum_k \left(\log I_c - \log(G_{\sigma_k} * I_c)\right)

    of :math:`I = 255 x + 1` (Jobson, Rahman and Woodell, IEEE Transactions on
    Image Processing, 1997). In place of its fixed gain and offset, which suit
    few images, each channel is stretched between two of its quantiles
    (Petro, Sbert and Morel, Multiscale Retinex, IPOL, 2014), whatever the
    gain and offset.

    Args:
        sigmas: Scales of the surrounds, in pixels.
        alpha: Strength of the color restoration.
        clip: Share of the pixels that become black, and of those that become
            white, in each channel.

    Raises:
        ValueError: For an argument out of its range.
    """

    def __init__(
        self,
        sigmas: Sequence[float] = (15.0, 80.0, 250.0),
        alpha: float = 125.0,
        clip: float = 0.01,
    ) -> None:
        super().__init__()
        if not sigmas or min(sigmas) <= 0 or alpha <= 0:
            raise ValueError(
                f'sigmas={sigmas}, alpha={alpha} of MultiScaleRetinexEnhancer must be positive'
            )
        if not 0 <= clip < 0.5:
            raise ValueError(f'clip={clip} of MultiScaleRetinexEnhancer: must be in [0, 0.5)')
        self.sigmas = tuple(sigmas)
        self.alpha = alpha
        self.clip = clip

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images (N, 3, H, W), RGB, [0, 1]."""
        dtype = torch.promote_types(x.dtype, torch.float32)
        image = x.to(dtype).clamp(0, 1) * 255 + 1
        surrounds = sum(_blur(image, sigma).log() for sigma in self.sigmas)
        retinex = image.log() - surrounds / len(self.sigmas)
        restoration = (self.alpha * image / image.sum(1, keepdim=True)).log()
        return self._stretch(restoration * retinex, x).to(x.dtype)

    def _stretch(self, retinex: Tensor, x: Tensor) -> Tensor:
        flat = retinex.flatten(2)
        count = flat.shape[-1]
        clipped = int(self.clip * count)
        low, high = (
            flat.kthvalue(k, dim=-1).values[..., None, None] for k in (1 + clipped, count - clipped)
        )
        # A channel of one value has nothing to stretch.
        return torch.where(high > low, (retinex - low) / (high - low).clamp_min(1e-12), x).clamp(
            0, 1
        )


def _blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (N, C, H, W), mirrored at the borders.

    A product in the Fourier domain, whose cost does not depend on ``sigma``.
    """
    height, width = images.shape[-2:]
    mirrored = torch.cat((images, images.flip(-1)), -1)
    mirrored = torch.cat((mirrored, mirrored.flip(-2)), -2)
    rows, columns = (
        torch.exp(-2 * (torch.pi * sigma * frequencies) ** 2)
        for frequencies in (
            torch.fft.fftfreq(2 * height, device=images.device),
            torch.fft.rfftfreq(2 * width, device=images.device),
        )
    )
    spectrum = torch.fft.rfft2(mirrored) * rows[:, None] * columns
    return torch.fft.irfft2(spectrum, s=mirrored.shape[-2:])[..., :height, :width]
