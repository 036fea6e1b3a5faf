"""Read photographs of every common kind, refuse others, and write results."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from PIL import Image

from .decoders import bmp, pillow, png, profiles, tiff
from .decoders.headers import (
    HEADER_BYTES,
    MAX_PIXELS,
    MAX_PIXELS_VARIABLE,
    UnsupportedError,
    max_pixels,
    recognize,
)
from .decoders.limits import pillow_limit
from .decoders.pnm import decode_pnm
from .image_metadata import keep_exif, orientation_of, parse_exif, read_exif
from .image_writer import encode_image, write_image

__all__ = [
    'IMAGE_SUFFIXES',
    'MAX_PIXELS',
    'MAX_PIXELS_VARIABLE',
    'BrokenImageError',
    'Photograph',
    'UnsupportedImageError',
    'encode_image',
    'inspect_image',
    'read_image',
    'read_photograph',
    'write_image',
]

IMAGE_SUFFIXES = (
    '.jpg',
    '.jpeg',
    '.jpe',
    '.jfif',
    '.png',
    '.apng',
    '.bmp',
    '.dib',
    '.tif',
    '.tiff',
    '.webp',
    '.ppm',
    '.pgm',
    '.pbm',
    '.pnm',
    '.gif',
    '.avif',
    '.heic',
    '.heif',
    '.jp2',
    '.j2k',
)

_TAIL = 4096  # bytes; holds the end mark and what some cameras pad it with
# By the value of the EXIF tag.
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: partial(np.rot90, k=2),
    4: np.flipud,
    5: lambda pixels: np.swapaxes(pixels, 0, 1),
    6: partial(np.rot90, k=-1),
    7: lambda pixels: np.rot90(np.swapaxes(pixels, 0, 1), 2),
    8: np.rot90,
}


class BrokenImageError(ValueError):
    """A file that is no readable photograph; the message names it and why."""

    def __init__(self, path: str | os.PathLike, reason: str) -> None:
        super().__init__(path, reason)
        self.path = os.fspath(path)
        self.reason = reason

    def __str__(self) -> str:
        return f'{self.path}: {self.reason}'


class UnsupportedImageError(BrokenImageError):
    """An image of a kind that is not read; the message says what to do."""


@dataclass(frozen=True)
class Photograph:
    """A decoded image file.

    Attributes:
        pixels: (H, W, 3), BGR; uint8, or float32 in [0, 255] of files whose
            values are not whole numbers in that range.
        gray: Whether the file has one channel; the three are equal then.
        notes: What was left out or not applied, a sentence each.
        exif: EXIF data for :func:`write_image`, where it was asked for.
    """

    pixels: np.ndarray
    gray: bool = False
    notes: tuple[str, ...] = ()
    exif: bytes = b''


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read a photograph.

    EXIF rotation is applied, gray and palette images get three channels, CMYK
    becomes RGB, and alpha is dropped (the colors under it stay). Pixels of
    up to 8 bits are converted from the ICC profile of the file to sRGB. Of
    several frames or pages the first is read.

    Args:
        path: A file on this machine.

    Returns:
        (H, W, 3), BGR: uint8, or float32 in [0, 255] of files of more than 8
        bits, and of PNM files whose maximum value does not divide 255, which
        keeps their precision.

    Raises:
        UnsupportedImageError: The file is an image of another format, has
            pixels of 32 bits, with a sign or a floating point, whose range is
            not known, or more than :data:`MAX_PIXELS` pixels.
        BrokenImageError: The file is missing, empty, truncated, damaged or
            not an image.
    """
    return read_photograph(path).pixels


def read_photograph(path: str | os.PathLike, metadata: bool = False) -> Photograph:
    """Read a photograph and its metadata; see :func:`read_image`.

    Args:
        path: A file on this machine.
        metadata: Read the EXIF data that :func:`keep_exif` keeps, too.

    Raises:
        BrokenImageError: See :func:`read_image`.
    """
    with _naming(path), open(path, 'rb') as file:
        return _decode(file.read(), metadata)


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
        kind = _recognize(file.read(HEADER_BYTES))
        if kind in pillow.END_MARKS:
            file.seek(max(size - _TAIL, 0))
            tail = file.read()
            complete = tail.rstrip(b'\0').endswith(pillow.END_MARKS[kind])
            # The orientation of a PNG may stand behind its pixels.
            if complete and b'eXIf' not in tail[tail.rfind(b'IDAT') + 1 :]:
                file.seek(0)
                with pillow.open_file(kind, file) as image:
                    width, height = image.size
                    turned = orientation_of(read_exif(image)) >= 5
                    return (width, height) if turned else (height, width)
        file.seek(0)
        height, width = _decode(file.read()).pixels.shape[:2]
        return height, width


