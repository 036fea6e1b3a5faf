"""Find the image in a network's output, and convert its pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from mmsdag.functional import denormalize, normalize


def image_in(output: Any, which: int | str | None, where: str) -> Tensor:
    """Return the image in a network's output.

    Args:
        output: A tensor, or an object that holds it.
        which: Its index in a tuple, its key in a dict, its name as an
            attribute, or a dotted path of these, as in ``'outs.0'``. ``None``
            is for a tensor, or the first item of a tuple.
        where: Network and option, the beginning of error messages.

    Returns:
        A tensor (N, 3, H, W).

    Raises:
        ValueError: If there is no such item, or it is not an image.
    """
    if which is None:
        if isinstance(output, (tuple, list)) and output:
            output = output[0]
    else:
        output = _item(output, which, where)
    if not isinstance(output, Tensor):
        raise ValueError(
            f'{where}: is a {type(output).__name__}, not an '
            'image tensor; set output to its index, key or path'
        )
    if output.ndim != 4 or output.shape[1] != 3:
        raise ValueError(f'{where}: has the shape {tuple(output.shape)}; images are (N, 3, H, W)')
    return output


def _item(output: Any, which: int | str, where: str) -> Any:
    if isinstance(output, Mapping) and which in output:
        return output[which]  # also a key that contains a dot
    for step in which.split('.') if isinstance(which, str) else [which]:
        try:
            if isinstance(output, Mapping):
                output = output[step]
            elif isinstance(step, int) or step.lstrip('-').isdigit():
                output = output[int(step)]
            else:
                output = getattr(output, step)
        except (AttributeError, KeyError, IndexError, TypeError):
            has = list(output) if isinstance(output, Mapping) else f'a {type(output).__name__}'
            raise ValueError(
                f'{where}: the module returns {has}, which has no such item: {step!r}'
            ) from None
    return output


class PixelFormat:
    """Convert between a network's pixels and RGB, [0, 1].

    Args:
        owner: Class that has these options, for messages.
        prefix: Beginning of their names there, for messages.
        channel_order: ``'rgb'`` or ``'bgr'``.
        value_range: Values of black and white.
        mean: Subtracted from each channel, in the units of ``value_range``.
        std: Divisor of each channel after that.

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(
        self,
        owner: str,
        prefix: str = '',
        channel_order: str = 'rgb',
        value_range: Sequence[float] = (0.0, 1.0),
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(
                f"{prefix}channel_order={channel_order!r} of {owner}: choose 'rgb' or 'bgr'"
            )
        if len(value_range) != 2 or value_range[0] >= value_range[1]:
            raise ValueError(
                f'{prefix}value_range={value_range} of {owner}: '
                'must be (black, white) with black < white'
            )
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                f'{prefix}mean={mean}, {prefix}std={std} of {owner}: must be three numbers each, '
                'those of std positive'
            )
        self.is_bgr = channel_order == 'bgr'
        # Normalization of [0, 1], so that one step does both.
        black, white = value_range
        self.mean = tuple((m - black) / (white - black) for m in mean)
        self.std = tuple(s / (white - black) for s in std)
        self.is_scaled = any(self.mean) or any(s != 1 for s in self.std)

    def encode(self, images: Tensor) -> Tensor:
        """Convert images (N, 3, H, W), RGB, [0, 1] to the network's pixels."""
        pixels = images.flip(1) if self.is_bgr else images
        return normalize(pixels, self.mean, self.std) if self.is_scaled else pixels

    def decode(self, pixels: Tensor) -> Tensor:
        """Convert the network's pixels (N, 3, H, W) to RGB, [0, 1]."""
        images = denormalize(pixels, self.mean, self.std) if self.is_scaled else pixels
        return images.flip(1) if self.is_bgr else images
