"""Prepare the photographs of the demonstration."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from mmsdag.datasets import LowLightFolderDataset
from mmsdag.registry import TRANSFORMS
from mmsdag.synthetic import embedded_photographs as photos
from mmsdag.utils.hashing import digest, file_digest
from mmsdag.utils.image_io import BrokenImageError, read_image
from mmsdag.utils.image_writer import write_image

from .options import DemoOptions
from .steps import read_json, remove_own, write_json

# No scene is on both sides: both views of the motorcycle train.
TRAINING = (
    photos.ASTRONAUT,
    photos.FLOWER,
    photos.MOTORCYCLE_LEFT,
    photos.MOTORCYCLE_RIGHT,
    photos.ROCKET,
)
HELD_OUT = (photos.CHELSEA, photos.CHINA, photos.COFFEE)

#: How the embedded photographs are darkened: those of the training COPIES
#: times each, those held out once.
DARKENING: dict[str, Any] = dict(
    type='mmsdag.LowLightDegradation', order='camera', exposure=(0.04, 0.25), shot=5e-4, read=2.5e-7
)
DARKENING_HELD_OUT: dict[str, Any] = dict(DARKENING, exposure=0.1)
COPIES = 4

#: Most photographs of the user's that are used.
MOST_TRAINING, MOST_HELD_OUT = 64, 4


class Photographs:
    """The folder of prepared images.

    ``dark/`` and, of embedded photographs, ``bright/`` are for the training;
    ``held_out/`` and ``reference/`` for the report.

    Args:
        folder: The folder; it need not exist yet.
        identity: Digest of everything that the images depend on; images with
            another identity are replaced.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity
        self.manifest = read_json(folder / 'manifest.json')

    @property
    def ready(self) -> bool:
        """Return whether the folder holds images with this identity."""
        return self.manifest.get('identity') == self.identity

    @property
    def paired(self) -> bool:
        """Whether there are well-lit originals."""
        return (self.folder / 'bright').is_dir()

    def held_out(self) -> list[Path]:
        """Return the dark test images."""
        return sorted((self.folder / 'held_out').iterdir())

    @contextmanager
    def filling(self) -> Iterator[Path]:
        """Yield an empty folder that replaces this one when it is filled."""
        staging = self.folder.with_name(f'.{self.folder.name}')
        shutil.rmtree(staging, ignore_errors=True)
        yield staging
        remove_own(self.folder, 'manifest.json')
        staging.replace(self.folder)
        self.manifest = read_json(self.folder / 'manifest.json')


def prepare_photographs(options: DemoOptions, min_side: int) -> Photographs:
    """Prepare the images, unless they are done already.

    Args:
        options: Options of the demonstration.
        min_side: Smallest height and width, in pixels.

    Raises:
        FileNotFoundError: If ``options.data`` does not exist.
        ValueError: If it holds too few usable photographs.
    """
    if options.data is None:
        return _embedded_photographs(options, min_side)
    return _own_photographs(options, options.data, min_side)


def _embedded_photographs(options: DemoOptions, min_side: int) -> Photographs:
    """Darken the photographs of scikit-image and scikit-learn."""
    paths = {item: item.find() for item in (*TRAINING, *HELD_OUT)}
    photographs = Photographs(
        options.out / 'photographs',
        digest(
            [
                options.seed,
                options.max_side,
                min_side,
                DARKENING,
                COPIES,
                [file_digest(path) for path in paths.values()],
            ]
        ),
    )
    if photographs.ready:
        return photographs
    generator = torch.Generator().manual_seed(options.seed)
    several = TRANSFORMS.build(DARKENING)
    single = TRANSFORMS.build(DARKENING_HELD_OUT)
    with photographs.filling() as new:
        for item, path in paths.items():
            bright = _fit(read_image(path), options.max_side, min_side)
            name = f'{item.name}.png'
            if item in HELD_OUT:
                write_image(new / 'reference' / name, bright)
                write_image(new / 'held_out' / name, _darken(bright, single, generator))
                continue
            write_image(new / 'bright' / name, bright)
            for copy in range(COPIES):
                write_image(
                    new / 'dark' / f'{item.name} {copy + 1}.png',
                    _darken(bright, several, generator),
                )
        low, high = DARKENING['exposure']
        write_json(
            new / 'manifest.json',
            dict(
                identity=photographs.identity,
                text=f'{len(TRAINING)} photographs from scikit-image and scikit-learn, each '
                f'darkened {COPIES} times by a camera model: {low:.0%} to {high:.0%} of the light, '
                'with shot and read noise. Zero-DCE trains on the dark copies, SDAG on the '
                f'well-lit originals. {len(HELD_OUT)} other photographs, at '
                f'{DARKENING_HELD_OUT["exposure"]:.0%} of the light, are held out; both views of '
                'the motorcycle are in the training set.',
                credits=[f'{item.name}: {item.credit}' for item in paths],
            ),
        )
    return photographs


