"""The image among what a network puts out, and what its pixels mean."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmsdag.functional import denormalize, normalize


def image_in(output: Any, which: int | str | None, where: str) -> Tensor:
    """The image among what a network puts out.

    Args:
        output: A tensor, or whatever holds it.
        which: Its index in a tuple, its key in a dict, or the attribute that
            it is; ``None`` for a tensor, or the first of a tuple.
        where: What messages begin with: names the network and the option.

    Returns:
        A tensor (N, 3, H, W).

    Raises:
        ValueError: If it is not there, or no image.
    """
    if which is not None:
        try:
            output = (
                getattr(output, which) if isinstance(which, str)
                and not isinstance(output, Mapping) else output[which])
        except (AttributeError, KeyError, IndexError, TypeError):
            has = (list(output) if isinstance(output, Mapping) else
                   f'a {type(output).__name__}')
            raise ValueError(f'{where}: the module puts out {has}, which has '
                             'no such item') from None
    elif isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise ValueError(f'{where}: is a {type(output).__name__}, not an '
                         'image tensor; set output to its index or key')
    if output.ndim != 4 or output.shape[1] != 3:
        raise ValueError(f'{where}: has the shape {tuple(output.shape)}; '
                         'images are (N, 3, H, W)')
    return output


class PixelFormat:
    """Pixels as a network has them, and the way from and to RGB, [0, 1].

    Args:
        owner: Class whose options these are, for messages.
        prefix: What their names begin with there.
        channel_order: ``'rgb'`` or ``'bgr'``.
        value_range: Values of black and white.
        mean: Subtracted from each channel, in the units of ``value_range``.
        std: By which it is then divided.

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(self,
                 owner: str,
                 prefix: str = '',
                 channel_order: str = 'rgb',
                 value_range: Sequence[float] = (0., 1.),
                 mean: Sequence[float] = (0., 0., 0.),
                 std: Sequence[float] = (1., 1., 1.)) -> None:
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(f'{prefix}channel_order={channel_order!r} of '
                             f"{owner}: choose 'rgb' or 'bgr'")
        if len(value_range) != 2 or value_range[0] >= value_range[1]:
            raise ValueError(f'{prefix}value_range={value_range} of {owner}: '
                             'must be (black, white) with black < white')
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f'{prefix}mean={mean}, {prefix}std={std} of '
                             f'{owner}: must be three numbers each, those of '
                             'std positive')
        self.is_bgr = channel_order == 'bgr'
        # Of values in [0, 1], so that one step does both.
        black, white = value_range
        self.mean = tuple((m - black) / (white - black) for m in mean)
        self.std = tuple(s / (white - black) for s in std)
        self.is_scaled = any(self.mean) or any(s != 1 for s in self.std)

    def encode(self, images: Tensor) -> Tensor:
        """From RGB, [0, 1]; images are (N, 3, H, W)."""
        pixels = images.flip(1) if self.is_bgr else images
        return (normalize(pixels, self.mean, self.std)
                if self.is_scaled else pixels)

    def decode(self, pixels: Tensor) -> Tensor:
        """To RGB, [0, 1]; images are (N, 3, H, W)."""
        images = (denormalize(pixels, self.mean, self.std)
                  if self.is_scaled else pixels)
        return images.flip(1) if self.is_bgr else images
