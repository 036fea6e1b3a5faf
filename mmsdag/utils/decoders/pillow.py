"""Decode image files by Pillow's plug-ins, and refuse what they misread."""

from __future__ import annotations

import importlib
import io
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from PIL import Image, ImageFile

from .headers import UnsupportedError, check_size

END_MARKS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82'}
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

GRAY_MODES = ('1', 'L', 'LA', 'La')
_COLOR_MODES = ('P', 'PA', 'RGB', 'RGBA', 'RGBa', 'RGBX', 'CMYK', 'YCbCr')
_PILLOW_REFUSES = re.compile(
    r'unsupported|not supported|cannot handle|unknown pixel mode|'
    r'unrecognized|Unknown data organization|decompression bomb',
    re.I,
)


def open_file(kind: str, file: Any) -> ImageFile.ImageFile:
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


def load(image: ImageFile.ImageFile, kind: str, content: bytes) -> None:
    """Decode a file; refuse those that Pillow decodes wrongly."""
    if kind == 'JPEG 2000':
        _check_jpeg_2000(content)
    image.load()
    if kind == 'JPEG':
        _check_end(content)
    # Pillow enlarges the image to a first frame that exceeds it.
    if kind == 'GIF' and image.size != struct.unpack_from('<HH', content, 6):
        raise ValueError('damaged: its first frame is larger than the image')
    # The palette of a JPEG 2000 file comes out in wrong colors.
    if image.mode not in GRAY_MODES + _COLOR_MODES or (kind == 'JPEG 2000' and image.mode == 'P'):
        raise UnsupportedError(
            f'has pixels of the kind {image.mode}, which is not supported: '
            'save gray or RGB with 8 or 16 bits'
        )


@contextmanager
def refusals() -> Iterator[None]:
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
                'again as PNG, or TIFF of 8 or 16 bits'
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
    if not any(content[-16:]) and not content.rstrip(b'\0').endswith(END_MARKS['JPEG']):
        raise ValueError('image file is truncated (it ends in zeros)')


def note_frames(kind: str, content: bytes) -> tuple[str, ...]:
    """Count the frames of a file, apart from the image that is decoded.

    Pillow counts by going to each frame, and stays at one that is damaged:
    its size and orientation, even its pixels, would replace the first's.
    """
    frames = 1
    with suppress(Exception), open_file(kind, io.BytesIO(content)) as image:
        frames = getattr(image, 'n_frames', 1)
    if frames < 2:
        return ()
    parts = 'pages' if kind == 'TIFF' else 'frames'
    return (f'the first of {frames} {parts}',)
