"""Enhance a folder of images: resumable, past broken files, in shards."""
from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmsdag.utils.arrays import keep_gray
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image

from .inferencer import LowLightInferencer, _dtype_of
from .paths import find_images, output_paths

#: Images that wait, decoded or to be encoded; an 8K one takes 100 MB.
_WAITING = 2

_Pair = tuple[Path, Path]


@dataclass
class FolderReport:
    """What became of the images of a folder.

    Attributes:
        enhanced: How many were enhanced and written.
        skipped: How many had a result already.
        failed: Why the others were not, by path.
    """
    enhanced: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: FolderReport) -> FolderReport:
        return FolderReport(self.enhanced + other.enhanced,
                            self.skipped + other.skipped,
                            {**self.failed, **other.failed})

    def __str__(self) -> str:
        lines = [f'{self.enhanced} enhanced, {self.skipped} skipped (their '
                 f'results exist), {len(self.failed)} failed']
        lines += [f'  {path}: {why}' for path, why in self.failed.items()]
        return '\n'.join(lines)


def plan_folder(in_dir: Path, out_dir: Path) -> list[_Pair]:
    """Pair the images of a folder with the files of their results.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no images, results would lie in it, or two have
            the same name.
    """
    names = find_images(in_dir)
    if out_dir.resolve().is_relative_to(in_dir.resolve()):
        raise ValueError(
            f'OUT_DIR {str(out_dir)!r} is IN_DIR {str(in_dir)!r} or lies in '
            'it: choose a folder beside it, so that no result is ever taken '
            'for an input')
    sources = [in_dir / name for name in names]
    return list(zip(sources, output_paths(names, sources, out_dir)))


def plan_images(inputs: Sequence[Path], out_dir: Path) -> list[_Pair]:
    """As :func:`plan_folder`, for images and folders together.

    The result of an image lies in ``out_dir`` itself.

    Raises:
        FileNotFoundError: If one of ``inputs`` does not exist.
        ValueError: See :func:`plan_folder`.
    """
    pairs: list[_Pair] = []
    for item in inputs:
        if item.is_dir():
            pairs += plan_folder(item, out_dir)
        elif item.is_file():
            pairs.append((item, out_dir / item.name))
        else:
            raise FileNotFoundError(f'{str(item)!r} does not exist')
    # Once more over all of them: two folders may have the same names.
    sources = [source for source, _ in pairs]
    names = [result.relative_to(out_dir) for _, result in pairs]
    return list(zip(sources, output_paths(names, sources, out_dir)))


def enhance_folder(inferencer: LowLightInferencer,
                   pairs: Sequence[_Pair],
                   overwrite: bool = False,
                   bit_depth: int = 8,
                   batch_size: int | None = None,
                   progress: bool = True) -> FolderReport:
    """Enhance images from disk to disk, whatever happens to some of them.

    Threads decode and encode while the network computes. A file is written
    whole or not at all, so that an interrupted run goes on where it was.

    Args:
        inferencer: The enhancer.
        pairs: Images and their results, all or some of what
            :func:`plan_folder` gives.
        overwrite: Enhance also those that have a result.
        bit_depth: Of the PNGs: 8 or 16 bits a channel.
        batch_size: How many images of one size, next to each other in
            ``pairs``, go through the network together, as far as memory
            allows. By default 8, but 1 on a CPU, where more is not faster.
        progress: Show a bar with the time that is left.
    """
    dtype = _dtype_of(bit_depth)
    if batch_size is None:
        batch_size = 1 if inferencer.device.type == 'cpu' else 8
    if batch_size < 1:
        raise ValueError(f'batch_size={batch_size}: must be 1 or more')
    todo = [pair for pair in pairs if overwrite or not pair[1].exists()]
    report = FolderReport(skipped=len(pairs) - len(todo))
    bar = tqdm(total=len(todo), unit='image', disable=not progress)

    def finish(source: Path, error: BaseException | None) -> None:
        if error is None:
            report.enhanced += 1
        else:
            report.failed[str(source)] = _reason(error, source)
        bar.update()

    def read() -> Iterator[tuple[_Pair, np.ndarray]]:
        jobs = ((pair, read_image, pair[0]) for pair in todo)
        for pair, image in _ahead(threads, jobs, max(_WAITING, batch_size)):
            if image.exception() is None:
                yield pair, image.result()
            else:
                finish(pair[0], image.exception())

    def enhance(pairs: Sequence[_Pair], images: np.ndarray) -> Iterator[tuple]:
        try:
            enhanced = keep_gray(images, inferencer.enhance(images, dtype))
        except Exception as error:
            if len(pairs) == 1:
                finish(pairs[0][0], error)
                return
            # One of them is to blame, not all.
            for i, pair in enumerate(pairs):
                yield from enhance([pair], images[i:i + 1])
            return
        for (source, target), image in zip(pairs, enhanced):
            yield source, write_image, target, image

    with bar, ThreadPoolExecutor(2 * _WAITING) as threads:
        batches = _batches(read(), batch_size, inferencer.max_pixels)
        jobs = (job for batch in batches for job in enhance(*batch))
        for source, written in _ahead(threads, jobs, _WAITING):
            finish(source, written.exception())
    return report


def _ahead(threads: Executor, jobs: Iterable[tuple],
           count: int) -> Iterator[tuple[Any, Future]]:
    """Run jobs in threads, ``count`` ahead of the one that is waited for.

    Args:
        threads: Where they run.
        jobs: (key, function, *arguments).
        count: How many at once, or waiting.

    Yields:
        Key and future of each job, in order.
    """
    running: deque[tuple[Any, Future]] = deque()
    for key, function, *arguments in jobs:
        running.append((key, threads.submit(function, *arguments)))
        if len(running) > count:
            yield running.popleft()
    yield from running


def _batches(images: Iterable[tuple[_Pair, np.ndarray]], size: int,
             max_pixels: int) -> Iterator[tuple[list[_Pair], np.ndarray]]:
    """Join neighbours of one shape and type, up to ``size``."""

    def kind(image: np.ndarray) -> tuple:
        return image.shape, image.dtype

    pairs: list[_Pair] = []
    batch: list[np.ndarray] = []
    for pair, image in images:
        pixels = (len(batch) + 1) * image.shape[0] * image.shape[1]
        if batch and (len(batch) == size or pixels > max_pixels
                      or kind(image) != kind(batch[0])):
            yield pairs, _stack(batch)
            pairs, batch = [], []
        pairs.append(pair)
        batch.append(image)
    if batch:
        yield pairs, _stack(batch)


def _stack(images: list[np.ndarray]) -> np.ndarray:
    # No copy of a single image, which may be large.
    return np.stack(images) if len(images) > 1 else images[0][None]


def _reason(error: BaseException, source: Path) -> str:
    return str(error).removeprefix(f'{source}: ') or type(error).__name__
