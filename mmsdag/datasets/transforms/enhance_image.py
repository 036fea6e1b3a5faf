"""Enhancement as a step of a data pipeline, with a cache on disk."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import uuid
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from mmsdag.registry import TRANSFORMS
from mmsdag.utils.arrays import check_range
from mmsdag.utils.darkness import DarknessGate, When
from mmsdag.utils.moved import one_checkpoint
from mmsdag.utils.system import check_device
from mmsdag.version import __version__

from .base import Transform
from .packing import with_meta_keys

if TYPE_CHECKING:
    from mmsdag.models.loading import EnhancerLike
    from mmsdag.models.runner import EnhancerRunner

#: Bytes of a SHA-256. PNG allows for what follows its end mark.
_DIGEST = 32


@TRANSFORMS.register_module()
class EnhanceImage(Transform):
    """Enhance the image of a pipeline at its current size.

    Right after ``LoadImageFromFile`` that is its original size, before any
    resizing, padding or mosaic. Each worker process builds the enhancer for
    itself, at its first image.

    With ``cache_dir`` the results for uint8 images are kept as PNGs, in a
    folder for each enhancer, under the SHA-256 of the image's pixels; the
    folder's name stands for the enhancer's config, the content of its
    checkpoint, the precision and the version of this package. Any number of
    processes may share it. A file that is damaged is made anew.

    Required and modified key: ``img``, (H, W, 3), BGR, uint8, uint16 or
    floating point in [0, 255]; the type stays, floating point becomes
    float32.

    Args:
        enhancer: Config of the enhancer, or of a model or config file whose
            ``generator`` it is, or the name of a trained model; see
            :func:`mmsdag.models.loading.network_config`.
        checkpoint: Its weights; ``None`` for one that has none, or that is
            called by its name.
        cache_dir: Folder of results; ``None`` keeps nothing.
        amp_dtype: Precision: ``None`` for float32, ``'bfloat16'``,
            ``'float16'``, or ``'auto'`` for bfloat16 where the hardware has
            it.
        device: Where the enhancer runs. A GPU needs workers that are spawned
            (``multiprocessing_context='spawn'``), or none.
        enhancer_checkpoint: Older name of ``checkpoint``.
        when: Images to enhance: ``None`` for all; ``'dark'`` for those whose
            mean luma is below 0.21; a threshold of the mean luma in (0, 1];
            or a function of an image (3, H, W), RGB, [0, 1]. Other images
            stay as they are.

    Raises:
        FileNotFoundError: If the enhancer's config or checkpoint is missing.
        TypeError: If ``enhancer`` is neither a dict nor a path.
        ValueError: If it describes no enhancer, or (at the first image) the
            checkpoint is not of it.
    """

    def __init__(
        self,
        enhancer: EnhancerLike,
        checkpoint: str | os.PathLike[str] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        amp_dtype: str | None = None,
        device: str = 'cpu',
        enhancer_checkpoint: str | os.PathLike[str] | None = None,
        when: When = None,
    ) -> None:
        # Only now: they import torchvision, which takes seconds.
        from mmsdag.models.loading import network_config, resolve
        from mmsdag.models.precision import check_amp_dtype

        checkpoint = one_checkpoint(
            checkpoint, 'EnhanceImage', enhancer_checkpoint=enhancer_checkpoint
        )
        enhancer, checkpoint = resolve(enhancer, checkpoint)
        self.enhancer, _ = network_config(enhancer)
        if checkpoint is not None and not Path(checkpoint).is_file():
            raise FileNotFoundError(
                f'checkpoint={str(checkpoint)!r} of EnhanceImage does not exist'
            )
        self.checkpoint = checkpoint
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        if self.cache_dir is not None and self.cache_dir.is_file():
            raise ValueError(
                f'cache_dir={str(cache_dir)!r} of EnhanceImage is a file; name a folder'
            )
        self.amp_dtype = check_amp_dtype(amp_dtype, 'EnhanceImage')
        self.device = device
        self.gate = DarknessGate(when)

    def transform(self, results: dict) -> dict:
        """Enhance ``results['img']``."""
        image = results.get('img')
        if image is None:
            raise ValueError("EnhanceImage finds no 'img': put it after LoadImageFromFile")
        if 'img_norm_cfg' in results:
            raise ValueError('EnhanceImage got a normalized image: put it before Normalize')
        if image.dtype not in (np.uint8, np.uint16) and (image.dtype.kind != 'f'):
            raise ValueError(
                f'EnhanceImage got an image of {image.dtype}; it takes uint8, '
                'uint16, or floating point in [0, 255]'
            )
        if self.cache_dir is None or image.dtype != np.uint8:
            results['img'] = self._enhance(image)
            return results
        path = self._cache_path(image)
        enhanced = _read(path, image.shape)
        if enhanced is None:
            enhanced = self._enhance(image)
            _write(enhanced, path)
        results['img'] = enhanced
        return results

    def _enhance(self, image: np.ndarray) -> np.ndarray:
        check_range(image, 'images')
        dtype = np.float32 if image.dtype.kind == 'f' else image.dtype
        return self._runner.enhance_array(image[None], np.dtype(dtype))[0]

    @cached_property
    def _runner(self) -> EnhancerRunner:
        from mmsdag.models.loading import load_enhancer
        from mmsdag.models.runner import EnhancerRunner

        return EnhancerRunner(
            load_enhancer(self.enhancer, self.checkpoint),
            'EnhanceImage',
            amp_dtype=self.amp_dtype,
            when=self.gate.when,
            device=check_device(self.device),
            tile='auto',
        )

    def __getstate__(self) -> dict[str, Any]:
        # A worker that is spawned builds its own.
        return {k: v for k, v in vars(self).items() if k != '_runner'}

    def _cache_path(self, image: np.ndarray) -> Path:
        # The pixels, not the file: a transform before this one may have
        # changed them.
        digest = hashlib.sha256(repr(image.shape).encode())
        digest.update(np.ascontiguousarray(image).data)
        name = digest.hexdigest()
        assert self.cache_dir is not None
        return self.cache_dir / self._fingerprint / name[:2] / f'{name}.png'

    @cached_property
    def _fingerprint(self) -> str:
        import torch

        from mmsdag.models.precision import resolve_amp_dtype

        weights = b'' if self.checkpoint is None else Path(self.checkpoint).read_bytes()
        identity = dict(
            enhancer=self.enhancer,
            weights=hashlib.sha256(weights).hexdigest(),
            precision=str(resolve_amp_dtype(self.amp_dtype, torch.device(self.device))),
            version=__version__,
        )
        if not self.gate.is_open:
            identity['when'] = repr(self.gate)

        def described(value: Any) -> str:
            # A network that is there already may have any weights.
            return (
                hashlib.sha256(pickle.dumps(value)).hexdigest()
                if isinstance(value, torch.nn.Module)
                else repr(value)
            )

        text = json.dumps(identity, sort_keys=True, default=described)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(enhancer={self.enhancer}, checkpoint={self.checkpoint!r}, '
            f'cache_dir={self.cache_dir}, amp_dtype={self.amp_dtype!r}, device={self.device!r})'
        )


def _read(path: Path, shape: tuple[int, ...]) -> np.ndarray | None:
    """Read a cached image; None if it is missing or damaged."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    png, digest = content[:-_DIGEST], content[-_DIGEST:]
    if hashlib.sha256(png).digest() != digest:
        return None
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    return image if image is not None and image.shape == shape else None


