"""Enhance a folder of images: resumable, past broken files, in shards."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmsdag.utils.arrays import keep_gray
from mmsdag.utils.image_io import Photograph, read_photograph
from mmsdag.utils.image_writer import RESULT_SUFFIXES, check_encoding, format_of, write_image

from .inferencer import LowLightInferencer, _dtype_of
from .paths import check_out_dir, checked_path, find_images, output_paths

#: Images that wait, decoded or to be encoded; an 8K one takes 100 MB.
_WAITING = 2

_Pair = tuple[Path, Path]


@dataclass
class FolderReport:
    """Outcome of each image of a folder.

    Attributes:
        enhanced: How many were enhanced and written.
        skipped: How many had a result already.
        failed: Why the others were not, by path.
        notes: Parts of enhanced images that were left out, by path: for
            example, all but the first frame of an animation.
    """

    enhanced: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: FolderReport) -> FolderReport:
        return FolderReport(
            self.enhanced + other.enhanced,
            self.skipped + other.skipped,
            {**self.failed, **other.failed},
            {**self.notes, **other.notes},
        )

    def __str__(self) -> str:
        lines = [
            f'{self.enhanced} enhanced, {self.skipped} skipped (their '
            f'results exist), {len(self.failed)} failed'
        ]
        lines += [f'  {path}: {why}' for path, why in self.failed.items()]
        if self.notes:
            lines.append(f'{len(self.notes)} enhanced in part:')
            lines += [f'  {path}: {what}' for path, what in self.notes.items()]
        return '\n'.join(lines)


def plan_folder(in_dir: Path, out_dir: Path, format: str = 'png') -> list[_Pair]:
    """Pair the images of a folder with the files of their results.

    Args:
        in_dir: The folder.
        out_dir: Folder of the results.
        format: ``'png'``, ``'jpeg'`` or ``'webp'``.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it has no images, results would lie in it, two have
            the same name, or ``out_dir`` cannot be written.
    """
    in_dir, out_dir = checked_path(in_dir), checked_path(out_dir)
    names = find_images(in_dir)
    if out_dir.resolve().is_relative_to(in_dir.resolve()):
        raise ValueError(
            f'OUT_DIR {str(out_dir)!r} is IN_DIR {str(in_dir)!r} or lies in it: choose a folder '
            'beside it, so that no result is ever taken for an input'
        )
    check_out_dir(out_dir)
    sources = [in_dir / name for name in names]
    return list(zip(sources, output_paths(names, sources, out_dir, format)))


def plan_images(inputs: Sequence[Path], out: Path, format: str | None = None) -> list[_Pair]:
    """Pair images, and those of folders, with the files of their results.

    Args:
        inputs: Images and folders; the result of an image lies in ``out``
            itself.
        out: Folder of the results, or the file of the only one.
        format: As for :func:`plan_folder`; by default that of the file
            ``out``, else PNG.

    Raises:
        FileNotFoundError: If one of ``inputs`` does not exist.
        ValueError: See :func:`plan_folder`.
    """
    inputs, out = [checked_path(item) for item in inputs], checked_path(out)
    if any(out.suffix.lower() in group for group in RESULT_SUFFIXES.values()) and not out.is_dir():
        return _plan_file(inputs, out, format)
    pairs: list[_Pair] = []
    for item in inputs:
        if item.is_dir():
            pairs += plan_folder(item, out)
        elif item.is_file():
            pairs.append((item, out / item.name))
        else:
            raise FileNotFoundError(f'{str(item)!r} does not exist')
    check_out_dir(out)
    # Once more over all of them: two folders may have the same names.
    sources = [source for source, _ in pairs]
    names = [result.relative_to(out) for _, result in pairs]
    return list(zip(sources, output_paths(names, sources, out, format or 'png')))


def _plan_file(inputs: Sequence[Path], out: Path, format: str | None) -> list[_Pair]:
    if len(inputs) != 1 or inputs[0].is_dir():
        raise ValueError(
            f'{str(out)!r} is the name of a file, but there may be several results: name a folder'
        )
    if format not in (None, format_of(out)):
        raise ValueError(
            f'{str(out)!r} is not the name of a {format} file: '
            'leave the format out, or change the suffix'
        )
    if not inputs[0].is_file():
        raise FileNotFoundError(f'{str(inputs[0])!r} does not exist')
    if out.resolve() == inputs[0].resolve():
        raise ValueError(f'{str(out)!r} is the input: choose another name')
    check_out_dir(out.parent)
    return [(inputs[0], out)]


@dataclass
class Job:
    """An image on its way from file to file.

    Attributes:
        source: File that is read.
        target: File that is written.
        photograph: Content of the source, while it is needed.
        result: Enhanced image, (H, W, 3), BGR.
        error: What went wrong.
    """

    source: Path
    target: Path
    photograph: Photograph | None = None
    result: np.ndarray | None = None
    error: Exception | None = None


def enhance_folder(
    inferencer: LowLightInferencer,
    pairs: Sequence[_Pair],
    overwrite: bool = False,
    bit_depth: int = 8,
    batch_size: int | None = None,
    progress: bool = True,
    quality: int | None = None,
    keep_metadata: bool = False,
) -> FolderReport:
    """Enhance image files, and report those that fail.

    Threads decode and encode while the network computes. A file is written
    whole or not at all, so that an interrupted run goes on where it was.

    Args:
        inferencer: The enhancer.
        pairs: Images and their results, all or some of what
            :func:`plan_folder` gives.
        overwrite: Enhance also those that have a result.
        bit_depth: 8 or 16 bits a channel; 16 of PNGs only.
        batch_size: How many images of one size, next to each other in
            ``pairs``, go through the network together, as far as memory
            allows. By default 8, but 1 on a CPU, where more is not faster.
        progress: Show a bar with the time that is left.
        quality: Of JPEG and WebP, 1 to 100; 95 by default.
        keep_metadata: Copy date, place and camera from the EXIF data.

    Raises:
        ValueError: For an option out of its range.
    """
    dtype: np.dtype = np.dtype(_dtype_of(bit_depth))
    if batch_size is None:
        batch_size = 1 if inferencer.device.type == 'cpu' else 8
    if batch_size < 1:
        raise ValueError(f'batch_size={batch_size}: must be 1 or more')
    for format in {format_of(target) for _, target in pairs}:
        check_encoding(format, bit_depth, quality)
    todo = [Job(*pair) for pair in pairs if overwrite or not pair[1].exists()]
    report = FolderReport(skipped=len(pairs) - len(todo))
    bar = tqdm(total=len(todo), unit='image', disable=not progress)
    writing: deque[Future] = deque()
    with bar, ThreadPoolExecutor(2 * _WAITING) as threads:
        jobs = _ahead(
            threads, partial(_read, metadata=keep_metadata), todo, max(_WAITING, batch_size)
        )
        for batch in _batches(jobs, batch_size, inferencer.runner.max_pixels):
            _enhance(batch, inferencer, dtype)
            writing += [threads.submit(_write, job, quality) for job in batch]
            while len(writing) > _WAITING:
                _finish(writing.popleft().result(), report, bar)
        for future in writing:
            _finish(future.result(), report, bar)
    return report


def _read(job: Job, metadata: bool) -> Job:
    try:
        job.photograph = read_photograph(job.source, metadata)
    except Exception as error:
        job.error = error
    return job


def _enhance(batch: Sequence[Job], inferencer: LowLightInferencer, dtype: np.dtype) -> None:
    images = [job.photograph.pixels for job in batch if job.photograph]
    if not images:
        return
    try:
        stacked = _stack(images)
        results = keep_gray(stacked, inferencer.enhance(stacked, dtype))
    except Exception as error:
        if len(batch) == 1:
            batch[0].error = error
            return
        # One of them is to blame, not all.
        for job in batch:
            _enhance([job], inferencer, dtype)
        return
    for job, result in zip(batch, results):
        job.result = result


def _write(job: Job, quality: int | None) -> Job:
    if job.photograph is not None and job.result is not None:
        try:
            write_image(job.target, job.result, quality, job.photograph.exif)
        except Exception as error:
            job.error = error
    job.result = None
    return job


def _finish(job: Job, report: FolderReport, bar: tqdm) -> None:
    source = str(job.source)
    if job.error is not None:
        report.failed[source] = (
            str(job.error).removeprefix(f'{source}: ') or type(job.error).__name__
        )
    else:
        report.enhanced += 1
        if job.photograph is not None and job.photograph.notes:
            report.notes[source] = '; '.join(job.photograph.notes)
    bar.update()


def _ahead(
    threads: Executor, function: Callable[[Any], Any], items: Iterable, count: int
) -> Iterator:
    """Call a function in threads, ``count`` items ahead of the consumer."""
    running: deque[Future] = deque()
    for item in items:
        running.append(threads.submit(function, item))
        if len(running) > count:
            yield running.popleft().result()
    for future in running:
        yield future.result()


def _batches(jobs: Iterable[Job], size: int, max_pixels: int) -> Iterator[list[Job]]:
    """Join neighbors of one shape and type, up to ``size``."""

    def kind(job: Job) -> tuple:
        pixels = job.photograph.pixels if job.photograph else None
        return () if pixels is None else (pixels.shape, pixels.dtype)

    batch: list[Job] = []
    for job in jobs:
        shape = kind(job)[0] if job.photograph else (0, 0)
        pixels = (len(batch) + 1) * shape[0] * shape[1]
        if batch and (
            len(batch) == size
            or pixels > max_pixels
            or not job.photograph
            or kind(job) != kind(batch[0])
        ):
            yield batch
            batch = []
        batch.append(job)
    if batch:
        yield batch


def _stack(images: list[np.ndarray]) -> np.ndarray:
    # No copy of a single image, which may be large.
    return np.stack(images) if len(images) > 1 else images[0][None]
