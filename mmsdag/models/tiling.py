"""Cut an image into overlapping tiles."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

#: Edges of the probe images. A network that sees farther than half of the
#: last one counts as global.
_PROBE_SIZES = (32, 128)


class Span(NamedTuple):
    """A tile's range along one axis of an image.

    The network sees [start, stop); its output is kept in [first, last).
    """

    start: int
    stop: int
    first: int
    last: int


def spans(length: int, tile: int, halo: int, multiple: int = 1) -> list[Span]:
    """Cut one axis of an image into ranges of equal size.

    Tiles overlap by ``2 * halo`` or more, and every pixel that is kept lies
    ``halo`` or more from an edge of its tile that is not an edge of the image.

    Args:
        length: Pixels along the axis.
        tile: Most pixels of a tile, overlap included.
        halo: Pixels at an inner edge that are not kept.
        multiple: Tiles start on multiples of it, so that a network with
            strides sees the pixels on the grid that it sees in the whole
            image. Then the last tile may be longer than the others. Has no
            effect if ``tile`` leaves no room for it.

    Raises:
        ValueError: If ``tile`` is too small for ``halo``.
    """
    if length <= tile:
        return [Span(0, length, 0, length)]
    if tile <= 4 * halo:
        raise ValueError(
            f'tile={tile}: tiles that overlap by {2 * halo} pixels must be '
            f'larger than {4 * halo}; choose a larger tile'
        )
    # Rounding makes a tile longer by less than a multiple, the last one by
    # less than two, and shortens the steps between tiles by less than one.
    rounded = tile - 2 * (multiple - 1)
    if rounded <= 2 * halo + max(2 * halo, 4 * multiple):
        rounded, multiple = tile, 1
    count = -(-(length - 2 * halo) // (rounded - 2 * halo))
    # Of equal size, so that kernels are prepared once, and as small as the
    # count allows.
    size = -(-(length - 2 * halo) // (count * multiple)) * multiple + 2 * halo
    starts = [i * (length - size) // (count - 1) // multiple * multiple for i in range(count)]
    stops = [*(start + size for start in starts[:-1]), length]
    cuts = [0, *(start + halo for start in starts[1:]), length]
    return [Span(*span) for span in zip(starts, stops, cuts, cuts[1:])]


def blend_weights(span: Span, length: int, halo: int) -> np.ndarray:
    """Return weights that blend a tile with its neighbors along one axis.

    Args:
        span: One of :func:`spans`.
        length: Pixels along the axis.
        halo: As for :func:`spans`; the fade is twice as wide.

    Returns:
        (stop - start,), float32; at each pixel of the axis the weights of
        all tiles sum to one.
    """
    pixels = np.arange(span.start, span.stop, dtype=np.float32)

    def rise(cut: int) -> np.ndarray:
        return np.clip((pixels - cut + halo + 1) / (2 * halo + 1), 0, 1)

    # Where one tile's weight falls its neighbor's rises, so that the sum telescopes.
    weights = np.ones_like(pixels) if span.first == 0 else rise(span.first)
    return weights if span.last == length else weights - rise(span.last)


class Tile(NamedTuple):
    """A tile: its input region, and the region it contributes to.

    ``weights``, (h, w), fade it into its neighbors; None: it is cropped.
    """

    row: Span
    column: Span
    weights: np.ndarray | None

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the network's input."""
        return (slice(self.row.start, self.row.stop), slice(self.column.start, self.column.stop))

    @property
    def kept(self) -> tuple[slice, slice]:
        """Rows and columns of the image that the tile contributes to."""
        if self.weights is not None:
            return self.window
        return (slice(self.row.first, self.row.last), slice(self.column.first, self.column.last))

    def crop(self, output: Tensor) -> Tensor:
        """Crop the output of the network to :attr:`kept`."""
        top, left = (kept.start - seen.start for kept, seen in zip(self.kept, self.window))
        height, width = (kept.stop - kept.start for kept in self.kept)
        return output[..., top : top + height, left : left + width]


