"""Degradations of low-light photography for pipelines and for models.

The arithmetic is in :mod:`mmsdag.functional.degradations`; a class here holds
the parameters, or draws them, and calls it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, Union

import numpy as np
import torch
from torch import Generator, Tensor

from mmsdag import functional as F
from mmsdag.registry import TRANSFORMS

from .base import Transform

Level = Union[float, Sequence[float]]
Number = Union[float, Tensor]

# What an array of each kind calls white.
_WHITE = {'uint8': 255, 'uint16': 65535, 'float32': 255, 'float64': 255}


class Degradation(Transform):
    """Base of the degradations.

    Args:
        key: The image to degrade in a pipeline.
        out_key: Where to put the degraded copy. Defaults to ``key`` itself.
        seed: None draws from PyTorch's default generator, so that whatever
            seeds the data worker or the model decides. A number makes the
            degradation a fixed function of it and of the ``sample_idx`` in
            ``results`` (of it alone for tensors): the same image gets the
            same noise in every epoch and worker, as a test set needs it.
    """

    def __init__(
        self, key: str = 'img', out_key: str | None = None, seed: int | None = None
    ) -> None:
        if seed is not None and (not isinstance(seed, int) or seed < 0):
            raise ValueError(
                f'{type(self).__name__}: seed={seed!r} must be None or a whole number from 0'
            )
        self.key = key
        self.out_key = key if out_key is None else out_key
        self.seed = seed

    def degrade(self, x: Tensor, generator: Generator | None = None) -> Tensor:
        """Degrade images, each with parameters of its own.

        Args:
            x: (N, C, H, W) or (C, H, W), RGB or BGR, [0, 1], floating point,
                on any device.
            generator: Draws parameters and noise, in place of ``seed``. One
                of the CPU gives the same values on every device.

        Returns:
            Images of the shape, dtype and device of ``x``.
        """
        if x.ndim not in (3, 4):
            raise ValueError(
                f'{type(self).__name__} takes images (N, C, H, W)'
                f' or (C, H, W), got {tuple(x.shape)}'
            )
        if generator is None:
            generator = self._seeded()
        if x.ndim == 3:
            return self._degrade(x[None], generator)[0]
        return self._degrade(x, generator)

    def transform(self, results: dict) -> dict:
        """Degrade ``results[key]``, (H, W, C), BGR or RGB, of any mmcv dtype.

        uint8 and uint16 are rounded and clipped; float32 and float64 are
        taken in [0, 255], as mmcv does, and stay unclipped.
        """
        image = self._image(results)
        white = _WHITE[image.dtype.name]
        pixels = np.array(
            image.transpose(2, 0, 1), dtype=np.result_type(image.dtype, np.float32), order='C'
        )
        degraded = self.degrade(
            torch.from_numpy(pixels).div_(white), self._seeded(self._index(results))
        )
        pixels = degraded.mul_(white).permute(1, 2, 0).numpy()
        if image.dtype.kind == 'u':
            pixels = pixels.round().clip(0, white)
        results[self.out_key] = np.ascontiguousarray(pixels, image.dtype)
        if f'{self.key}_channel_order' in results:
            results[f'{self.out_key}_channel_order'] = results[f'{self.key}_channel_order']
        return results

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        """Degrade (N, C, H, W)."""
        raise NotImplementedError

    def _index(self, results: dict) -> int:
        """Return the number of an image, which seeds it beside ``seed``."""
        return results.get('sample_idx', 0)

    def _seeded(self, *index: int) -> Generator | None:
        if self.seed is None:
            return None
        entropy = np.random.SeedSequence((self.seed, *index))
        return Generator().manual_seed(int(entropy.generate_state(1)[0]))

    def _image(self, results: dict) -> np.ndarray:
        name = type(self).__name__
        if self.key not in results:
            raise KeyError(
                f'{name}: no {self.key!r} among the keys {sorted(results)}; '
                'load it earlier in the pipeline, or set key'
            )
        image = results[self.key]
        if not isinstance(image, np.ndarray) or image.dtype.name not in _WHITE:
            kind = getattr(image, 'dtype', type(image).__name__)
            raise TypeError(
                f'{name}: {self.key!r} must be an array of {", ".join(_WHITE)}, got {kind}'
            )
        if image.ndim != 3:
            raise ValueError(f'{name}: {self.key!r} must be (H, W, C), got {image.shape}')
        return image


class Draw:
    """A parameter: one value for all images, or a range to draw from.

    Args:
        name: For messages.
        value: A number, or (low, high).
        log: Whether it is the logarithm that is uniform in the range.
        zero: Whether 0 is a value.
    """

    def __init__(self, name: str, value: Level, log: bool = True, zero: bool = False) -> None:
        bounds = value if isinstance(value, Sequence) else (value, value)
        if len(bounds) != 2 or not all(isinstance(b, Real) for b in bounds):
            raise TypeError(f'{name}={value!r}: give a number, or a range of two, (low, high)')
        self.low, self.high = (float(bound) for bound in bounds)
        self.log = log
        if not 0 <= self.low <= self.high < math.inf:
            raise ValueError(
                f'{name}={value!r}: give a finite number that is '
                'not negative, or a range (low, high) of them'
            )
        if self.low == 0 and not (zero and (self.high == 0 or not log)):
            raise ValueError(f'{name}={value!r} must be above 0')

    def __call__(self, n: int, generator: Generator | None) -> Number:
        """Return the value, or a tensor (n,) on the generator's device."""
        if self.low == self.high:
            return self.low
        device = 'cpu' if generator is None else generator.device
        share = torch.rand(n, generator=generator, device=device, dtype=torch.float32)
        if self.log:
            return self.low * (self.high / self.low) ** share
        return self.low + (self.high - self.low) * share

    def __repr__(self) -> str:
        fixed = self.low == self.high
        return repr(self.low if fixed else (self.low, self.high))


