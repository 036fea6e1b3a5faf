"""Read photographs of every common kind, refuse others, and write results."""

from __future__ import annotations

import importlib
import io
import os
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageFile

from .decoders import bmp, png, profiles, tiff
from .decoders.headers import (
    HEADER_BYTES,
    MAX_PIXELS,
    MAX_PIXELS_VARIABLE,
    UnsupportedError,
    check_size,
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

_PLUGINS = {
    'JPEG': 'PIL.JpegImagePlugin:JpegImageFile',
    'PNG': 'PIL.PngImagePlugin:PngImageFile',
    'BMP': 'PIL.BmpImagePlugin:BmpImageFile',
    'TIFF': 'PIL.TiffImagePlugin:TiffImageFile',
    'GIF': 'PIL.GifImagePlugin:GifImageFile',
    'WebP': 'PIL.WebPImagePlugin:WebPImageFile',
    'JPEG 2000': 'PIL.Jpeg2KImagePlugin:Jpeg2KImageFile',
    'AVIF': 'PIL.AvifImagePlugin:AvifImageFile',
    'HEIC': 'pillow_heif:HeifImageFile',
}
_REMEDIES = {'AVIF': 'Pillow 11.3 or later reads it', 'HEIC': 'install pillow-heif, which reads it'}

_END_MARKS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}
_TAIL = 4096  # bytes; holds the end mark and what some cameras pad it with
_GRAY_MODES = ('1', 'L', 'LA', 'La')
_COLOR_MODES = ('P', 'PA', 'RGB', 'RGBA', 'RGBa', 'RGBX', 'CMYK', 'YCbCr')
_PILLOW_REFUSES = re.compile(
    r'unsupported|not supported|cannot handle|unknown pixel mode|'
    r'unrecognized|Unknown data organization|decompression bomb',
    re.I,
)
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
    """Read a photograph as :func:`read_image` does, and what is told of it.

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
        if kind in _END_MARKS:
            file.seek(max(size - _TAIL, 0))
            tail = file.read()
            complete = tail.rstrip(b'\0').endswith(_END_MARKS[kind])
            # The orientation of a PNG may stand behind its pixels.
            if complete and b'eXIf' not in tail[tail.rfind(b'IDAT') + 1 :]:
                file.seek(0)
                with _open(kind, file) as image:
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
        _refusals_of_pillow(),
        pillow_limit(None if kind == 'TIFF' else max_pixels()),
        _open(kind, io.BytesIO(content)) as file,
    ):
        image: Image.Image = file
        notes = _note_frames(kind, content)
        deep = kind == 'PNG' and png.is_deep(content)
        if not deep:
            _load(file, kind, content)
        exif = parse_exif(png.find_exif(content)) if deep else read_exif(image)
        orientation = orientation_of(exif)
        kept = keep_exif(exif) if metadata else b''
        profile = image.info.get('icc_profile')
        if deep:
            notes += _note_profile(profile)
            return _photograph(png.decode_deep(content), 65535, orientation, notes, kept)
        if kind == 'TIFF' and image.mode == 'P' and header.small_palette:
            image.putpalette(header.small_palette)
        gray = image.mode in _GRAY_MODES
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


def _open(kind: str, file: Any) -> ImageFile.ImageFile:
    """Open a file with the plug-in of its format, and check its size.

    Not ``Image.open``, which refuses 179 megapixels whatever our limit is.
    """
    module, name = _PLUGINS[kind].split(':')
    try:
        plugin = getattr(importlib.import_module(module), name)
    except ImportError:
        raise UnsupportedError(
            f'is {kind}, which is not supported here: {_REMEDIES[kind]}'
        ) from None
    try:
        image = plugin(file, '')
    except SyntaxError as error:
        if kind in _REMEDIES and 'support' in str(error):
            raise UnsupportedError(
                f'is {kind}, which this Pillow does not read: {_REMEDIES[kind]}'
            ) from error
        raise
    check_size(*image.size)
    return image


def _load(image: ImageFile.ImageFile, kind: str, content: bytes) -> None:
    """Decode, and refuse what Pillow decodes to something else."""
    if kind == 'JPEG 2000':
        _check_jpeg_2000(content)
    image.load()
    if kind == 'JPEG':
        _check_end(content)
    # Pillow enlarges the image to a first frame that exceeds it.
    if kind == 'GIF' and image.size != struct.unpack_from('<HH', content, 6):
        raise ValueError('damaged: its first frame is larger than the image')
    # The palette of a JPEG 2000 file comes out in wrong colors.
    if image.mode not in _GRAY_MODES + _COLOR_MODES or (kind == 'JPEG 2000' and image.mode == 'P'):
        raise UnsupportedError(
            f'has pixels of the kind {image.mode}, which is not supported: '
            'save gray or RGB with 8 or 16 bits'
        )


@contextmanager
def _refusals_of_pillow() -> Iterator[None]:
    """Tell images that Pillow does not know from damaged ones."""
    try:
        yield
    except UnsupportedError:
        raise
    except (
        OSError,
        SyntaxError,
        ValueError,
        NotImplementedError,
        Image.DecompressionBombError,
    ) as error:
        if _PILLOW_REFUSES.search(str(error)):
            raise UnsupportedError(
                f'is of a kind that Pillow does not read ({error}): save it '
                'anew as PNG, or TIFF of 8 or 16 bits'
            ) from error
        raise


def _check_jpeg_2000(content: bytes) -> None:
    """Refuse channels of more than 8 bits, which Pillow cuts.

    The SIZ marker follows the start of the code stream: after 38 bytes the
    number of components, then three bytes for each, of which the first is
    their bits less one, and their sign.
    """
    start = content.find(b'\xff\x4f\xff\x51')
    (count,) = struct.unpack_from('>H', content, start + 40)
    depths = content[start + 42 : start + 42 + 3 * count : 3]
    if start < 0 or any(depth > 7 for depth in depths):
        raise UnsupportedError(
            'is JPEG 2000 of more than 8 bits a channel or with a sign, which '
            'is not supported: convert it to PNG or TIFF of 16 bits'
        )


def _check_end(content: bytes) -> None:
    """Refuse a JPEG whose end was never written.

    A file system that crashed, or a download into a file made in advance,
    leaves zeros, which decode to a flat area without any error.
    """
    if not any(content[-16:]) and not content.rstrip(b'\0').endswith(_END_MARKS['JPEG']):
        raise ValueError('image file is truncated (it ends in zeros)')


def _drop_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ('RGB', 'L', 'CMYK'):
        return image
    if image.mode == 'La':
        image = image.convert('LA')
    if image.mode == 'RGBa':
        image = image.convert('RGBA')
    return image.convert('L' if image.mode in _GRAY_MODES else 'RGB')


def _note_frames(kind: str, content: bytes) -> tuple[str, ...]:
    """Count the frames of a file, apart from the image that is decoded.

    Pillow counts by going to each frame, and stays at one that is damaged:
    its size and orientation, even its pixels, would replace the first's.
    """
    frames = 1
    with suppress(Exception), _open(kind, io.BytesIO(content)) as image:
        frames = getattr(image, 'n_frames', 1)
    if frames < 2:
        return ()
    parts = 'pages' if kind == 'TIFF' else 'frames'
    return (f'the first of {frames} {parts}',)


def _note_profile(profile: bytes | None) -> tuple[str, ...]:
    return ('ICC profile ignored: it is not applied to more than 8 bits',) if profile else ()
