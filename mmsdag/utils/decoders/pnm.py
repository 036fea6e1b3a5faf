"""Decode PBM, PGM and PPM files of any maximum value."""

from __future__ import annotations

import re

import numpy as np

from .headers import check_size

_SPACE = rb'(?:\s|#[^\r\n]*[\r\n])+'
_NUMBER = _SPACE + rb'(\d{1,9})'
# One white space, which a comment may precede, ends the header.
_END = rb'(?:#[^\r\n]*[\r\n]|\s)'
_BITMAP = re.compile(rb'P([14])' + _NUMBER * 2 + _END)
_PIXMAP = re.compile(rb'P([2356])' + _NUMBER * 3 + _END)


def decode_pnm(content: bytes) -> tuple[np.ndarray, int]:
    """Decode the first image of a PNM file, see netpbm's ppm(5).

    Args:
        content: The file.

    Returns:
        The samples, (H, W, 1) or (H, W, 3) in RGB, uint8 or uint16; and the
        value of white, 1 to 65535.

    Raises:
        ValueError: If the file is damaged or truncated, or has samples above
            its maximum value.
        UnsupportedError: See :func:`check_size`.
    """
    match = _BITMAP.match(content) or _PIXMAP.match(content)
    if match is None:
        raise ValueError('damaged header')
    kind, width, height, *rest = (int(group) for group in match.groups())
    white = rest[0] if rest else 1
    if not 1 <= white <= 65535:
        raise ValueError(f'a maximum value of {white}: must be 1 to 65535')
    check_size(width, height)
    shape = height, width, 3 if kind in (3, 6) else 1
    raster = memoryview(content)[match.end() :]
    if kind == 4:
        return _unpack_bitmap(raster, shape), 1
    if kind in (5, 6):
        values = _take(raster, '>u2' if white > 255 else 'u1', shape)
        values = values.astype(np.uint16 if white > 255 else np.uint8)
    else:
        values = _parse(bytes(raster), shape, digits=kind == 1)
    if values.max() > white:
        raise ValueError(f'a sample of {values.max()}, more than the maximum value of {white}')
    # In a bitmap 1 is black.
    return (1 - values if kind == 1 else values), white


def _take(raster: memoryview, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape))
    if len(raster) < count * np.dtype(dtype).itemsize:
        raise ValueError('truncated')
    return np.frombuffer(raster, dtype, count).reshape(shape)


def _unpack_bitmap(raster: memoryview, shape: tuple[int, int, int]) -> np.ndarray:
    height, width, _ = shape
    rows = _take(raster, 'u1', (height, (width + 7) // 8))
    return (1 - np.unpackbits(rows, axis=1, count=width))[..., None]


def _parse(raster: bytes, shape: tuple[int, ...], digits: bool) -> np.ndarray:
    """Parse decimal numbers, or digits that need no space between them."""
    count = int(np.prod(shape))
    text = re.sub(rb'#[^\r\n]*', b'', raster)
    if digits:
        samples = [b'%c' % digit for digit in b''.join(text.split())[:count]]
    else:
        samples = text.split(maxsplit=count)[:count]
    if len(samples) < count:
        raise ValueError('truncated')
    if not b''.join(samples).isdigit() or max(map(len, samples)) > 9:
        raise ValueError('damaged: a sample is not a number')
    values = np.array([int(sample) for sample in samples])
    if values.max() > 65535:
        raise ValueError('damaged: a sample is more than 65535')
    return values.astype(np.uint16).reshape(shape)
