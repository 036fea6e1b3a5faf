"""FRBNet (Sun et al., NeurIPS 2025): features filtered by frequency."""

from __future__ import annotations

import math

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import at_least_float32, filter_frequencies, frequencies
from mmsdag.registry import MODELS


@MODELS.register_module()
class FRBNet(BaseModule):
    r"""Fuse an image with its log channel ratios, filtered by frequency.

    The logarithms of R/G, G/B and R/B do not depend on how much light there
    is. Their spectra are multiplied by a learned filter
    (:class:`RadialBasisFilter`), which takes away the constant part: the
    color of the light. Convolutions fuse these features with ones of the
    image into three channels.

    9,357 weights with the default number of functions. The authors feed the
    three channels to the detector as they are; here a sigmoid makes an image
    of them, which any recognizer and any guidance takes. The output of an
    untrained network is gray: train it with the recognizer.

    Args:
        functions: Number of radial basis functions of the filter.
        init_cfg: Initial weights; see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: If ``functions`` is below 2.
    """

    def __init__(self, functions: int = 10, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if functions < 2:
            raise ValueError(
                f'functions={functions} of FRBNet must be 2 or more: their centers run from 0 to 1'
            )
        self.filter = RadialBasisFilter(functions)
        self.spatial = _features()
        self.spectral = _features()
        self.fuse = nn.Sequential(
            nn.Conv2d(48, 32, 3, padding=1, groups=2),
            nn.BatchNorm2d(32),
            nn.LeakyReLU(),
            nn.Conv2d(32, 3, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Make an image for a recognizer.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, 3, H, W), (0, 1), float32 or better. The three channels have
            no colors unless guidance gives them some.
        """
        filtered = self.filtered_ratios(x).to(x.dtype)
        fused = self.fuse(torch.cat((self.spatial(x), self.spectral(filtered)), 1))
        return fused.to(torch.promote_types(x.dtype, torch.float32)).sigmoid()

    def enhance(self, x: Tensor) -> Tensor:
        """See :meth:`forward`."""
        return self(x)

    def filtered_ratios(self, x: Tensor) -> Tensor:
        """Filter the log ratios of two channels.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, 3, H, W), float32 or better: R/G, G/B and R/B.
        """
        image = at_least_float32(x)
        red, green, blue = image.clamp_min(1e-6).log().split(1, 1)
        ratios = torch.cat((red - green, green - blue, red - blue), 1)
        return self.filter(ratios)


class RadialBasisFilter(nn.Module):
    r"""Multiply spectra by a magnitude and a phase that are learned.

    Both are sums of Gaussians of the radius :math:`r \in [0, 1]` of a
    frequency, whose centers :math:`\mu_k` are evenly spaced, with a direction
    :math:`\theta`:

    .. math::
        \sum_k \sigma(g_k)\, c_k\, e^{-(r - \mu_k)^2 / 2 b^2}\,
        (1 + 0.05 (\cos\theta + \sin\theta))

    with coefficients :math:`c_k`, gates :math:`g_k` and a width :math:`b`. A
    wide Gaussian window attenuates high frequencies, and the frequency 0 is
    removed. Initially the coefficients are 0, and so is the result.

    Args:
        functions: Number of Gaussians.
    """

    #: Initial width of the window, in cycles per pixel: no frequency is
    #: attenuated. The authors take a fifth of the first image's shorter side.
    window = 100.0
    centers: Tensor

    def __init__(self, functions: int) -> None:
        super().__init__()
        self.magnitude = nn.Parameter(torch.zeros(functions))
        self.phase = nn.Parameter(torch.zeros(functions))
        self.magnitude_gate = nn.Parameter(torch.ones(functions))
        self.phase_gate = nn.Parameter(torch.ones(functions))
        self.log_width = nn.Parameter(torch.zeros(()))
        self.log_window = nn.Parameter(torch.tensor(math.log(self.window)))
        self.register_buffer('centers', torch.linspace(0, 1, functions), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Filter maps (N, C, H, W), float32 or float64."""
        return filter_frequencies(x, *self.response(x))

    def response(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Magnitude and phase for maps ``x``, each (H, W // 2 + 1)."""
        vertical, horizontal = frequencies(x.shape[-2:], x)
        radius = (vertical**2 + horizontal**2).sqrt()
        share = radius / radius.amax()
        width = self.log_width.to(x).exp() + 1e-6
        distance = (share - self.centers.to(x)[:, None, None]) / width
        basis = (distance**2 / -2).exp()
        # Of the frequency 0, which is removed, any angle will do.
        angle = torch.atan2(vertical, horizontal + 1e-8)
        direction = 1 + 0.05 * (angle.cos() + angle.sin())
        magnitude, phase = (
            ((gate.sigmoid() * coefficient).to(x)[:, None, None] * basis).sum(0) * direction
            for gate, coefficient in (
                (self.magnitude_gate, self.magnitude),
                (self.phase_gate, self.phase),
            )
        )
        window = (-((radius / self.log_window.to(x).exp()) ** 2)).exp()
        return magnitude * window * (radius > 0), phase


def _features() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24), nn.LeakyReLU())
