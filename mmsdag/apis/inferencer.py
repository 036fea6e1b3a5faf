"""Enhance images with a trained model."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np
import torch
from PIL import Image

from mmsdag.utils.arrays import check_range, keep_gray
from mmsdag.utils.darkness import When
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image
from mmsdag.utils.model_index import UNTRAINED, model_names
from mmsdag.utils.moved import one_checkpoint
from mmsdag.utils.system import check_device

from .paths import checked_path, find_images, output_paths

PathOrStr = Union[str, 'PathLike[str]']
ImageInput = Union[PathOrStr, np.ndarray, 'Image.Image']


class LowLightInferencer:
    """Enhance images of any size.

    Large images are enhanced in tiles. For a network with a limited receptive
    field (Zero-DCE: 7 pixels), the tiles give the same result as the whole
    image, up to the rounding of float32. For others, with instance norm or
    pooling, an image is tiled only if it does not fit into half of the memory;
    the tiles are blended, with a warning.

    Args:
        model: Name of a model, as in ``'zero_dce.sdag'``, see
            :meth:`list_models`; config of a model whose ``generator`` is an
            enhancer: a path, a name as in ``'zero_dce/zero-dce_brackets'``,
            or a ``Config``; or the enhancer's own, as in
            ``dict(type='mmsdag.GammaEnhancer')``.
        checkpoint: Weights of that model: a file, or the name of a trained
            model; ``None`` for a trained model by its name, and for an
            enhancer that has no weights.
        device: ``'cpu'``, ``'cuda'``, ``'cuda:1'``, ...; by default CUDA where
            there is a device, else the CPU.
        tile: Edge of a tile in pixels, overlap included; images of more
            than ``tile ** 2`` pixels are cut. ``'auto'`` takes what about
            1 GiB of memory (CUDA: 4) allows; 0 never cuts.
        amp_dtype: ``None`` for float32, ``'bfloat16'``, ``'float16'``, or
            ``'auto'`` for bfloat16 where the hardware has it: faster, but
            an 8-bit result may be a few levels off.
        when: Images to enhance: ``None`` for all; ``'dark'`` for those whose
            mean luma is below 0.21; a threshold of the mean luma in (0, 1];
            or a function of an image (3, H, W), RGB, [0, 1]. Other images
            stay as they are.
        weights: Older name of ``checkpoint``.

    Raises:
        FileNotFoundError: If the config or the checkpoint is missing.
        TypeError: If the checkpoint is given by both names.
        ValueError: If the config has no enhancer, the checkpoint is not of
            this network, or an option is wrong.
    """

    def __init__(
        self,
        model: PathOrStr | Mapping,
        checkpoint: PathOrStr | None = None,
        device: str | torch.device | None = None,
        tile: int | Literal['auto'] = 'auto',
        amp_dtype: str | None = None,
        when: When = None,
        weights: PathOrStr | None = None,
    ) -> None:
        owner = type(self).__name__
        checkpoint = one_checkpoint(checkpoint, owner, weights=weights)
        device = check_device(device)
        # Only now: they import torchvision, which takes seconds.
        from mmsdag.models.loading import load_enhancer
        from mmsdag.models.runner import EnhancerRunner

        self.runner = EnhancerRunner(
            load_enhancer(model, checkpoint),
            owner,
            amp_dtype=amp_dtype,
            when=when,
            device=device,
            tile=tile,
        )

    @staticmethod
    def list_models(pattern: str = '*') -> list[str]:
        """Return the names that ``model`` may be, sorted by method.

        Args:
            pattern: Names to return; ``*`` and ``?`` are wildcards, as in
                ``'zero_dce*'``.
        """
        return fnmatch.filter([*UNTRAINED, *model_names()], pattern)

    @property
    def network(self) -> Any:
        """The enhancer, a module with ``enhance(x)``."""
        return self.runner.network

    @property
    def device(self) -> torch.device:
        """Device of the enhancer."""
        return self.runner.device or torch.device('cpu')

    def __call__(
        self,
        inputs: ImageInput | Sequence[ImageInput],
        out_dir: PathOrStr | None = None,
        bit_depth: int = 8,
    ) -> list[dict[str, Any]]:
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
        if not isinstance(inputs, Sequence) or isinstance(inputs, (str, bytes)):
            inputs = [inputs]
        items = _named(inputs)
        targets: list[Path | None] = [None] * len(items)
        if out_dir is not None:
            sources = [item if isinstance(item, Path) else name for name, item in items]
            targets = list(
                output_paths([name for name, _ in items], sources, checked_path(out_dir))
            )
        results = []
        for (_, item), target in zip(items, targets):
            path = None if isinstance(item, np.ndarray) else item
            original = item if isinstance(item, np.ndarray) else read_image(item)
            image = keep_gray(original, self.enhance(original, dtype))
            if target is not None:
                write_image(target, image)
            results.append(dict(image=image, path=path, out_path=target))
        return results

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
        if images.ndim not in (3, 4) or images.shape[-1] != 3 or (0 in images.shape):
            raise ValueError(
                f'images of shape {images.shape}: must be (H, W, 3) or (N, H, W, 3), BGR'
            )
        check_range(images, 'images')
        batch = images if images.ndim == 4 else images[None]
        out = self.runner.enhance_array(batch, np.dtype(dtype))
        return out if images.ndim == 4 else out[0]


def _named(inputs: Sequence[Any]) -> list[tuple[Path, Path | np.ndarray]]:
    """Give each image the name of its result, and folders their images."""
    items: list[tuple[Path, Path | np.ndarray]] = []
    for item in _arrays_singly(inputs):
        if isinstance(item, np.ndarray):
            items.append((Path(f'{len(items):06d}.png'), item))
            continue
        source = checked_path(item)
        if source.is_dir():
            items += [(name, source / name) for name in find_images(source)]
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
                f'an input of type {type(item).__name__}: give a path, a PIL image or an array (H, '
                'W, 3), BGR; of a tensor (3, H, W), RGB, [0, 1]: 255 * tensor.flip(0).permute(1, '
                '2, 0).numpy(); of the bytes of a file: cv2.imdecode'
            )


def _dtype_of(bit_depth: int) -> type:
    dtypes = {8: np.uint8, 16: np.uint16}
    if bit_depth not in dtypes:
        raise ValueError(f'bit_depth={bit_depth!r}: must be 8 or 16')
    return dtypes[bit_depth]
