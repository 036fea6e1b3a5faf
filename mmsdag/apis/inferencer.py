"""Enhance images with a trained model."""
from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Union

import cv2
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mmsdag.functional import uint8_from_unit, unit_from_uint8
from mmsdag.utils.arrays import check_range, keep_gray
from mmsdag.utils.darkness import DarknessGate, When
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image
from mmsdag.utils.model_index import trained_models

from .paths import checked_path, find_images, output_paths
from .tiling import blend_weights, bytes_per_pixel, receptive_radius, spans

PathOrStr = Union[str, 'PathLike[str]']
ImageInput = Union[PathOrStr, np.ndarray, 'Image.Image']

#: What the network may take with ``tile='auto'``: more is not faster. Fixed
#: numbers, so that the same image is cut alike on every machine.
_MEMORY = dict(cpu=2**30, cuda=4 * 2**30)

#: Overlap of the pieces, in pixels on each side, where no overlap is enough.
_BLEND = 32


class LowLightInferencer:
    """Enhance images of any size.

    Large images go through the network in pieces. For a network that looks a
    limited number of pixels far (Zero-DCE: 7), the pieces give what the whole
    image gives, up to the rounding of float32. Others, with instance norm or
    pooling, are cut only where the whole image does not fit into half of the
    memory; their pieces fade into each other, and a warning says so.

    Args:
        model: Name of a trained model, as in ``'zero-dce_sdag'``, see
            :meth:`list_models`; config of a model whose ``generator`` is an
            enhancer: a path, a name as in ``'zero_dce/zero-dce_brackets'``,
            or a ``Config``; or the enhancer's own, as in
            ``dict(type='mmsdag.GammaEnhancer')``.
        weights: Checkpoint of that model; ``None`` for a trained one, and for
            an enhancer that has no weights.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:1'``, ...; by default CUDA where
            there is a device, else the CPU.
        tile: Edge of a piece in pixels, overlap included; images of more
            than ``tile ** 2`` pixels are cut. ``'auto'`` takes what about
            1 GiB of memory (CUDA: 4) allows; 0 never cuts.
        amp_dtype: ``None`` for float32, ``'bfloat16'``, ``'float16'``, or
            ``'auto'`` for bfloat16 where the hardware has it: faster, but
            an 8-bit result may be a few levels off.
        when: Images to enhance: ``None`` for all; ``'dark'`` for those whose
            mean luma is below 0.21; a threshold of the mean luma in (0, 1];
            or a function of an image (3, H, W), RGB, [0, 1]. Other images
            stay as they are.

    Raises:
        FileNotFoundError: If the config or the checkpoint is missing.
        ValueError: If the config has no enhancer, the checkpoint is not of
            this network, or an option is wrong.
    """

    def __init__(self,
                 model: PathOrStr | Mapping,
                 weights: PathOrStr | None = None,
                 device: str | torch.device | None = None,
                 tile: int | Literal['auto'] = 'auto',
                 amp_dtype: str | None = None,
                 when: When = None) -> None:
        self.gate = DarknessGate(when)
        if tile != 'auto' and (not isinstance(tile, int) or tile < 0):
            raise ValueError(f"tile={tile!r}: must be 'auto', 0 (never cut), "
                             'or the edge of a piece in pixels')
        self.device = _check_device(device)
        # Only now: they import torchvision, which takes seconds.
        from mmsdag.models import precision
        from mmsdag.models.enhancers import build_enhancer
        from mmsdag.models.enhancers.uint8 import enhance_uint8_of
        self.amp_dtype = precision.check_amp_dtype(amp_dtype,
                                                   type(self).__name__)
        self._autocast = precision.autocast
        self._enhance_uint8_of = enhance_uint8_of
        network = build_enhancer(model, weights)
        self.radius = receptive_radius(network)
        self.network = network.to(self.device)
        #: Pixels that the network may take at once, of one image or several.
        self.max_pixels = self._memory() // bytes_per_pixel(self.network)
        if tile and isinstance(tile, int):
            spans(tile + 1, tile, self.halo)  # raises if too small
        self.tile = (
            tile if isinstance(tile, int) else
            # In pieces smaller than this, most would be overlap.
            max(int(self.max_pixels**0.5), 8 * self.halo + 64))

    @staticmethod
    def list_models() -> list[str]:
        """Names, short and full, of the trained models there are."""
        return [name for model in trained_models() for name in model.names]

    @property
    def halo(self) -> int:
        """Pixels at the inner edges of a piece that overlap its neighbour."""
        return _BLEND if self.radius is None else self.radius

    def __call__(self,
                 inputs: ImageInput | Sequence[ImageInput],
                 out_dir: PathOrStr | None = None,
                 bit_depth: int = 8) -> list[dict[str, Any]]:
        """Enhance images and keep the results in memory.

        For a folder that does not fit there, see :func:`enhance_folder`.

        Args:
            inputs: A path, an array, a PIL image, or a list of these. A
                folder stands for the images in it and its sub-folders, an
                array (N, H, W, 3) for N images. Arrays: see :meth:`enhance`.
            out_dir: Where to write PNGs of the same names; those of a folder
                in the same sub-folders, arrays as ``000000.png`` with their
                place in the list. Existing files are replaced. ``None``
                writes nothing.
            bit_depth: 8 or 16 bits a channel, of results and files.

        Returns:
            A dict for each image, in order: ``image`` (H, W, 3), BGR, uint8
            or uint16, gray (all channels are equal) if the input is;
            ``path`` and ``out_path``, None where there is none.

        Raises:
            BrokenImageError: For a file that is no image; names it.
            TypeError: For an input of another type.
            ValueError: If a folder has no images, two results would get the
                same name, or one that of an input.
        """
        dtype = _dtype_of(bit_depth)
        if not isinstance(inputs, Sequence) or isinstance(inputs,
                                                          (str, bytes)):
            inputs = [inputs]
        items = _named(inputs)
        targets: list[Path | None] = [None] * len(items)
        if out_dir is not None:
            sources = [item if isinstance(item, Path) else name
                       for name, item in items]
            targets = list(
                output_paths([name for name, _ in items], sources,
                             checked_path(out_dir)))
        results = []
        for (_, item), target in zip(items, targets):
            path = None if isinstance(item, np.ndarray) else item
            original = (
                item if isinstance(item, np.ndarray) else read_image(item))
            image = keep_gray(original, self.enhance(original, dtype))
            if target is not None:
                write_image(target, image)
            results.append(dict(image=image, path=path, out_path=target))
        return results

    @torch.inference_mode()
    def enhance(self, images: np.ndarray, dtype: Any = np.uint8) -> np.ndarray:
        """Enhance an image, or several of one size together.

        Args:
            images: (H, W, 3) or (N, H, W, 3), BGR (as OpenCV and mmcv have
                it): uint8, uint16, or floating point in [0, 255].
            dtype: Of the result: uint8, uint16, or float32 in [0, 255], which
                is not rounded.

        Returns:
            The enhanced images: shape and channel order of ``images``.

        Raises:
            ValueError: If ``images`` has another shape, type or range, or the
                network's output is not finite.
        """
        if images.ndim not in (3, 4) or images.shape[-1] != 3 or (
                0 in images.shape):
            raise ValueError(f'images of shape {images.shape}: must be '
                             '(H, W, 3) or (N, H, W, 3), BGR')
        check_range(images, 'images')
        batch = images if images.ndim == 4 else images[None]
        dtype = np.dtype(dtype)
        dark = self.gate.are_dark_arrays(batch)
        if all(dark):
            out = self._enhance_fitting(batch, dtype)
        else:
            out = (batch.copy() if batch.dtype == dtype else
                   _to_array(_to_tensor(batch, self.device), dtype))
            if any(dark):
                out[dark] = self._enhance_fitting(batch[dark], dtype)
        return out if images.ndim == 4 else out[0]

    def _enhance_fitting(self, batch: np.ndarray,
                         dtype: np.dtype) -> np.ndarray:
        """Enhance a batch, in smaller tiles where memory runs out."""
        tile = self.tile
        while True:
            try:
                return self._enhance_batch(batch, dtype, tile)
            except torch.cuda.OutOfMemoryError:
                longest = max(batch.shape[1:3])
                tile = min(tile or longest, longest) // 2
                if tile <= 4 * self.halo:
                    raise
            # Outside of the handler, which keeps the tensors alive.
            torch.cuda.empty_cache()

    def _enhance_batch(self, batch: np.ndarray, dtype: np.dtype,
                       tile: int) -> np.ndarray:
        height, width = batch.shape[1:3]
        if not tile or height * width <= tile**2:
            tile = max(height, width)
        rows, columns = (spans(length, tile, self.halo)
                         for length in (height, width))
        if self.radius is None and len(rows) * len(columns) > 1:
            warnings.warn(
                f'{type(self.network).__name__} looks at the whole image, '
                f'but {width}x{height} pixels go through it in pieces of '
                f'{tile}: the result is an approximation; tile=0 avoids it, '
                'given the memory',
                stacklevel=4)
            return self._blended(batch, rows, columns, dtype)
        out = np.empty(batch.shape, dtype)
        enhance_uint8 = self._enhance_uint8_of(self.network)
        if (enhance_uint8 is not None and self.device.type == 'cpu'
                and batch.dtype == dtype == np.uint8
                and len(rows) * len(columns) == 1
                # Else what it puts out is looked at first, see _run.
                and next(self.network.parameters(), None) is None):
            for image, result in zip(batch, out):
                enhanced = enhance_uint8(_turned(image))
                _turned(enhanced, result)
            return out
        for row, column in product(rows, columns):
            piece = self._run(batch[:, row.start:row.stop,
                                    column.start:column.stop])
            piece = piece[..., row.first - row.start:row.last - row.start,
                          column.first - column.start:column.last
                          - column.start]
            out[:, row.first:row.last, column.first:column.last] = (
                _to_array(piece, dtype))
        return out

    def _blended(self, batch: np.ndarray, rows: list, columns: list,
                 dtype: np.dtype) -> np.ndarray:
        out = np.zeros(batch.shape, np.float32)
        height, width = batch.shape[1:3]
        for row, column in product(rows, columns):
            window = np.s_[:, row.start:row.stop, column.start:column.stop]
            weights = np.multiply.outer(
                blend_weights(row, height, self.halo),
                blend_weights(column, width, self.halo))
            piece = _to_array(self._run(batch[window]), np.dtype(np.float32))
            out[window] += piece * weights[..., None]
        if dtype == np.float32:
            return out
        return np.rint(out * (np.iinfo(dtype).max / 255)).astype(dtype)

    def _run(self, batch: np.ndarray) -> Tensor:
        """(N, h, w, 3), BGR to (N, 3, h, w), RGB, [0, 1], float32."""
        images = _to_tensor(batch, self.device)
        with self._autocast(self.amp_dtype, self.device):
            enhanced = self.network.enhance(images)  # type: ignore[operator]
        enhanced = enhanced.float()
        if not torch.isfinite(enhanced).all():
            raise ValueError(
                'the network put out infinite or undefined numbers: the image '
                'or the weights have some'
                + (f', or amp_dtype={self.amp_dtype!r} is not precise enough'
                   if self.amp_dtype else ''))
        return enhanced.clamp(0, 1)

    def _memory(self) -> int:
        memory = _MEMORY.get(self.device.type, _MEMORY['cpu'])
        if self.radius is None:
            return max(memory, _total_memory(self.device) // 2)
        return memory


def _named(inputs: Sequence[Any]) -> list[tuple[Path, Path | np.ndarray]]:
    """Give each image the name of its result, and folders their images."""
    items: list[tuple[Path, Path | np.ndarray]] = []
    for item in _arrays_singly(inputs):
        if isinstance(item, np.ndarray):
            items.append((Path(f'{len(items):06d}.png'), item))
            continue
        source = checked_path(item)
        if source.is_dir():
            items += [(name, source / name)
                      for name in find_images(source)]
        else:
            items.append((Path(source.name), source))
    return items


def _arrays_singly(inputs: Sequence[Any]) -> Iterator[Any]:
    """Give paths and single arrays; PIL images as arrays."""
    for item in inputs:
        if isinstance(item, Image.Image):
            yield np.asarray(item.convert('RGB'))[..., ::-1]
        elif isinstance(item, np.ndarray) and item.ndim == 4:
            yield from item
        elif isinstance(item, (str, PathLike, np.ndarray)):
            yield item
        else:
            raise TypeError(
                f'an input of type {type(item).__name__}: give a path, a PIL '
                'image or an array (H, W, 3), BGR; of a tensor (3, H, W), '
                'RGB, [0, 1]: 255 * tensor.flip(0).permute(1, 2, 0).numpy(); '
                'of the bytes of a file: cv2.imdecode')


def _check_device(device: str | torch.device | None) -> torch.device:
    has_cuda = torch.cuda.is_available()
    if device is None:
        device = 'cuda' if has_cuda else 'cpu'
    try:
        checked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r}: must be 'cpu', 'cuda', 'cuda:0', ..."
        ) from error
    if checked.type == 'cuda' and (checked.index or
                                   0) >= torch.cuda.device_count():
        raise ValueError(f"device={str(device)!r}: torch finds "
                         f'{torch.cuda.device_count()} CUDA devices; '
                         "choose another, or 'cpu'")
    return checked


