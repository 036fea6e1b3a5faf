"""Decode PNG files of 16 bits a channel, which Pillow cuts to 8."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cv2
import numpy as np

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_GRAY_TYPES = (0, 4)  # color types of the header: gray, with alpha


def is_deep(content: bytes) -> bool:
    """Return whether a PNG file has 16 bits a channel."""
    return content[24:25] == b'\x10'


def decode_deep(content: bytes) -> np.ndarray:
    """Decode a PNG file of 16 bits a channel; alpha is dropped.

    Returns:
        (H, W, 1), or (H, W, 3) in RGB; uint16.

    Raises:
        ValueError: If the file is truncated or damaged.
    """
    pixels = cv2.imdecode(
        np.frombuffer(_keep_pixels(content), np.uint8),
        cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION,
    )
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError('truncated or damaged')
    gray = content[25] in _GRAY_TYPES
    return pixels[..., :1] if gray else pixels[..., ::-1]


def find_exif(content: bytes) -> bytes:
    """Return the EXIF data of a PNG file, before or behind its pixels."""
    return b''.join(chunk[8:-4] for kind, chunk in _chunks(content) if kind == b'eXIf')


def _keep_pixels(content: bytes) -> bytes:
    """Leave out all chunks but the pixels of the still image.

    With those of an animation, OpenCV 4.11 decodes 16 bits as 8.
    """
    kept = (b'IHDR', b'IDAT', b'IEND')
    return _SIGNATURE + b''.join(chunk for kind, chunk in _chunks(content) if kind in kept)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each chunk, and the chunk with name and checksum."""
    start, kind = len(_SIGNATURE), b''
    while start + 12 <= len(content) and kind != b'IEND':
        length, kind = struct.unpack_from('>I4s', content, start)
        yield kind, content[start : start + 12 + length]
        start += 12 + length
