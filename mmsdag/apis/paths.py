"""Which images there are, and where their results go."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmsdag.datasets.low_light_folder import walk_images
from mmsdag.utils.image_io import IMAGE_SUFFIXES


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
            f'({", ".join(IMAGE_SUFFIXES)})')
    return found


def output_paths(names: Sequence[Path], sources: Sequence[Path],
                 out_dir: Path) -> list[Path]:
    """Where the results go: ``sub/a.jpg`` becomes ``out_dir/sub/a.png``.

    Args:
        names: Names of the results, relative to ``out_dir``.
        sources: The file that each is made of.
        out_dir: Folder of the results.

    Raises:
        ValueError: If two results have the same name, or a result that of a
            source: nothing would be written over it silently.
    """
    targets: dict[Path, Path] = {}
    for name, source in zip(names, sources):
        target = out_dir / name.with_suffix('.png')
        if target in targets:
            raise ValueError(
                f'{str(targets[target])!r} and {str(source)!r} would both be '
                f'written to {str(target)!r}: rename or move one of them')
        targets[target] = source
    real_sources = {source.resolve() for source in sources}
    for target, source in targets.items():
        if target.resolve() in real_sources:
            raise ValueError(f'the result of {str(source)!r} would replace '
                             f'the input {str(target)!r}: choose another '
                             'folder for the results')
    return list(targets)
