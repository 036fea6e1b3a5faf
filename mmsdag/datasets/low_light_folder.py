"""A folder of photographs, checked before the training starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from logging import INFO, WARNING
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.utils import track_iter_progress

from mmsdag.registry import DATASETS
from mmsdag.utils.files import walk_files
from mmsdag.utils.image_io import IMAGE_SUFFIXES, BrokenImageError, inspect_image, read_image

from .seeding import seeded

_THREADS = 8
_NAMED = 10  # files that a message names before it only counts
_BIG_FOLDER = 2000  # images from which on a check shows its progress


@DATASETS.register_module()
class LowLightFolderDataset(BaseDataset):
    """Dataset of the photographs in a folder and its sub-folders, unlabeled.

    Every file is checked when the dataset is built: at once a JPEG or PNG, of
    which the header and the end are read, and by decoding anything else.
    Broken files are left out with a warning that names and counts them. One
    that only breaks when it is decoded is named once, and another image is
    drawn in its place.

    Give it a pipeline that starts with :class:`LoadLowLightImage`. With
    :class:`ResumableSampler` the pipeline's random numbers depend on the seed
    and the number of the draw only.

    Args:
        data_root: The folder.
        data_prefix: ``img_path``: a folder inside ``data_root``.
        ann_file: A text file in ``data_root`` that lists the images to use,
            one path inside the folder a line. Defaults to all.
        pattern: Shell pattern of the file names to use, e.g. ``'*_low.png'``.
        min_size: Height and width, or one number for both, that an image must
            have: the crop of the pipeline.
        small: What to do with smaller images: ``'error'`` or ``'skip'``.
        in_memory: Decode all images at once and keep them, 3 bytes a pixel,
            shared with forked data workers.
        is_dark: Whether the photographs are dark; passed on as metainfo.
        **kwargs: See :class:`mmengine.dataset.BaseDataset`.

    Raises:
        FileNotFoundError: A missing folder, list or listed file; no images.
        ValueError: No image can be read, or images are too small.
    """

    METAINFO = dict(dataset_type='low_light_folder', task_name='enhancement')

    def __init__(
        self,
        data_root: str,
        data_prefix: dict | None = None,
        ann_file: str = '',
        pattern: str = '*',
        min_size: int | Sequence[int] = 0,
        small: str = 'error',
        in_memory: bool = False,
        is_dark: bool = False,
        **kwargs: Any,
    ) -> None:
        if small not in ('error', 'skip'):
            raise ValueError(f"small={small!r} must be 'error' or 'skip'")
        if data_prefix is None:
            data_prefix = dict(img_path='')
        if 'img_path' not in data_prefix:
            raise ValueError(
                f"data_prefix={data_prefix!r} has no 'img_path', "
                'the folder of the images inside data_root'
            )
        self.pattern = pattern
        self.min_size = (min_size, min_size) if isinstance(min_size, int) else tuple(min_size)
        if len(self.min_size) != 2:
            raise ValueError(f'min_size={min_size!r} must be a number or (height, width)')
        self.small = small
        self.in_memory = in_memory
        self.is_dark = is_dark
        self._pixels: dict[str, np.ndarray] = {}
        self._broken: set[str] = set()
        super().__init__(ann_file=ann_file, data_root=data_root, data_prefix=data_prefix, **kwargs)

    @property
    def folder(self) -> Path:
        """Return the folder of the images."""
        return Path(self.data_prefix['img_path'])

    def full_init(self) -> None:
        """Find and check the images; load them where they are kept."""
        super().full_init()
        if self.in_memory and not self._pixels:
            self._load_all()

    def load_data_list(self) -> list[dict]:
        """Return ``img_path``, ``height``, ``width`` of each usable image."""
        names = [
            name for name in self.list_names() if fnmatch(os.path.basename(name), self.pattern)
        ]
        if not names:
            raise FileNotFoundError(
                f'no images for {type(self).__name__} in {self.folder} and the folders in it '
                f'(pattern={self.pattern!r}, files of {", ".join(IMAGE_SUFFIXES)}): check '
                'data_root and data_prefix.img_path'
            )
        infos, broken = [], []
        paths = [str(self.folder / name) for name in names]
        sizes = self._map(inspect_image, paths, 'checking')
        for path, size in zip(paths, sizes):
            if isinstance(size, BrokenImageError):
                broken.append(str(size))
            else:
                infos.append(dict(img_path=path, height=size[0], width=size[1]))
        if not infos:
            raise ValueError(
                f'none of the {len(paths)} images in {self.folder} can be read:{named(broken)}'
            )
        if broken:
            print_log(
                f'{len(broken)} of {len(paths)} images in {self.folder} are '
                f'left out, because they cannot be read:{named(broken)}',
                'current',
                WARNING,
            )
        return infos

    def list_names(self) -> list[str]:
        """List the images to use, relative to the folder."""
        if not self.data_prefix['img_path'] or not self.folder.is_dir():
            raise FileNotFoundError(
                f'{type(self).__name__}: no folder {self.folder} (working folder {os.getcwd()}): '
                f'check data_root={self.data_root!r} and data_prefix.img_path'
            )
        if not self.ann_file:
            return sorted(walk_images(self.folder))
        if not os.path.isfile(self.ann_file):
            raise FileNotFoundError(f'{type(self).__name__}: no list ann_file={self.ann_file!r}')
        names = self.read_list()
        missing = [n for n in names if not (self.folder / n).is_file()]
        if missing:
            raise FileNotFoundError(
                f'{len(missing)} of the {len(names)} images that {self.ann_file} lists are not in '
                f'{self.folder}:{named(missing)}'
            )
        return names

    def read_list(self) -> list[str]:
        """Read the names in ``ann_file``."""
        lines = Path(self.ann_file).read_text(encoding='utf-8').splitlines()
        return [line.strip() for line in lines if line.strip()]

    def filter_data(self) -> list[dict]:
        """Leave out, or refuse, the images smaller than ``min_size``."""
        height, width = self.min_size
        fits, small = [], []
        for info in self.data_list:
            if info['height'] >= height and info['width'] >= width:
                fits.append(info)
            else:
                small.append('{img_path}: {height}x{width}'.format(**info))
        if not small:
            return fits
        message = (
            f'{len(small)} of {len(self.data_list)} images in {self.folder} are smaller than '
            f'min_size={height}x{width} (height x width), the crop of the pipeline'
        )
        if self.small == 'error' or not fits:
            raise ValueError(
                f'{message}; take a smaller crop and '
                f'min_size{", or leave them out by small=skip" if fits else ""}:{named(small)}'
            )
        print_log(f'{message}, and left out:{named(small)}', 'current', WARNING)
        return fits

    def __getitem__(self, idx: int) -> dict:
        """Run the pipeline on an image, seeded by its sampling position."""
        with seeded(idx):
            return super().__getitem__(idx)

    def get_data_info(self, idx: int) -> dict:
        """Describe an image; ``img`` is there if it is kept in memory."""
        info = super().get_data_info(idx)
        if info['img_path'] in self._pixels:
            # A copy: mmagic's Flip, for one, works in place.
            info['img'] = self._pixels[info['img_path']].copy()
        if self.is_dark:
            info['is_dark'] = True
        return info

    def prepare_data(self, idx: int) -> Any:
        """Run the pipeline; None, for another draw, if the file is broken."""
        try:
            return super().prepare_data(idx)
        except BrokenImageError as error:
            if self.test_mode:
                raise
            if error.path not in self._broken:
                self._broken.add(error.path)
                print_log(
                    f'{error}; another image is drawn instead (broken files '
                    f'in this process so far: {len(self._broken)})',
                    'current',
                    WARNING,
                )
            return None

    def _load_all(self) -> None:
        paths = [self.get_data_info(index)['img_path'] for index in range(len(self))]
        images = self._map(read_image, paths, 'loading')
        for path, image in zip(paths, images):
            if not isinstance(image, BrokenImageError):
                self._pixels[path] = image
        size = sum(image.nbytes for image in self._pixels.values())
        print_log(
            f'{len(self._pixels)} images of {self.folder} are kept in memory '
            f'({size / 2**30:.2f} GiB)',
            'current',
            INFO,
        )

    def _map(self, function: Callable[[str], Any], paths: list[str], verb: str) -> list:
        """Yield results, or the errors of broken files, in order."""

        def attempt(path: str) -> Any:
            try:
                return function(path)
            except BrokenImageError as error:
                return error

        with ThreadPoolExecutor(_THREADS) as pool:
            results = pool.map(attempt, paths)
            if len(paths) >= _BIG_FOLDER and is_main_process():
                print_log(f'{verb} {len(paths)} images in {self.folder}', 'current', INFO)
                results = track_iter_progress((results, len(paths)))
            return list(results)


def walk_images(folder: Path) -> Iterable[str]:
    """Yield images below a folder, except hidden ones (as ``._x.jpg``)."""
    for path in walk_files(folder, hidden=False):
        if path.lower().endswith(IMAGE_SUFFIXES):
            yield os.path.relpath(path, folder)


def named(files: list[str]) -> str:
    """List the first names, one per line, and count the others."""
    more = len(files) - _NAMED
    lines = files[:_NAMED] + ([f'and {more} more'] if more > 0 else [])
    return ''.join(f'\n  {line}' for line in lines)