def _own_photographs(options: DemoOptions, data: Path, min_side: int) -> Photographs:
    """Take the user's dark photographs; hold out the last ones by name."""
    paths, found = _usable(data, min_side)
    photographs = Photographs(
        options.out / 'photographs',
        digest(
            [
                options.seed,
                options.max_side,
                min_side,
                [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in paths],
            ]
        ),
    )
    if photographs.ready:
        return photographs
    count = min(MOST_HELD_OUT, max(1, len(paths) // 5))
    groups = dict(held_out=paths[-count:], dark=_evenly(paths[:-count], MOST_TRAINING))
    with photographs.filling() as new:
        used = _copy_groups(groups, new, options.max_side, min_side)
        if not all(used.values()):
            raise ValueError(
                f'--data {data}: too few different photographs can be read to '
                'train on some and hold out others'
            )
        write_json(
            new / 'manifest.json',
            dict(
                identity=photographs.identity,
                text=f'{used["dark"]} of your photographs, scaled to at most {options.max_side} '
                f'pixels. {used["held_out"]} others, the last by name, are held out: photographs '
                'of one scene often have successive names, and so stay on one side. The folder '
                f'holds {found} images; broken, small and repeated ones are skipped, and at most '
                f'{MOST_TRAINING + MOST_HELD_OUT} are used. SDAG trains on the dark photographs as '
                'enhanced by the unguided Zero-DCE.',
                credits=[],
            ),
        )
    return photographs


def _usable(data: Path, min_side: int) -> tuple[list[Path], int]:
    """Return the photographs that are large enough, and how many there are."""
    if not data.is_dir():
        raise FileNotFoundError(f'--data {data}: there is no such folder')
    dataset = LowLightFolderDataset(
        data_root=str(data), min_size=min_side, small='skip', pipeline=[]
    )
    paths = [Path(dataset.get_data_info(i)['img_path']) for i in range(len(dataset))]
    if len(paths) < 2:
        raise ValueError(
            f'--data {data}: {len(paths)} usable photograph; give at least '
            'two, one to train on and one to hold out, better twenty'
        )
    return paths, len(dataset.list_names())


def _copy_groups(
    groups: dict[str, list[Path]], folder: Path, max_side: int, min_side: int
) -> dict[str, int]:
    """Copy the photographs of each group, scaled; return their numbers."""
    used = dict.fromkeys(groups, 0)
    seen: set[str] = set()
    for group, members in groups.items():
        bar = tqdm(members, desc=group, disable=None)
        for number, path in enumerate(bar):
            try:
                image = _fit(read_image(path), max_side, min_side)
            except BrokenImageError as error:
                print(f'left out: {error}', file=sys.stderr)
                continue
            content = hashlib.sha256(image.tobytes()).hexdigest()
            if content in seen:  # a copy must not be in both groups
                continue
            seen.add(content)
            used[group] += 1
            target = folder / group / f'{path.stem}.png'
            if target.exists():
                target = target.with_stem(f'{path.stem} {number}')
            write_image(target, image)
    return used


def _fit(image: np.ndarray, max_side: int, min_side: int) -> np.ndarray:
    """Scale down to ``max_side``, no side below ``min_side``; uint8."""
    scale = max(max_side / max(image.shape[:2]), min_side / min(image.shape[:2]))
    if scale < 1:
        size = [max(round(s * scale), min_side) for s in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return image.round().astype(np.uint8)


def _darken(image: np.ndarray, degradation: Any, generator: torch.Generator) -> np.ndarray:
    return to_bytes(degradation.degrade(to_tensor(image), generator))


def _evenly(items: list, most: int) -> list:
    if len(items) <= most:
        return items
    return [items[i * len(items) // most] for i in range(most)]


def to_tensor(image: np.ndarray) -> Tensor:
    """Convert (H, W, 3), uint8, to (3, H, W), [0, 1], in the same order."""
    return torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255


def to_bytes(image: Tensor) -> np.ndarray:
    """Convert (3, H, W), [0, 1], to (H, W, 3), uint8: clipped, rounded."""
    image = (image.clamp(0, 1) * 255).round().byte().cpu()
    return np.ascontiguousarray(image.permute(1, 2, 0).numpy())