def _total_memory(device: torch.device) -> int:
    if device.type == 'cuda':
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')


def _dtype_of(bit_depth: int) -> type:
    dtypes = {8: np.uint8, 16: np.uint16}
    if bit_depth not in dtypes:
        raise ValueError(f'bit_depth={bit_depth!r}: must be 8 or 16')
    return dtypes[bit_depth]


def _to_tensor(batch: np.ndarray, device: torch.device) -> Tensor:
    """(N, H, W, 3), BGR to (N, 3, H, W), RGB, [0, 1], float32."""
    if batch.dtype == np.uint8 and device.type == 'cpu':
        pixels = np.empty(batch.shape, np.float32)
        for image, out in zip(batch, pixels):
            unit_from_uint8(_turned(image), out)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)
    scale = 255
    if batch.dtype == np.uint16:  # which older torch does not know
        batch, scale = batch.astype(np.float32), 65535
    elif batch.dtype != np.uint8:
        if not np.issubdtype(batch.dtype, np.floating):
            raise ValueError(f'images of type {batch.dtype}: must be uint8, '
                             'uint16, or floating point in [0, 255]')
        batch = batch.astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(device)
    tensor = tensor.permute(0, 3, 1, 2).flip(1).float() / scale
    return tensor.contiguous(memory_format=torch.channels_last)


def _to_array(images: Tensor, dtype: np.dtype) -> np.ndarray:
    """The way back; ``images`` in [0, 1], integers are rounded."""
    if dtype == np.uint8 and images.device.type == 'cpu':
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        return np.stack([_turned(uint8_from_unit(image)) for image in pixels])
    scale = 255 if dtype == np.float32 else np.iinfo(dtype).max
    images = images.flip(1).permute(0, 2, 3, 1) * scale
    if dtype != np.float32:
        images = images.round().to(torch.int32)
    return images.cpu().numpy().astype(dtype)


def _turned(pixels: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3), uint8: BGR to RGB, or back."""
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, out)
