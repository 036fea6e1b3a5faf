"""Run an enhancer on images; everything that enhances goes through here."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mmsdag.functional import (
    array_from_unit_rgb,
    map_pixels,
    to_uint8,
    to_unit_rgb,
    unit_rgb_from_array,
)
from mmsdag.utils.darkness import DarknessGate, When
from mmsdag.utils.system import total_memory

from .enhancers.uint8 import enhance_uint8_of
from .precision import autocast, check_amp_dtype
from .tiling import Tile, bytes_per_pixel, cut, receptive_radius, spans

Batch = TypeVar('Batch', Tensor, np.ndarray)

#: Pixels that go through an enhancer together by default. More at once are
#: hardly faster; in float32 they need 1 to 2 GiB.
_PIXELS = 2**20
#: On a CPU so many are slower, by a fifth for some: the output of one layer
#: has left the cache before the next one reads it.
_CPU_PIXELS = 2**17

#: Memory of a network with ``tile='auto'``, in bytes: more is not faster.
#: Fixed numbers, so that every machine cuts an image alike.
_MEMORY = dict(cpu=2**30, cuda=4 * 2**30)

#: Overlap of tiles, in pixels on each side, where no overlap is enough.
_BLEND = 32


class EnhancerRunner:
    """Run an enhancer on tensors or arrays of any size.

    It sets the precision, leaves light images alone, groups images of one
    size, halves batches and then tiles where a GPU runs out of memory, and
    refuses an output that is not finite or of another shape. Enhancers with
    ``enhance_uint8`` get 8-bit images on a CPU as bytes.

    Args:
        network: Module with ``enhance(x)``, images (N, 3, H, W), RGB, [0, 1]
            to the same.
        owner: Who runs it, for messages.
        amp_dtype: Precision: ``None`` (float32, or that of an outer
            autocast), ``'bfloat16'``, ``'float16'``, or ``'auto'`` (bfloat16
            where the hardware has it).
        trainable: Keep gradients. Then images are never cut, and infinite
            numbers are left to the loss scaling.
        when: Images to enhance, see :data:`mmsdag.utils.darkness.When`.
        device: Device of arrays; tensors are enhanced where they are.
        tile: Edge of a tile in pixels, overlap included; arrays of more than
            ``tile ** 2`` pixels are cut. ``'auto'`` takes what about 1 GiB
            of memory (CUDA: 4) allows; 0 cuts only where memory runs out.
        chunk_size: Most images that go through the network together; by
            default as many as hold a megapixel (frozen on a CPU: an eighth
            of one), at least one.

    Raises:
        ValueError: If an option is out of its range.
    """

    def __init__(
        self,
        network: nn.Module,
        owner: str,
        *,
        amp_dtype: str | None = None,
        trainable: bool = False,
        when: When = None,
        device: torch.device | None = None,
        tile: int | Literal['auto'] = 0,
        chunk_size: int | None = None,
    ) -> None:
        if tile != 'auto' and (not isinstance(tile, int) or tile < 0):
            raise ValueError(
                f"tile={tile!r} of {owner}: must be 'auto', 0 "
                '(never cut), or the edge of a tile in pixels'
            )
        if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size < 1):
            raise ValueError(
                f'chunk_size={chunk_size!r} of {owner}: must be a number of images, or None'
            )
        self.network = network
        self.owner = owner
        self.amp_dtype = check_amp_dtype(amp_dtype, owner)
        self.trainable = trainable
        self.gate = DarknessGate(when)
        self.chunk_size = chunk_size
        self.device = device
        if device is not None:
            network.to(device)
        if tile and isinstance(tile, int):
            spans(tile + 1, tile, self.halo)  # raises if too small
        #: Edge of a tile of an array in pixels; 0: not cut.
        self.tile = (
            tile
            if isinstance(tile, int)
            # In smaller tiles most would be overlap.
            else max(int(self.max_pixels**0.5), 8 * self.halo + 64)
        )

    @cached_property
    def radius(self) -> int | None:
        """Return the radius of the receptive field; None: the whole image."""
        return receptive_radius(self.network)

    @property
    def halo(self) -> int:
        """Return how many pixels a tile overlaps its neighbor."""
        return _BLEND if self.radius is None else self.radius

    @cached_property
    def max_pixels(self) -> int:
        """Return how many pixels the network may take at once."""
        device = self.device or torch.device('cpu')
        memory = _MEMORY.get(device.type, _MEMORY['cpu'])
        if self.radius is None:
            memory = max(memory, total_memory(device) // 2)
        return memory // bytes_per_pixel(self.network)

    def run(self, rgb: Tensor) -> Tensor:
        """Run the network once.

        Args:
            rgb: Images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The same shape, in the network's precision, not clipped.

        Raises:
            ValueError: For an output of another shape, or that is not finite.
        """
        network: Any = self.network
        # A recognizer in half precision has a trainable enhancer to match.
        dtype = next((p.dtype for p in network.parameters()), torch.float32)
        with (
            torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()),
            autocast(self.amp_dtype, rgb.device),
        ):
            enhanced = network.enhance(rgb.to(dtype))
        shape = getattr(enhanced, 'shape', type(enhanced).__name__)
        if shape != rgb.shape:
            raise ValueError(
                f'the enhancer {type(network).__name__} of {self.owner} makes {shape} of images '
                f'{rgb.shape}; its enhance(x) must return a tensor of the same shape'
            )
        if not (
            self.trainable
            or torch.jit.is_tracing()
            or torch.compiler.is_compiling()
            or _is_finite(enhanced)
        ):
            raise ValueError(
                f'the enhancer {type(network).__name__} of {self.owner} returned infinite or '
                'undefined numbers: the images or the weights have some, or '
                f'amp_dtype={self.amp_dtype!r} is not precise enough (None is float32)'
            )
        return enhanced

    def enhance_rgb(self, rgb: Tensor) -> Tensor:
        """Enhance the dark ones of the images.

        Args:
            rgb: (N, 3, H, W), RGB, [0, 1], floating point.

        Returns:
            The same shape, [0, 1], float32.
        """
        if torch.jit.is_tracing() or torch.compiler.is_compiling():
            # In a graph, which cannot choose, all are enhanced.
            enhanced = self.run(rgb).float().clamp(0, 1)
            if self.gate.is_open:
                return enhanced
            return torch.where(self.gate.mask(rgb)[:, None, None, None], enhanced, rgb)
        dark = self.gate.are_dark(list(rgb))
        if all(dark):
            return self._within_memory(self._enhance_tiles, rgb).clamp(0, 1)
        chosen = torch.tensor(dark, device=rgb.device).nonzero()[:, 0]
        if not len(chosen):
            return rgb
        enhanced = self._within_memory(self._enhance_tiles, rgb[chosen])
        return rgb.index_copy(0, chosen, enhanced.clamp(0, 1))

    def enhance_planes(self, images: Sequence[Tensor], is_bgr: bool, rounded: bool) -> list[Tensor]:
        """Enhance the dark ones of images of any sizes.

        Args:
            images: Each (3, H, W), [0, 255], uint8 or floating point.
            is_bgr: Their channel order, BGR or RGB.
            rounded: Whether uint8 images give uint8.

        Returns:
            Images of the same shapes, channel order and range: uint8 if they
            are rounded, else float32.
        """
        dark = self.gate.are_dark(images, is_bgr, white=255)
        chosen = iter(
            self._enhance_planes(
                [image for image, is_dark in zip(images, dark) if is_dark], is_bgr, rounded
            )
        )
        return [
            next(chosen)
            if is_dark
            else image
            if rounded and image.dtype == torch.uint8
            else image.float()
            for image, is_dark in zip(images, dark)
        ]

    @torch.inference_mode()
    def enhance_array(self, batch: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Enhance the dark ones of images of one size, tile by tile.

        Args:
            batch: (N, H, W, 3), BGR, uint8, uint16, or floating point in
                [0, 255].
            dtype: Of the result: uint8, uint16, or float32 in [0, 255].

        Returns:
            (N, H, W, 3), BGR.
        """
        dark = self.gate.are_dark_arrays(batch)
        if all(dark):
            return self._enhance_arrays(batch, dtype)
        device = self.device or torch.device('cpu')
        out = (
            batch.copy()
            if batch.dtype == dtype
            else array_from_unit_rgb(unit_rgb_from_array(batch, device), dtype)
        )
        if any(dark):
            out[dark] = self._enhance_arrays(batch[dark], dtype)
        return out

    def _bytes_way(self) -> Callable[[np.ndarray], np.ndarray] | None:
        """Return ``enhance_uint8``, if its output needs no check."""
        enhance_uint8 = enhance_uint8_of(self.network)
        if enhance_uint8 is None or not all(map(_is_finite, self.network.parameters())):
            return None
        return enhance_uint8

    def _enhance_planes(self, images: list[Tensor], is_bgr: bool, rounded: bool) -> list[Tensor]:
        if images and images[0].device != self.device:
            # Remembered: moving goes through every module, each time.
            self.device = images[0].device
            self.network.to(self.device)
        enhance_uint8 = self._bytes_way() if rounded else None
        enhanced = list(images)
        same_size = defaultdict(list)
        for index, image in enumerate(images):
            if (
                enhance_uint8 is not None
                and image.dtype == torch.uint8
                and image.device.type == 'cpu'
            ):
                with autocast(self.amp_dtype, image.device):
                    enhanced[index] = map_pixels(enhance_uint8, image, is_bgr)
            else:
                same_size[image.shape, image.dtype].append(index)
        for (shape, dtype), members in same_size.items():
            size = self.chunk_size or max(1, self._most_pixels() // shape[1:].numel())
            for start in range(0, len(members), size):
                chunk = members[start : start + size]
                batch = self._within_memory(
                    self._enhance_tiles,
                    to_unit_rgb(
                        torch.stack([images[index] for index in chunk])
                        if len(chunk) > 1
                        else images[chunk[0]][None],
                        is_bgr,
                    ),
                )
                for index, image in zip(
                    chunk, _to_planes(batch, is_bgr, rounded and dtype == torch.uint8)
                ):
                    enhanced[index] = image
        return enhanced

    def _most_pixels(self) -> int:
        # One that trains may normalize by its batch: everywhere by the same.
        on_cpu = self.device is not None and self.device.type == 'cpu'
        return _CPU_PIXELS if on_cpu and not self.trainable else _PIXELS

    def _enhance_arrays(self, batch: np.ndarray, dtype: np.dtype) -> np.ndarray:
        device = self.device or torch.device('cpu')
        height, width = batch.shape[1:3]
        fits = not self.tile or height * width <= self.tile**2
        if device.type == 'cpu' and batch.dtype == dtype == np.uint8 and fits:
            enhance_uint8 = self._bytes_way()
            if enhance_uint8 is not None:
                return np.stack(
                    [
                        cv2.cvtColor(
                            enhance_uint8(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)), cv2.COLOR_RGB2BGR
                        )
                        for image in batch
                    ]
                )

        def enhance(part: np.ndarray, tile: int) -> np.ndarray:
            tiles = self._tiles(part.shape[1:3], tile)
            blended = tiles[0].weights is not None
            kind = np.dtype(np.float32) if blended else dtype
            out = np.zeros(part.shape, kind)
            for item in tiles:
                pixels = part[(slice(None), *item.window)]
                output = self.run(unit_rgb_from_array(pixels, device))
                target = out[(slice(None), *item.kept)]
                array = array_from_unit_rgb(item.crop(output.float().clamp(0, 1)), kind)
                if item.weights is None:
                    target[:] = array
                else:
                    target += array * item.weights[..., None]
            if kind == dtype:
                return out
            return np.rint(out * (np.iinfo(dtype).max / 255)).astype(dtype)

        return self._within_memory(enhance, batch, 0 if fits else self.tile)

    def _enhance_tiles(self, rgb: Tensor, tile: int) -> Tensor:
        """(N, 3, H, W), RGB, [0, 1] to the same, float32, not clipped."""
        if not tile:
            return self.run(rgb).float()
        out = torch.zeros_like(rgb, dtype=torch.float32)
        for item in self._tiles(rgb.shape[-2:], tile):
            output = self.run(rgb[(..., *item.window)]).float().clamp(0, 1)
            target = out[(..., *item.kept)]
            weights = 1.0 if item.weights is None else torch.from_numpy(item.weights).to(output)
            target += item.crop(output) * weights
        return out

    def _tiles(self, size: Sequence[int], tile: int) -> list[Tile]:
        """Cut an image (height, width); warn if the seams will show."""
        blends = tile > 0 and self.radius is None
        multiple = getattr(self.network, 'size_divisor', 1) if blends else 1
        tiles = cut(size, tile, self.halo if tile else 0, blends, multiple)
        if tiles[0].weights is not None:
            warnings.warn(
                f'{type(self.network).__name__} looks at the whole image, but {size[1]}x{size[0]} '
                f'pixels go through it in tiles of {tile}: the result is an approximation; '
                'tile=0 avoids it, given the memory',
                stacklevel=6,
            )
        return tiles

    def _within_memory(
        self, enhance: Callable[[Batch, int], Batch], batch: Batch, tile: int = 0
    ) -> Batch:
        """Halve the batch, then the tile, until a GPU's memory suffices."""
        try:
            return enhance(batch, tile)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                longest = max(batch.shape[1:])
                tile = min(tile or longest, longest) // 2
                if self.trainable or tile <= 4 * self.halo:
                    raise
        # Outside of the handler, which keeps the tensors alive.
        torch.cuda.empty_cache()
        if len(batch) == 1:
            return self._within_memory(enhance, batch, tile)
        middle = len(batch) // 2
        halves: Any = [
            self._within_memory(enhance, half, tile) for half in (batch[:middle], batch[middle:])
        ]
        return torch.cat(halves) if isinstance(batch, Tensor) else np.concatenate(halves)


def _to_planes(images: Tensor, is_bgr: bool, rounded: bool) -> Tensor:
    """Convert (N, 3, H, W), RGB, to [0, 255], clipped, contiguous."""
    if rounded:
        return to_uint8(images, is_bgr)
    # Turning the channels of interleaved pixels takes five times as long.
    images = images.contiguous().clamp(0, 1).mul_(255)
    return images.flip(1) if is_bgr else images


def _is_finite(values: Tensor) -> bool:
    # The sum tells, in a tenth of the time, unless it overflows by itself.
    total = values.detach().sum(dtype=torch.float32)
    return values.is_meta or bool(total.isfinite() or values.isfinite().all())
