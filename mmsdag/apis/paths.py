"""Find images, and choose the paths of their results."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mmsdag.datasets.low_light_folder import walk_images
from mmsdag.utils.files import walk_files
from mmsdag.utils.image_io import IMAGE_SUFFIXES
from mmsdag.utils.image_writer import RESULT_SUFFIXES


def find_images(folder: Path) -> list[Path]:
    """Images in a folder and its sub-folders, hidden ones left out.

    Those that a training would take, see :class:`LowLightFolderDataset`.

    Returns:
        Paths relative to ``folder``, sorted.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If there is no image in it.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f'folder {str(folder)!r} does not exist')
    found = sorted(Path(name) for name in walk_images(folder))
    if not found:
        raise ValueError(
            f'folder {str(folder)!r} has no images, here or in sub-folders '
            f'({", ".join(IMAGE_SUFFIXES)})'
        )
    return found


def others_in(folder: Path) -> list[str]:
    """Files in a folder that are not images, hidden ones left out, sorted."""
    return sorted(
        os.path.relpath(path, folder)
        for path in walk_files(folder, hidden=False)
        if not path.lower().endswith(IMAGE_SUFFIXES)
    )


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` expanded.

    Raises:
        ValueError: If it is empty or a URL.
    """
    text = os.fspath(path)
    if not text:
        raise ValueError("'' is an empty path: name a file or a folder; '.' is the current one")
    if re.match(r'[a-z][a-z0-9+]+:/', text):
        raise ValueError(f'{text!r} is a URL: download it first, and give the file')
    return Path(text).expanduser()


def check_out_dir(folder: Path) -> None:
    """Refuse a folder of results that cannot be made or written.

    A file without a name is written for a moment: permissions alone do not
    tell of read-only and virtual file systems.

    Raises:
        ValueError: If it, or a part of its path, is a file, or nothing can be
            written there.
    """
    existing = folder
    try:
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        if existing.is_dir():
            with tempfile.TemporaryFile(dir=existing):
                return
        reason = f'{str(existing)!r} is a file'
    except OSError as error:
        reason = f'{error.strerror} in {str(existing)!r}'
    raise ValueError(f'results cannot be written to {str(folder)!r}: {reason}')


def output_paths(
    names: Sequence[Path], sources: Sequence[Path], out_dir: Path, format: str = 'png'
) -> list[Path]:
    """Choose the files of results: ``out_dir/sub/a.png`` of ``sub/a.jpg``.

    Args:
        names: Names of the results, relative to ``out_dir``.
        sources: The file that each is made of.
        out_dir: Folder of the results.
        format: ``'png'``, ``'jpeg'`` or ``'webp'``.

    Raises:
        ValueError: If results have the same name, or a result that of a
            source: nothing would be written over it silently.
    """
    suffix = RESULT_SUFFIXES[format][0]
    targets = [out_dir / name.with_suffix(suffix) for name in names]
    by_target: dict[Path, list[Path]] = {}
    for target, source in zip(targets, sources):
        by_target.setdefault(target, []).append(source)
    clashes = [
        f'{" and ".join(repr(str(path)) for path in group)} would both be '
        f'written to {str(target)!r}'
        for target, group in by_target.items()
        if len(group) > 1
    ]
    if clashes:
        more = f'; and {len(clashes) - 5} more' if len(clashes) > 5 else ''
        raise ValueError(f'{"; ".join(clashes[:5])}{more}: rename or move one of each')
    real_sources = {source.resolve() for source in sources}
    for target, source in zip(targets, sources):
        if target.resolve() in real_sources:
            raise ValueError(
                f'the result of {str(source)!r} would replace the input {str(target)!r}: choose '
                'another folder for the results'
            )
    return targets