@TRANSFORMS.register_module()
class GammaDegradation(Degradation):
    """Low lightness, ``x ** (1 / gamma)``.

    Args:
        gamma: A value or a range (log-uniform); below 1 darkens. Defaults to
            the SDAG authors' 0.3.
        per_channel: Draw a value for each channel. This adds a color cast, as
            enhancers with a separate curve per channel do. Not in the paper.
        **kwargs: See :class:`Degradation`.
    """

    def __init__(self, gamma: Level = 0.3, per_channel: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gamma = Draw('gamma', gamma)
        self.per_channel = per_channel

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        shape = x.shape[:2] if self.per_channel else x.shape[:1]
        gamma = self.gamma(shape.numel(), generator)
        if isinstance(gamma, Tensor):
            gamma = gamma.view(shape)
        return F.darken_gamma(x, gamma)


@TRANSFORMS.register_module()
class GaussianNoiseDegradation(Degradation):
    """White noise, ``x + sigma * normal``.

    Args:
        sigma: Standard deviation for images in [0, 1], a value or a range
            (uniform). Defaults to the SDAG authors' 50/255.
        **kwargs: See :class:`Degradation`.
    """

    def __init__(self, sigma: Level = 50 / 255, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sigma = Draw('sigma', sigma, log=False, zero=True)

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        sigma = self.sigma(len(x), generator)
        return F.add_gaussian_noise(x, sigma, generator=generator)


@TRANSFORMS.register_module()
class PoissonGaussianNoiseDegradation(Degradation):
    """A sensor's noise, of variance ``shot * x + read``.

    Args:
        shot: Variance of the photon noise at white, a value or a range
            (log-uniform). Defaults to the range of Brooks et al., CVPR 2019.
        read: Variance of the read noise, a value or a range (log-uniform).
            None draws what goes with the shot noise in the cameras of Brooks
            et al.: :func:`mmsdag.functional.read_variance`.
        **kwargs: See :class:`Degradation`.
    """

    def __init__(
        self, shot: Level = (0.0001, 0.012), read: Level | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.shot = Draw('shot', shot, zero=True)
        self.read = None if read is None else Draw('read', read, zero=True)

    def draw(self, x: Tensor, generator: Generator | None) -> tuple[Number, Number]:
        """Draw shot and read variance for images (N, C, H, W)."""
        shot = self.shot(len(x), generator)
        if self.read is not None:
            return shot, self.read(len(x), generator)
        spread = F.standard_normal((len(x),), generator)
        return shot, F.read_variance(shot, spread)

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        shot, read = self.draw(x, generator)
        return F.add_poisson_gaussian_noise(x, shot, read, generator=generator)


@TRANSFORMS.register_module()
class LowLightDegradation(Degradation):
    """Low light and noise together, in one of two orders.

    - ``'authors'``: the SDAG authors' two factors after each other,
      :class:`GammaDegradation` and :class:`GaussianNoiseDegradation`.
    - ``'camera'``: :func:`mmsdag.functional.simulate_low_light`. The light is
      lowered and the noise added where they happen, in linear light.

    Args:
        order: ``'authors'`` or ``'camera'``.
        key, out_key, seed: See :class:`Degradation`.
        **levels: Of ``'authors'``: ``gamma`` and ``sigma``. Of ``'camera'``:
            ``exposure``, the factor of the light, a value or a range
            (log-uniform), by default 0.1, where the distribution of Cui et
            al., ICCV 2021, has its center; ``shot`` and ``read``, see
            :class:`PoissonGaussianNoiseDegradation`; ``bits`` of the dark
            file, 0 for no rounding.
    """

    DEFAULTS: dict[str, dict[str, Any]] = dict(
        authors=dict(gamma=0.3, sigma=50 / 255),
        camera=dict(exposure=0.1, shot=(0.0001, 0.012), read=None, bits=8),
    )

    def __init__(
        self,
        order: str = 'authors',
        key: str = 'img',
        out_key: str | None = None,
        seed: int | None = None,
        **levels: Level | None,
    ) -> None:
        super().__init__(key, out_key, seed)
        if order not in self.DEFAULTS:
            raise ValueError(
                f'LowLightDegradation: order={order!r} is none of {", ".join(self.DEFAULTS)}'
            )
        values = {**self.DEFAULTS[order], **levels}
        if len(values) > len(self.DEFAULTS[order]):
            raise ValueError(
                f'LowLightDegradation: order={order!r} takes '
                f'{", ".join(self.DEFAULTS[order])}, got {", ".join(levels)}'
            )
        self.order = order
        if order == 'authors':
            self.steps = (
                GammaDegradation(values['gamma']),
                GaussianNoiseDegradation(values['sigma']),
            )
            return
        self.exposure = Draw('exposure', values['exposure'])
        self.noise = PoissonGaussianNoiseDegradation(values['shot'], values['read'])
        self.bits = values['bits']
        if self.bits not in range(17):
            raise ValueError(
                f'bits={self.bits!r} must be a whole number from 0 (no rounding) to 16'
            )

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        if self.order == 'authors':
            for step in self.steps:
                x = step.degrade(x, generator)
            return x
        exposure = self.exposure(len(x), generator)
        shot, read = self.noise.draw(x, generator)
        return F.simulate_low_light(x, exposure, shot, read, self.bits, generator=generator)
