"""Replace Pillow's limit of pixels by that of this package, temporarily."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

_lock = threading.Lock()
_active: list[int | None] = []
_original: int | None = None


@contextmanager
def pillow_limit(pixels: int | None) -> Iterator[None]:
    """Set ``PIL.Image.MAX_IMAGE_PIXELS``; of several threads the highest.

    By default Pillow refuses 179 million. It counts the bytes of TIFF files
    that :mod:`.tiff` presents to it as pixels: 30 megapixels of 16 bits.

    Args:
        pixels: Pillow warns above it, and refuses twice as many; None: no
            limit, for files whose size was checked.
    """
    global _original
    with _lock:
        if not _active:
            _original = Image.MAX_IMAGE_PIXELS
        _active.append(pixels)
        _set_limit()
    try:
        yield
    finally:
        with _lock:
            _active.remove(pixels)
            _set_limit()


def _set_limit() -> None:
    if not _active:
        Image.MAX_IMAGE_PIXELS = _original
    else:
        finite = [pixels for pixels in _active if pixels is not None]
        Image.MAX_IMAGE_PIXELS = max(finite) if len(finite) == len(_active) else None
