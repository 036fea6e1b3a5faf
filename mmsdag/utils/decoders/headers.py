"""Recognize the format of an image file by its first bytes."""

from __future__ import annotations

import os
import re

#: Environment variable that replaces :data:`MAX_PIXELS`.
MAX_PIXELS_VARIABLE = 'MMSDAG_MAX_PIXELS'

#: Pixels of the largest image that is decoded. A few kilobytes can announce
#: more pixels than memory holds; photographs of phones have up to 200 million.
MAX_PIXELS = 300_000_000

#: Bytes that :func:`recognize` looks at.
HEADER_BYTES = 160

_CONVERT = 'convert it to PNG or to TIFF of 8 or 16 bits'
_RAW = (
    'is a camera raw file: develop it first, for example with rawpy or '
    'darktable, to a PNG or TIFF of 16 bits'
)
_VIDEO = 'is a video: extract its frames first, for example with FFmpeg'

_READABLE = (
    ('JPEG', rb'\xff\xd8\xff'),
    ('PNG', rb'\x89PNG\r\n\x1a\n'),
    ('BMP', rb'BM'),
    ('GIF', rb'GIF8[79]a'),
    ('WebP', rb'RIFF....WEBP'),
    ('PNM', rb'P[1-6][\s#]'),
    ('AVIF', rb'....ftypavi[fs]'),
    ('HEIC', rb'....ftyp(hei[cmsx]|hev[cmsx])'),
    ('JPEG 2000', rb'\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51'),
)
_OTHERS = (
    (rb'II\*\0.{4}CR|....ftypcrx|FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0', _RAW),
    (
        rb'v/1\x01',
        'is OpenEXR, which is not supported: its range is not '
        'known. Read it with OpenEXR or imageio, scale it and save 16 bits',
    ),
    (
        rb'#\?(RADIANCE|RGBE)',
        'is Radiance HDR, which is not supported: its range is not known. Read it with OpenCV or '
        'imageio, scale it and save 16 bits',
    ),
    (
        rb'P[Ff]\s',
        'is PFM, which is not supported: its range is not known. '
        'Read it with OpenCV or imageio, scale it and save 16 bits',
    ),
    (rb'P7\s', f'is PAM, which is not supported: {_CONVERT}'),
    (
        rb'\xff\x0a|\0\0\0\x0cJXL ',
        'is JPEG XL, which is not supported: pillow-jxl-plugin or libjxl reads it; ' + _CONVERT,
    ),
    (rb'8BPS', f'is a Photoshop file, which is not supported: {_CONVERT}'),
    (rb'SIMPLE  =', f'is FITS, which is not supported: {_CONVERT}'),
    (rb'.{128}DICM', f'is DICOM, which is not supported: {_CONVERT}'),
    (rb'icns|\0\0[\x01\x02]\0.\0', f'is an icon, which is not supported: {_CONVERT}'),
    (
        rb'DDS |qoif|\x0a[\0-\x05]\x01[\x01\x02\x04\x08]'
        rb'|\x01\xda[\0\x01][\x01\x02]',
        f'is of a format that is not supported: {_CONVERT}',
    ),
    (rb'%PDF|%!PS', f'is a document, not a photograph: {_CONVERT}'),
    (rb'....ftyp(iso|mp4|qt|M4V|avc|3g)|RIFF....AVI |\x1a\x45\xdf\xa3', _VIDEO),
)


class UnsupportedError(ValueError):
    """A sound file of an unsupported kind; the message says what to do."""


def recognize(header: bytes) -> str | None:
    """Name the format of a file.

    Args:
        header: The first :data:`HEADER_BYTES` bytes of the file, or more.

    Returns:
        ``'JPEG'``, ``'PNG'``, ``'BMP'``, ``'TIFF'``, ``'GIF'``, ``'WebP'``,
        ``'PNM'``, ``'AVIF'``, ``'HEIC'`` or ``'JPEG 2000'``; None if the file
        is not an image that is known here.

    Raises:
        UnsupportedError: If it is an image of another format.
    """
    for pattern, reason in _OTHERS:
        if re.match(pattern, header, re.DOTALL):
            raise UnsupportedError(reason)
    for name, pattern in _READABLE:
        if re.match(pattern, header, re.DOTALL):
            return name
    if header[:4] in (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+'):
        return 'TIFF'
    if re.match(rb'....ftyp(mif1|msf1)', header, re.DOTALL):
        # The brand of the codec is among the compatible ones.
        return 'AVIF' if b'avif' in header[16:64] else 'HEIC'
    return None


#: Pixels along an edge. Decoders count the bits of a row in 32 bits: above it,
#: Pillow's raise MemoryError, whatever the memory.
MAX_EDGE = 2**25


def max_pixels() -> int:
    """Return the limit of pixels: the environment's, or :data:`MAX_PIXELS`.

    Raises:
        ValueError: If the environment variable is not a positive number.
    """
    text = os.environ.get(MAX_PIXELS_VARIABLE, str(MAX_PIXELS))
    if not text.isdecimal() or not int(text):
        raise ValueError(
            f'{MAX_PIXELS_VARIABLE}={text!r}: must be a number of pixels, such as {MAX_PIXELS}'
        )
    return int(text)


def check_size(width: int, height: int) -> None:
    """Refuse an image without pixels, or with more than the limit.

    Raises:
        ValueError: If it has no pixels.
        UnsupportedError: If it has more than :func:`max_pixels`, or more than
            :data:`MAX_EDGE` along an edge.
    """
    if width <= 0 or height <= 0:
        raise ValueError(f'an image of {width}x{height} pixels')
    if max(width, height) > MAX_EDGE:
        raise UnsupportedError(
            f'has {width}x{height} pixels, more than {MAX_EDGE} along an '
            'edge: the file is damaged, or has to be cut into parts'
        )
    if width * height > (limit := max_pixels()):
        raise UnsupportedError(
            f'has {width}x{height} = {width * height} pixels, more than the '
            f'limit of {limit}: if you trust the file and have the memory, '
            f'set {MAX_PIXELS_VARIABLE}={width * height} in the environment'
        )
