"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write ``data`` so that a kill or a full disk leaves no half a file.

    ``path`` holds its old content, or nothing, until the new content is on
    the disk. A kill may leave ``.<name>.tmp`` beside it, which the next write
    of the same name takes over.

    Args:
        path: File to write; missing folders are made.
        data: Its whole content.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.tmp')
    try:
        with open(temporary, 'wb') as file:
            file.write(data)
            file.flush()
            # Without it, a power cut may keep the new name and lose the
            # content.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name == 'posix':
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def walk_files(folder: str | os.PathLike[str], hidden: bool = True) -> Iterator[str]:
    """Yield the paths of all files below a folder.

    Linked folders are entered, but none twice.

    Args:
        folder: The folder.
        hidden: Include files and folders whose name begins with a dot.
    """
    seen = set()
    for base, folders, files in os.walk(os.fspath(folder), followlinks=True):
        real = os.path.realpath(base)
        if real in seen:  # a link to a folder above it
            folders.clear()
            continue
        seen.add(real)
        if not hidden:
            folders[:] = [name for name in folders if name[0] != '.']
            files = [name for name in files if name[0] != '.']
        yield from (os.path.join(base, name) for name in sorted(files))


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local storage, each file written atomically.

    Named ``atomic`` in ``backend_args``.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes; see :func:`write_atomically`."""
        write_atomically(filepath, obj)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text; see :func:`write_atomically`."""
        write_atomically(filepath, obj.encode(encoding))


register_backend('atomic', AtomicLocalBackend, force=True)
