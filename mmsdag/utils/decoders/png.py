"""Decode PNG files of 16 bits a channel, which Pillow cuts to 8."""
from __future__ import annotations

import struct

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
        cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError('truncated or damaged')
    gray = content[25] in _GRAY_TYPES
    return pixels[..., :1] if gray else pixels[..., ::-1]


def _keep_pixels(content: bytes) -> bytes:
    """Leave out all chunks but the pixels of the still image.

    With those of an animation, OpenCV 4.11 decodes 16 bits as 8.
    """
    chunks, start = [_SIGNATURE], len(_SIGNATURE)
    while start + 12 <= len(content):
        length, = struct.unpack_from('>I', content, start)
        end = start + 12 + length
        kind = content[start + 4:start + 8]
        if kind in (b'IHDR', b'IDAT', b'IEND'):
            chunks.append(content[start:end])
        if kind == b'IEND':
            break
        start = end
    return b''.join(chunks)
