"""Enhance a folder of images: resumable, in shards, skipping broken files."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

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
    """Results of a folder.

    Attributes:
        enhanced: Number of images that were enhanced and written.
        skipped: Number of images that had a result already.
        failed: Errors of the other images, by path.
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
    """Pair images, and those of folders, with the files of their results.

    See :func:`plan_folder`. The result of an image lies in ``out_dir`` itself.

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


@dataclass
class _Job:
    """An image on its way from its file to that of its result."""
    source: Path
    target: Path
    image: np.ndarray | None = None
    error: Exception | None = None


def enhance_folder(inferencer: LowLightInferencer,
                   pairs: Sequence[_Pair],
                   overwrite: bool = False,
                   bit_depth: int = 8,
                   batch_size: int | None = None,
                   progress: bool = True) -> FolderReport:
    """Enhance images from disk to disk; an error stops no other image.

    Threads decode and encode while the network computes. A file is written
    whole or not at all, so that the next run continues an interrupted one.

    Args:
        inferencer: The enhancer.
        pairs: Images and their results, all or some of what
            :func:`plan_folder` gives.
        overwrite: Enhance also images that have a result.
        bit_depth: Bits per channel of the PNGs, 8 or 16.
        batch_size: Number of successive images of one size that go through
            the network together, as far as memory allows. By default 8, but 1
            on a CPU, where more is not faster.
        progress: Show a bar with the remaining time.

    Raises:
        ValueError: If ``bit_depth`` or ``batch_size`` is out of range.
    """
    dtype = _dtype_of(bit_depth)
    if batch_size is None:
        batch_size = 1 if inferencer.device.type == 'cpu' else 8
    if batch_size < 1:
        raise ValueError(f'batch_size={batch_size}: must be 1 or more')
    todo = [_Job(*pair) for pair in pairs if overwrite or not pair[1].exists()]
    report = FolderReport(skipped=len(pairs) - len(todo))
    with tqdm(total=len(todo), unit='image', disable=not progress) as bar, (
            ThreadPoolExecutor(2 * _WAITING)) as threads:
        read = _ahead(threads, _read, todo, max(_WAITING, batch_size))
        enhanced = (
            job for batch in _batches(read, batch_size, inferencer.max_pixels)
            for job in _enhance(inferencer, batch, dtype))
        for job in _ahead(threads, _write, enhanced, _WAITING):
            if job.error is None:
                report.enhanced += 1
            else:
                report.failed[str(job.source)] = _reason(job)
            bar.update()
    return report


def _ahead(threads: Executor, step: Callable[[_Job], _Job],
           jobs: Iterable[_Job], count: int) -> Iterator[_Job]:
    """Take a step of each job in threads, ``count`` ahead; yield in order."""
    running: deque[Future[_Job]] = deque()
    # Popped, so that no finished image stays in memory.
    for job in jobs:
        running.append(threads.submit(step, job))
        if len(running) > count:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _read(job: _Job) -> _Job:
    try:
        job.image = read_image(job.source)
    except Exception as error:
        job.error = error
    return job


def _enhance(inferencer: LowLightInferencer, jobs: list[_Job],
             dtype: type) -> list[_Job]:
    """Enhance a batch; after an error, each of its images alone."""
    images = [job.image for job in jobs if job.image is not None]
    if not images:
        return jobs
    # No copy of a single image, which may be large.
    batch = np.stack(images) if len(images) > 1 else images[0][None]
    try:
        enhanced = keep_gray(batch, inferencer.enhance(batch, dtype))
    except Exception as error:
        if len(jobs) > 1:
            return [_enhance(inferencer, [job], dtype)[0] for job in jobs]
        jobs[0].error = error
        return jobs
    for job, image in zip(jobs, enhanced):
        job.image = image
    return jobs


def _write(job: _Job) -> _Job:
    if job.error is None and job.image is not None:
        try:
            write_image(job.target, job.image)
        except Exception as error:
            job.error = error
    job.image = None
    return job


def _batches(jobs: Iterable[_Job], size: int,
             max_pixels: int) -> Iterator[list[_Job]]:
    """Join successive images of one shape and type, up to ``size``."""

    def kind(job: _Job) -> tuple:
        image = job.image
        return () if image is None else (image.shape, image.dtype)

    batch: list[_Job] = []
    for job in jobs:
        height, width = (0, 0) if job.image is None else job.image.shape[:2]
        pixels = (len(batch) + 1) * height * width
        if batch and (len(batch) == size or pixels > max_pixels
                      or kind(job) != kind(batch[0])):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _reason(job: _Job) -> str:
    return (str(job.error).removeprefix(f'{job.source}: ')
            or type(job.error).__name__)
