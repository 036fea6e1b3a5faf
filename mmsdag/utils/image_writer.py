"""Encode images and write them, each file whole or not at all."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from .files import write_atomically

#: Formats of results: the suffixes of each, the usual one first.
RESULT_SUFFIXES = {'png': ('.png',), 'jpeg': ('.jpg', '.jpeg'), 'webp': ('.webp',)}

#: Quality of JPEG and WebP where none is given.
QUALITY = 95


def format_of(path: str | Path) -> str:
    """Name the format of a result by its suffix.

    Raises:
        ValueError: If results are not written in that format.
    """
    suffix = Path(path).suffix.lower()
    for name, suffixes in RESULT_SUFFIXES.items():
        if suffix in suffixes:
            return name
    known = ', '.join(s for group in RESULT_SUFFIXES.values() for s in group)
    raise ValueError(
        f'{str(path)!r}: results are written as PNG, JPEG or '
        f'WebP ({known}), not as {suffix or "no suffix"}'
    )


def check_encoding(format: str, bit_depth: int = 8, quality: int | None = None) -> None:
    """Refuse options that do not go together.

    Raises:
        ValueError: For an unknown format, more than 8 bits in another format
            than PNG, or a quality outside of 1 to 100 or for PNG.
    """
    if format not in RESULT_SUFFIXES:
        raise ValueError(f'format={format!r}: must be one of {", ".join(RESULT_SUFFIXES)}')
    if bit_depth > 8 and format != 'png':
        raise ValueError(
            f'format={format!r} has 8 bits a channel, not '
            f"{bit_depth}: take bit_depth=8 or format='png'"
        )
    if quality is None:
        return
    if format == 'png':
        raise ValueError(f'quality={quality}: PNG is lossless and has none')
    if not 1 <= quality <= 100:
        raise ValueError(f'quality={quality}: must be 1 to 100')


def encode_image(
    image: np.ndarray, format: str = 'png', quality: int | None = None, exif: bytes = b''
) -> bytes:
    """Encode an image.

    Args:
        image: (H, W, 3), BGR; (H, W) or (H, W, 1), gray. uint8, or uint16
            for PNG.
        format: ``'png'``, ``'jpeg'`` or ``'webp'``.
        quality: Of JPEG and WebP, 1 to 100; :data:`QUALITY` by default.
        exif: EXIF data to put in, as :class:`Photograph` has it.

    Returns:
        The content of a file.

    Raises:
        ValueError: See :func:`check_encoding`.
        OSError: If the image cannot be encoded.
    """
    check_encoding(format, 8 * image.dtype.itemsize, quality)
    if format == 'png':
        encoded, content = cv2.imencode('.png', image)
        if not encoded:
            raise OSError('OpenCV cannot encode this image')
        return _insert_exif(content.tobytes(), exif)
    gray = image.ndim == 2 or image.shape[-1] == 1
    pixels = image.reshape(image.shape[:2]) if gray else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    file = io.BytesIO()
    options = dict(exif=exif) if exif else {}
    Image.fromarray(pixels).save(
        file, format, quality=QUALITY if quality is None else quality, **options
    )
    return file.getvalue()


def write_image(
    path: str | Path, image: np.ndarray, quality: int | None = None, exif: bytes = b''
) -> None:
    """Write an image, whole or not at all, in the format of the suffix.

    Args:
        path: A file that ends with one of :data:`RESULT_SUFFIXES`; missing
            folders are made.
        image: See :func:`encode_image`.
        quality: Of JPEG and WebP, 1 to 100.
        exif: EXIF data to put in.

    Raises:
        ValueError: See :func:`format_of` and :func:`check_encoding`.
        OSError: If the file cannot be written.
    """
    write_atomically(path, encode_image(image, format_of(path), quality, exif))


def _insert_exif(content: bytes, exif: bytes) -> bytes:
    """Put EXIF data into a PNG file, behind its header."""
    if not exif:
        return content
    data = exif.removeprefix(b'Exif\0\0')
    chunk = b'eXIf' + data
    header = 8 + 25  # signature; length, name, content and checksum of IHDR
    return b''.join(
        (
            content[:header],
            struct.pack('>I', len(data)),
            chunk,
            struct.pack('>I', zlib.crc32(chunk)),
            content[header:],
        )
    )