def cut(size: Sequence[int], tile: int, halo: int, blends: bool, multiple: int = 1) -> list[Tile]:
    """Cut an image into tiles.

    Args:
        size: Height and width.
        tile: Longest edge of a tile, overlap included; 0 does not cut.
        halo: As for :func:`spans`.
        blends: Whether tiles fade into each other instead of being cropped.
        multiple: As for :func:`spans`.
    """
    rows, columns = (spans(length, tile or length, halo, multiple) for length in size)
    blends = blends and len(rows) * len(columns) > 1
    return [
        Tile(
            row,
            column,
            np.multiply.outer(
                blend_weights(row, size[0], halo), blend_weights(column, size[1], halo)
            )
            if blends
            else None,
        )
        for row, column in product(rows, columns)
    ]


def receptive_radius(network: nn.Module) -> int | None:
    """Measure the radius of an enhancer's receptive field.

    A NaN in one pixel of the input spreads exactly as far as the network
    looks, whatever its weights and layers.

    Args:
        network: Enhancer with ``enhance(x)``, (1, 3, H, W) to the same shape.

    Returns:
        The radius in pixels; ``None`` if a pixel depends on the whole image
        (instance norm, pooling), on more than 63 pixels around it, or on
        where it lies (strides), so that tiles cannot give the same result.
    """
    # In float64, for which there are no Winograd kernels that would spread
    # the NaN farther.
    probe = copy.deepcopy(network).cpu().double().eval()
    # Between the taps of a dilated layer there are gaps, in which the border
    # of a small image could be.
    gaps = sum(
        max(module.dilation) * (max(module.kernel_size) // 2)
        for module in probe.modules()
        if isinstance(module, nn.Conv2d) and max(module.dilation) > 1
    )
    for size in _PROBE_SIZES:
        center = size // 2
        if gaps >= center:
            continue
        first, second = (_spread(probe, size, center + i) for i in (0, 1))
        if first is None or second is None:
            continue
        # With a stride, the region moves by none or by several pixels.
        return max(map(abs, first)) if first == second else None
    return None


@torch.inference_mode()
def _spread(network: nn.Module, size: int, position: int) -> tuple[int, int, int, int] | None:
    """Find the pixels that a NaN at (position, position) reaches.

    Returns:
        Top, left, bottom, right, relative to the position; ``None`` if that
        is nowhere, or up to the border.
    """
    image = torch.full((1, 3, size, size), 0.5, dtype=torch.float64)
    image[..., position, position] = torch.nan
    enhanced = network.enhance(image)  # type: ignore[operator]
    reached = enhanced.isnan().any(1)[0].nonzero()
    if not len(reached):
        return None
    low, high = reached.amin(0).tolist(), reached.amax(0).tolist()
    if min(low) == 0 or max(high) == size - 1:
        return None
    top, left, bottom, right = (i - position for i in (*low, *high))
    return top, left, bottom, right


@torch.inference_mode()
def bytes_per_pixel(network: nn.Module) -> int:
    """Estimate the memory that an enhancer needs, in bytes a pixel.

    Twice what its layers put out in float32: the other half is for what
    happens between them (concatenations, activations, scratch space).
    """
    numel = 0

    def count(module: nn.Module, args: tuple, output: object) -> None:
        nonlocal numel
        if isinstance(output, Tensor):
            numel += output.numel()

    handles = [
        module.register_forward_hook(count)
        for module in network.modules()
        if not any(module.children())
    ]
    size = 64
    try:
        device = next(network.parameters(), torch.zeros(0)).device
        image = torch.zeros(1, 3, size, size, device=device)
        network.enhance(image)  # type: ignore[operator]
    finally:
        for handle in handles:
            handle.remove()
    # The image itself, in and out, for networks without layers.
    return 2 * 4 * (numel // size**2 + 2 * 3)
