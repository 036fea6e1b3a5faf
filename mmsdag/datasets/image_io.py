"""Reading photographs of every common kind, and telling the broken ones."""
from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp',
                  '.ppm', '.pgm')

_END_MARKS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}
_TAIL = 4096  # bytes; holds the end mark and what some cameras pad it with
_DEPTHS = 'pixels of an unknown range: save it with 8 or 16 bits'
# What Pillow raises on damaged EXIF, under which the pixels may be good.
_EXIF_ERRORS = (SyntaxError, ValueError, KeyError, struct.error)
_ORIENTATION = 274  # EXIF tag; its values 5 to 8 turn the image by 90 degrees


class BrokenImageError(ValueError):
    """A file that is no readable photograph; the message names it and why."""

    def __init__(self, path: str | os.PathLike, reason: str) -> None:
        super().__init__(path, reason)
        self.path = os.fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f'{self.path}: {self.reason}'


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read a photograph.

    EXIF rotation is applied, grey and palette images get three channels, CMYK
    becomes RGB, and alpha is dropped (the colours under it stay).

    Args:
        path: A file on this machine.

    Returns:
        (H, W, 3), BGR: uint8, or of 16-bit files float32 in [0, 255], which
        keeps their precision.

    Raises:
        BrokenImageError: The file is missing, empty, truncated or no image,
            or has pixels of 32 bits or with a sign, whose range is
            anyone's guess.
    """
    with _naming(path), open(path, 'rb') as file:
        return _decode(file.read())


def inspect_image(path: str | os.PathLike) -> tuple[int, int]:
    """Check a photograph, quickly, and measure it.

    A JPEG or PNG that ends with its end mark is complete: only its header is
    read. Everything else is decoded.

    Returns:
        Height and width in pixels, as :func:`read_image` will return them.

    Raises:
        BrokenImageError: As in :func:`read_image`.
    """
    with _naming(path), open(path, 'rb') as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise ValueError('empty file (0 bytes)')
        with Image.open(file) as image:
            end_mark = _END_MARKS.get(image.format or '')
            file.seek(max(size - _TAIL, 0))
            if end_mark and file.read().rstrip(b'\0').endswith(end_mark):
                width, height = image.size
                return (width, height) if _turned(image) else (height, width)
        file.seek(0)
        height, width = _decode(file.read()).shape[:2]
        return height, width


@contextmanager
def _naming(path: str | os.PathLike) -> Iterator[None]:
    """Whatever a decoder raises on damaged bytes, say whose they are."""
    try:
        yield
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        raise BrokenImageError(path, 'not an image') from error
    except OSError as error:
        raise BrokenImageError(path, error.strerror or str(error)) from error
    except Exception as error:
        raise BrokenImageError(path, str(error)) from error


def _decode(content: bytes) -> np.ndarray:
    if not content:
        raise ValueError('empty file (0 bytes)')
    with Image.open(io.BytesIO(content)) as image:
        # Pillow cuts 16-bit colours to 8 bits; its decoders' arguments tell.
        if image.format == 'PPM' or ';16' in str(image.tile):
            return _decode_deep(content)
        if image.mode in ('I', 'F'):
            raise ValueError(_DEPTHS)
        image.load()
        if image.format == 'JPEG':
            _check_end(content)
        _set_upright(image)
        # Converting copies, even where there is nothing to convert.
        rgb = image if image.mode == 'RGB' else image.convert('RGB')
        pixels = np.asarray(rgb)
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)


def _decode_deep(content: bytes) -> np.ndarray:
    pixels = cv2.imdecode(
        np.frombuffer(content, np.uint8),
        cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise ValueError('truncated or damaged')
    if pixels.dtype == np.uint16:
        return pixels.astype(np.float32) * np.float32(255 / 65535)
    if pixels.dtype != np.uint8:
        raise ValueError(_DEPTHS)
    return pixels


def _check_end(content: bytes) -> None:
    """Refuse a JPEG whose end was never written.

    A file system that crashed, or a download into a file made in advance,
    leaves zeros, which decode to a flat area without any error.
    """
    if not any(content[-16:]) and not content.rstrip(b'\0').endswith(
            _END_MARKS['JPEG']):
        raise ValueError('image file is truncated (it ends in zeros)')


def _set_upright(image: Image.Image) -> None:
    with suppress(*_EXIF_ERRORS):
        ImageOps.exif_transpose(image, in_place=True)


def _turned(image: Image.Image) -> bool:
    exif = Image.Exif()
    with suppress(*_EXIF_ERRORS):
        # Not image.getexif(), which decodes the pixels of a PNG.
        exif.load(image.info.get('exif', b''))
        return exif.get(_ORIENTATION, 1) >= 5
    return False
