"""Darken the images of a test set reproducibly."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from torch import Generator, Tensor

from mmsdag import functional as F
from mmsdag.registry import TRANSFORMS

from .degradations import Degradation


@TRANSFORMS.register_module()
class Darken(Degradation):
    """Darken the photograph to a fixed share of the light, with noise.

    The camera model is :func:`mmsdag.functional.simulate_low_light`, as in
    ``LowLightDegradation(order='camera')``, at fixed levels. The noise is a
    function of ``seed``, of the levels and of the file name of the image: it
    is the same in every run, whatever part of the data set is tested and in
    whatever order.

    Args:
        exposure: Factor of the light, in (0, 1].
        shot: Variance of the photon noise at white; 4e-4 is a good sensor,
            2e-3 a poor one.
        read: Variance of the read noise; by default
            :func:`mmsdag.functional.read_variance` of ``shot``.
        seed: Changes the noise of all images.
        key, out_key: See :class:`Degradation`.

    Raises:
        ValueError: If a level is out of its range.
    """

    def __init__(
        self,
        exposure: float,
        shot: float = 4e-4,
        read: float | None = None,
        seed: int = 0,
        key: str = 'img',
        out_key: str | None = None,
    ) -> None:
        super().__init__(key, out_key, seed)
        if not 0 < exposure <= 1:
            raise ValueError(
                f'exposure={exposure!r} of Darken: must be above 0 and at most 1, which leaves the '
                'light as it is'
            )
        if shot < 0 or (read is not None and read < 0):
            raise ValueError(
                f'shot={shot!r}, read={read!r} of Darken: variances must not be negative'
            )
        self.exposure = float(exposure)
        self.shot = float(shot)
        self.read = float(F.read_variance(self.shot) if read is None else read)

    def _index(self, results: dict) -> int:
        """Return a seed made of the levels and the name of the file.

        Raises:
            KeyError: If ``results`` has no ``img_path``.
        """
        if 'img_path' not in results:
            raise KeyError(
                'Darken: the file name seeds the noise, and there is no '
                f"'img_path' among the keys {sorted(results)}"
            )
        name = PurePath(results['img_path']).name
        levels = f'{self.exposure} {self.shot} {self.read} {name}'
        digest = hashlib.sha256(levels.encode()).digest()
        return int.from_bytes(digest[:4], 'little')

    def _degrade(self, x: Tensor, generator: Generator | None) -> Tensor:
        return F.simulate_low_light(x, self.exposure, self.shot, self.read, generator=generator)


def darkened(pipeline: Sequence[Any], **levels: Any) -> list[Any]:
    """Return a pipeline that darkens the image after it is loaded.

    Args:
        pipeline: Transforms or their configs. The first with ``LoadImage`` in
            its name loads the image.
        **levels: Arguments of :class:`Darken`.

    Raises:
        ValueError: If no transform of the pipeline loads an image.
    """
    steps = list(copy.deepcopy(pipeline))
    for position, step in enumerate(steps, 1):
        name = step['type'] if isinstance(step, Mapping) else type(step)
        name = name if isinstance(name, str) else name.__name__
        if 'LoadImage' in name:
            return [*steps[:position], dict(type='mmsdag.Darken', **levels), *steps[position:]]
    raise ValueError(
        "darken: no transform of the pipeline loads an image ('LoadImage' in its type): place "
        'mmsdag.Darken in the pipeline yourself'
    )