@contextmanager
def _naming(path: str | os.PathLike) -> Iterator[None]:
    """Add the path to whatever a decoder raises on damaged bytes."""
    try:
        yield
    except MemoryError:
        raise
    except UnsupportedError as error:
        raise UnsupportedImageError(path, str(error)) from error
    except OSError as error:
        raise BrokenImageError(path, error.strerror or str(error)) from error
    except (ValueError, SyntaxError) as error:
        raise BrokenImageError(path, str(error)) from error
    except Exception as error:
        raise BrokenImageError(path, f'damaged ({type(error).__name__}: {error})') from error


def _recognize(content: bytes) -> str:
    if not content:
        raise ValueError('empty file (0 bytes)')
    kind = recognize(content[:HEADER_BYTES])
    if kind is None:
        raise ValueError('not an image')
    return kind


def _decode(content: bytes, metadata: bool = False) -> Photograph:
    kind = _recognize(content)
    if kind == 'PNM':
        return _photograph(*decode_pnm(content))
    if kind == 'TIFF':
        header = tiff.read_header(content)
        if header.own_decoder:
            return _decode_own_tiff(content, header, metadata)
    if kind == 'BMP':
        bmp.check_header(content)
    # The size of a TIFF was checked; a frame of a GIF may have any.
    with (
        pillow.refusals(),
        pillow_limit(None if kind == 'TIFF' else max_pixels()),
        pillow.open_file(kind, io.BytesIO(content)) as file,
    ):
        image: Image.Image = file
        notes = pillow.note_frames(kind, content)
        deep = kind == 'PNG' and png.is_deep(content)
        if not deep:
            pillow.load(file, kind, content)
        exif = parse_exif(png.find_exif(content)) if deep else read_exif(image)
        orientation = orientation_of(exif)
        kept = keep_exif(exif) if metadata else b''
        profile = image.info.get('icc_profile')
        if deep:
            notes += _note_profile(profile)
            return _photograph(png.decode_deep(content), 65535, orientation, notes, kept)
        if kind == 'TIFF' and image.mode == 'P' and header.small_palette:
            image.putpalette(header.small_palette)
        gray = image.mode in pillow.GRAY_MODES
        image = _drop_alpha(image)
        if profile:
            image, note = profiles.to_srgb(image, profile)
            notes += (note,) if note else ()
        # Converting copies, even where there is nothing to convert.
        if image.mode not in ('L', 'RGB'):
            image = image.convert('RGB')
        pixels = np.asarray(image)
    return _photograph(pixels.reshape(*pixels.shape[:2], -1), 255, orientation, notes, kept, gray)


def _decode_own_tiff(content: bytes, header: tiff.TiffHeader, metadata: bool) -> Photograph:
    notes = ('the first of several pages',) if header.more_pages else ()
    return _photograph(
        *tiff.decode_tiff(content, header),
        orientation_of(header),
        notes + _note_profile(header.profile),
        keep_exif(parse_exif(content)) if metadata else b'',
    )


def _photograph(
    values: np.ndarray,
    white: int,
    orientation: int = 1,
    notes: tuple[str, ...] = (),
    exif: bytes = b'',
    gray: bool | None = None,
) -> Photograph:
    """Scale (H, W, 1 or 3) samples, RGB, to [0, 255] and set them upright."""
    if 255 % white == 0 and values.dtype != np.float32:
        # No wider type: the product is 255 at most.
        values = values.astype(np.uint8, copy=False)
        if white != 255:
            values = values * np.uint8(255 // white)
    else:
        # Exact up to the division: 255 * 65535 is less than 2 ** 24.
        values = values.astype(np.float32)
        values *= 255
        values /= white
    if gray is None:
        gray = values.shape[-1] == 1
    values = _UPRIGHT.get(orientation, np.asarray)(values)
    code = cv2.COLOR_GRAY2BGR if values.shape[-1] == 1 else cv2.COLOR_RGB2BGR
    pixels = cv2.cvtColor(np.ascontiguousarray(values), code)
    return Photograph(pixels, gray, notes, exif)


def _drop_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ('RGB', 'L', 'CMYK'):
        return image
    if image.mode == 'La':
        image = image.convert('LA')
    if image.mode == 'RGBa':
        image = image.convert('RGBA')
    return image.convert('L' if image.mode in pillow.GRAY_MODES else 'RGB')


def _note_profile(profile: bytes | None) -> tuple[str, ...]:
    return ('ICC profile ignored: it is not applied to more than 8 bits',) if profile else ()