def _write(image: np.ndarray, path: Path) -> None:
    """Write a PNG followed by its SHA-256, atomically.

    Under a name of its own first, since another process may write the same
    image; without waiting for the disk, since a damaged file is made anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The fastest compression: a twentieth of the time, 3 % more bytes.
    png = cv2.imencode('.png', image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    temporary = path.with_name(f'.{path.stem}.{uuid.uuid4().hex}')
    try:
        temporary.write_bytes(png + hashlib.sha256(png).digest())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def beside_original(enhance: dict, steps: Sequence[dict]) -> list[dict]:
    """Return test-time augmentation by two views: an image enhanced, and as it is.

    A detector with mmdet's ``DetTTAModel`` merges the boxes of both, so that
    what it finds without the enhancer is not lost.

    Args:
        enhance: Config of :class:`EnhanceImage`.
        steps: Configs of the transforms after it, ``PackDetInputs`` among
            them, which is made to keep what ``DetTTAModel`` reads.
    """
    as_is = dict(type='mmdet.RandomFlip', prob=0.0)
    # DetTTAModel reads `flip` of both views.
    steps = with_meta_keys(steps, 'flip', 'flip_direction')
    groups = [[enhance, as_is], [as_is], *([step] for step in steps)]
    return [dict(type='TestTimeAug', transforms=groups)]
