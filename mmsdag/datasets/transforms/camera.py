"""Random degradations as varied as those of real photographs."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mmsdag import functional as F
from mmsdag.functional import camera
from mmsdag.registry import TRANSFORMS

from .degradations import Degradation, Draw, Level

#: Coarse grid of the local light, and the most lamps in an image.
_GRID, _LAMPS = 4, 3


@TRANSFORMS.register_module()
class CameraDegradation(Degradation):
    """Degrade well-lit photographs as if taken in the dark, each differently.

    Steps, in order: sRGB to linear light; white balance; less light, unevenly
    spread, with lamps; sensor noise; smoothing in the camera; sRGB; tone
    curve, contrast and black level; 8 bits; JPEG. A share of the images is
    returned unchanged, so that a network trained on them learns to leave good
    light alone.

    Each step applies to a random share of the images; the probability stands
    in parentheses below and is an argument ``p_<step>``.

    Args:
        keep: Share of the images that stay as they are.
        exposure: Factor of the light (log-uniform); 0.1 is 3.3 stops less.
        shot: Variance of the photon noise at full scale (log-uniform); the
            read noise follows by :func:`mmsdag.functional.read_variance`.
        relief: Natural logarithm of the range of the local light (0.5).
        lamp_radius: Standard deviation of a lamp's spot in units of the
            image's diagonal (0.3). A lamp restores the light around it.
        white_balance: Standard deviation of the logarithm of the channels'
            gains (0.3).
        smoothing: Standard deviation in pixels of the Gaussian that stands
            for the camera's noise reduction (0.3).
        tone: Exponent of the tone curve on sRGB values (0.5), as in
            ``x ** (1 / gamma)`` of the SDAG authors, whose gamma is 0.3. The
            light is then lowered by ``exposure ** (1 / tone)``, so that
            ``exposure`` describes the darkness of the file.
        contrast: Factor of the tone curve (0.3).
        black: Black level that is cut off or added as a veil (0.3).
        quality: Of the JPEG (0.5).
        probabilities: ``p_local``, ``p_lamp``, ``p_white_balance``,
            ``p_smoothing``, ``p_tone``, ``p_contrast``, ``p_black``,
            ``p_jpeg``, each in [0, 1].

    Raises:
        TypeError: For an unknown argument.
        ValueError: If a value is out of its range.
    """

    PROBABILITIES = dict(
        p_local=0.5,
        p_lamp=0.3,
        p_white_balance=0.3,
        p_smoothing=0.3,
        p_tone=0.5,
        p_contrast=0.3,
        p_black=0.3,
        p_jpeg=0.5,
    )

    def __init__(
        self,
        keep: float = 0.2,
        exposure: Level = (0.02, 1.0),
        shot: Level = (1e-5, 6e-3),
        relief: Level = (0.2, 2.0),
        lamp_radius: Level = (0.01, 0.15),
        white_balance: Level = 0.15,
        smoothing: Level = (0.4, 1.2),
        tone: Level = (0.7, 3.0),
        contrast: Level = (0.6, 1.0),
        black: Level = (0.002, 0.04),
        quality: Level = (40.0, 98.0),
        key: str = 'img',
        out_key: str | None = None,
        seed: int | None = None,
        **probabilities: float,
    ) -> None:
        super().__init__(key, out_key, seed)
        unknown = probabilities.keys() - self.PROBABILITIES.keys()
        if unknown:
            raise TypeError(
                f'CameraDegradation has no argument {sorted(unknown)[0]!r}; '
                f'probabilities are {", ".join(self.PROBABILITIES)}'
            )
        self.p = {**self.PROBABILITIES, **probabilities}
        for name, value in [('keep', keep), *self.p.items()]:
            if not 0 <= value <= 1:
                raise ValueError(
                    f'{name}={value!r} of CameraDegradation: must be a probability in [0, 1]'
                )
        self.keep = keep
        self.levels = dict(
            exposure=Draw('exposure', exposure),
            shot=Draw('shot', shot),
            relief=Draw('relief', relief, log=False, zero=True),
            lamp_radius=Draw('lamp_radius', lamp_radius),
            white_balance=Draw('white_balance', white_balance, log=False, zero=True),
            smoothing=Draw('smoothing', smoothing, log=False),
            tone=Draw('tone', tone),
            contrast=Draw('contrast', contrast, log=False),
            black=Draw('black', black, log=False, zero=True),
            quality=Draw('quality', quality, log=False),
        )

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        draw = _Drawer(self, x, generator)
        tone = draw.either('p_tone', 'tone')
        # A tone curve darkens by itself: the two share the exposure.
        exposure = draw('exposure') ** (1 / tone)
        light = F.srgb_to_linear(x.float()) * self._light(x, exposure, draw)
        light = F.add_poisson_gaussian_noise(
            light, *self._noise(draw), noise=draw.normal(x.shape)
        ).clamp(0, 1)
        if min(x.shape[2:]) > 3:
            sigma = draw('smoothing') * draw.chosen('p_smoothing')
            light = camera.gaussian_blur(light, sigma)
        dark = camera.tone_curve(
            F.linear_to_srgb(light),
            exponent=tone,
            black=draw('black') * draw.chosen('p_black') * draw.sign(),
            contrast=draw.either('p_contrast', 'contrast'),
        )
        dark = (dark * 255).round() / 255
        compressed = draw.chosen('p_jpeg').view(-1, 1, 1, 1) > 0
        dark = torch.where(compressed, camera.jpeg_round_trip(dark, draw('quality')), dark)
        kept = draw.uniform(len(x)).view(-1, 1, 1, 1) < self.keep
        return torch.where(kept, x, dark.to(x.dtype))

    @staticmethod
    def _light(x: Tensor, exposure: Tensor, draw: _Drawer) -> Tensor:
        """Draw the factor of the light at each pixel, (N, 3, H, W)."""
        n, size = len(x), x.shape[2:]
        relief = (draw('relief') * draw.chosen('p_local')).view(-1, 1, 1, 1)
        grid = (draw.uniform(n, 1, _GRID, _GRID) - 0.5) * relief
        radii = (
            draw.many('lamp_radius', _LAMPS)
            * draw.chosen('p_lamp')[:, None]
            * (draw.uniform(n, _LAMPS) < 0.7)
        )
        lamps = camera.lamp_map(draw.uniform(n, _LAMPS, 2), radii, size)
        ambient = exposure.view(-1, 1, 1, 1) * camera.light_map(grid, size)
        gains = (
            draw.normal((n, 3)) * (draw('white_balance') * draw.chosen('p_white_balance'))[:, None]
        )
        gains = gains - gains.mean(1, keepdim=True)
        return (ambient + (1 - ambient).clamp_min(0) * lamps) * gains.exp().view(n, 3, 1, 1)

    @staticmethod
    def _noise(draw: _Drawer) -> tuple[Tensor, Tensor]:
        shot = draw('shot')
        return shot, F.read_variance(  # type: ignore[return-value]
            shot, draw.normal((len(shot),))
        )

    def __repr__(self) -> str:
        return f'{type(self).__name__}(keep={self.keep}, {self.levels}, {self.p})'


class _Drawer:
    """Draw a batch's parameters on the device of its images.

    Args:
        owner: Has the levels and the probabilities.
        x: Images (N, 3, H, W).
        generator: Draws; ``None`` is the default one of the images' device,
            so that a training on a GPU does not wait for the CPU.
    """

    def __init__(self, owner: CameraDegradation, x: Tensor, generator: Generator | None) -> None:
        self.owner = owner
        self.n = len(x)
        self.device = x.device
        if generator is None and x.device.type == 'cuda':
            index = torch.cuda.current_device() if x.device.index is None else x.device.index
            generator = torch.cuda.default_generators[index]
        self.generator = generator

    def __call__(self, name: str) -> Tensor:
        """Values of a level, (N,)."""
        return self._values(name, self.n)

    def many(self, name: str, count: int) -> Tensor:
        """Values of a level, (N, count)."""
        return self._values(name, self.n * count).view(self.n, count)

    def _values(self, name: str, n: int) -> Tensor:
        values = self.owner.levels[name](n, self.generator)
        if isinstance(values, Tensor):
            return values.to(self.device)
        return torch.full((n,), values, device=self.device)

    def either(self, probability: str, name: str) -> Tensor:
        """Values of a level where its step applies, else 1; (N,)."""
        return torch.where(self.chosen(probability) > 0, self(name), 1.0)

    def chosen(self, probability: str) -> Tensor:
        """1 for the images to which a step applies, else 0; (N,)."""
        return (self.uniform(self.n) < self.owner.p[probability]).float()

    def sign(self) -> Tensor:
        """1 or -1, (N,)."""
        return torch.where(self.uniform(self.n) < 0.5, 1.0, -1.0)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1)."""
        device = 'cpu' if self.generator is None else self.generator.device
        return torch.rand(shape, generator=self.generator, device=device).to(self.device)

    def normal(self, shape: tuple[int, ...] | torch.Size) -> Tensor:
        """Standard normal numbers."""
        return F.standard_normal(shape, self.generator).to(self.device)
