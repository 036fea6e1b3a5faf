"""Decode TIFF files that Pillow cannot, mainly those of 9 to 16 bits.

libtiff (in Pillow) only decompresses: the file is presented to it as a gray
image of 8 bits whose rows are the rows of the file, byte by byte. This module
interprets the bytes by the tags of the file (TIFF 6.0 specification).
"""

from __future__ import annotations

import io
import lzma
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import TiffImagePlugin

from .headers import UnsupportedError, check_size
from .limits import pillow_limit

_REDUCED, _WIDTH, _HEIGHT, _BITS, _COMPRESSION = 254, 256, 257, 258, 259
_PHOTOMETRIC, _FILL_ORDER, _STRIPS, _SAMPLES = 262, 266, 273, 277
_ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 278, 279, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_COLOR_MAP = 320
_INK_SET, _EXTRA, _FORMAT, _PROFILE, _DNG = 332, 338, 339, 34675, 50706

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _CMYK: 4}
_YCBCR = 6
_COLOR_SPACES = {
    3: 'palette',
    4: 'mask',
    6: 'YCbCr',
    8: 'CIELab',
    9: 'ICCLab',
    10: 'ITULab',
    32844: 'LogL',
    32845: 'LogLuv',
}
_RAW_SPACES = (32803, 34892)  # color filter array, linear raw
# None, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard.
_COMPRESSIONS = (1, 5, 8, 32946, 32773, 34925, 50000)
_LZMA = 34925
_FOREIGN = {
    34712: 'JPEG 2000',
    34887: 'LERC',
    34934: 'JPEG XL',
    50001: 'WebP',
    50002: 'JPEG XL',
    52546: 'JPEG XL',
}
_FAX = (2, 3, 4, 32771)
_FORMATS = {2: 'signed integer', 3: 'floating-point', 5: 'complex', 6: 'complex'}


@dataclass(frozen=True)
class TiffHeader:
    """The tags of the first image of a TIFF file.

    Attributes:
        tags: Values by the number of the tag.
        byte_order: ``'<'`` or ``'>'``.
        more_pages: Whether another image follows.
    """

    tags: Mapping[int, tuple]
    byte_order: str
    more_pages: bool

    def get(self, tag: int, default: int) -> int:
        """Return the only, or the first, number of a tag."""
        return int(self.tags.get(tag, (default,))[0])

    @property
    def bits(self) -> tuple[int, ...]:
        """Return the bits of each sample of a pixel."""
        return tuple(self.tags.get(_BITS, (1,)))

    @property
    def deep(self) -> bool:
        """Return whether a sample has more than 8 bits."""
        return max(self.bits) > 8

    @property
    def own_decoder(self) -> bool:
        """Return whether :func:`decode_tiff` must decode it."""
        photometric = self.get(_PHOTOMETRIC, _BLACK_IS_ZERO)
        extra = self.get(_SAMPLES, 1) - _CHANNELS.get(photometric, 99)
        # Pillow knows extra channels of black-is-zero, and one of RGB, if
        # the samples of a pixel are stored together.
        known = self.get(_PLANAR, 1) == 1 and (
            photometric == _BLACK_IS_ZERO or extra <= int(photometric == _RGB)
        )
        return self.deep or (
            set(self.bits) == {8}
            and extra > 0
            and not known
            and self.get(_COMPRESSION, 1) in _COMPRESSIONS
        )

    @property
    def small_palette(self) -> bytes | None:
        """The palette, RGB, if it has 8 bits in place of TIFF's 16."""
        values = self.tags.get(_COLOR_MAP, ())
        # As libtiff has it: some writers do not scale their colors.
        if not values or max(values) > 255:
            return None
        return np.array(values, np.uint8).reshape(3, -1).T.tobytes()

    @property
    def profile(self) -> bytes | None:
        """ICC profile, if there is one."""
        profile = self.tags.get(_PROFILE)
        return bytes(profile[0]) if profile else None


def read_header(content: bytes) -> TiffHeader:
    """Read the tags of a TIFF file and refuse what would be read wrongly.

    Raises:
        ValueError: If the file is damaged.
        UnsupportedError: If pixels are raw sensor values, have a sign or a
            floating point, more than 16 bits, or another color space at more
            than 8 bits.
    """
    file = io.BytesIO(content)
    if content[:4] == b'MM\0+':
        raise UnsupportedError(
            'is BigTIFF in big-endian byte order, which Pillow does not read: save it again as TIFF'
        )
    directory = TiffImagePlugin.ImageFileDirectory_v2(content[: 16 if content[2] == 43 else 8])
    file.seek(directory.next)
    directory.load(file)
    tags = {}
    for tag in directory:
        value = directory[tag]
        tags[tag] = value if isinstance(value, tuple) else (value,)
    header = TiffHeader(tags, '<' if content[:1] == b'I' else '>', bool(directory.next))
    check_size(header.get(_WIDTH, 0), header.get(_HEIGHT, 0))
    _check(header)
    _check_parts(header, content)
    return header


def _check(header: TiffHeader) -> None:
    photometric = header.get(_PHOTOMETRIC, _BLACK_IS_ZERO)
    if photometric in _RAW_SPACES or (_DNG in header.tags and header.get(_REDUCED, 0) & 1):
        raise UnsupportedError(
            'holds raw sensor values: develop it first, for example with '
            'rawpy or darktable, to a PNG or TIFF of 16 bits'
        )
    if header.get(_REDUCED, 0) & 1 and header.more_pages:
        raise UnsupportedError(
            'starts with a preview of reduced size, as camera raw files do: '
            'save the full image as PNG or TIFF of 8 or 16 bits'
        )
    kind = header.get(_FORMAT, 1)
    if kind in _FORMATS or max(header.bits) > 16:
        raise UnsupportedError(
            f'has {_FORMATS.get(kind, "unsigned integer")} pixels of {max(header.bits)} bits, '
            'which are not supported: pixels of an unknown range. Read it with tifffile or '
            'imageio, scale it and save 8 or 16 bits'
        )
    if header.get(_COMPRESSION, 1) in _FOREIGN:
        raise UnsupportedError(
            f'is compressed with {_FOREIGN[header.get(_COMPRESSION, 1)]}, which libtiff often '
            'lacks and is not supported: save it without compression, with LZW or Deflate'
        )
    if header.get(_COMPRESSION, 1) in _FAX:
        # Of these, libtiff decodes damaged rows to stripes without an error.
        raise UnsupportedError(
            'is a fax page (CCITT compression), which is not supported, '
            'since damage to it would not be found: save it as PNG'
        )
    if not header.deep:
        return
    if photometric not in _CHANNELS or (photometric == _CMYK and header.get(_INK_SET, 1) != 1):
        space = _COLOR_SPACES.get(photometric, f'number {photometric}')
        raise UnsupportedError(
            f'has the color space {space} with {max(header.bits)} bits, which '
            'is not supported: convert it to RGB'
        )
    if len(set(header.bits)) > 1:
        raise UnsupportedError(
            f'has channels of {header.bits} bits, which is not supported: save 8 or 16 bits'
        )
    if header.get(_COMPRESSION, 1) not in _COMPRESSIONS:
        raise UnsupportedError(
            f'has {max(header.bits)} bits under compression number {header.get(_COMPRESSION, 1)}, '
            'which is not supported: save it without compression, with LZW or Deflate'
        )
    if header.get(_SAMPLES, 1) < _CHANNELS[photometric]:
        raise ValueError(
            f'damaged: {header.get(_SAMPLES, 1)} samples a pixel are too few for its color space'
        )


def _check_parts(header: TiffHeader, content: bytes) -> None:
    """Refuse strips and tiles that Pillow would misread without an error."""
    rows, height = header.get(_ROWS, 0), header.get(_HEIGHT, 0)
    strips = header.tags.get(_STRIPS, ())
    # Pillow leaves the rows of missing strips black.
    if strips and rows > 0 and len(strips) < -(-height // rows):
        raise ValueError(
            f'damaged: {len(strips)} strips of {rows} rows, which are too few for {height} rows'
        )
    for offsets, sizes in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
        starts = header.tags.get(offsets, ())
        lengths = header.tags.get(sizes, ())
        if len(lengths) < len(starts):
            raise ValueError(f'damaged: {len(starts)} strips or tiles, but sizes of {len(lengths)}')
        if offsets == _STRIPS:
            _check_plain_strips(header, lengths)
        for start, size in zip(starts, lengths):
            part = content[start : start + size]
            if len(part) < size and offsets == _TILES:
                raise ValueError('truncated')
            if header.get(_COMPRESSION, 1) == _LZMA:
                try:
                    lzma.decompress(part)
                except lzma.LZMAError as error:
                    raise ValueError(f'damaged: {error}') from None


def _check_plain_strips(header: TiffHeader, lengths: Sequence[int]) -> None:
    """Refuse strips without compression that are shorter than their rows."""
    if header.get(_COMPRESSION, 1) != 1 or (header.get(_PHOTOMETRIC, 0) == _YCBCR):  # subsampled
        return
    height = header.get(_HEIGHT, 0)
    rows = min(header.get(_ROWS, height), height)
    samples = header.get(_SAMPLES, 1) if header.get(_PLANAR, 1) == 1 else 1
    row = _bytes_of(header.get(_WIDTH, 0) * header.bits[0] * samples)
    strips = -(-height // rows) if rows > 0 else 0
    for index, length in enumerate(lengths):
        first = index % strips * rows if strips else height
        if length < row * min(rows, height - first):
            raise ValueError(f'damaged: a strip of {length} bytes is too short for its rows')


def decode_tiff(content: bytes, header: TiffHeader) -> tuple[np.ndarray, int]:
    """Decode the first image of a TIFF file of 8 to 16 bits a channel.

    Alpha is dropped, and divided out where the colors were multiplied with
    it. CMYK is converted without a profile: (1 - ink) (1 - black).

    Args:
        content: The file.
        header: Its tags.

    Returns:
        The samples, (H, W, 1) or (H, W, 3) in RGB, uint8, uint16 or float32;
        and the value of white.

    Raises:
        ValueError: If the file is damaged or truncated.
    """
    photometric = header.get(_PHOTOMETRIC, _BLACK_IS_ZERO)
    channels = _CHANNELS[photometric]
    samples = header.get(_SAMPLES, 1)
    white = 2 ** header.bits[0] - 1
    if header.get(_PLANAR, 1) == 2:
        pixels = np.concatenate(
            [_decode_plane(content, header, 1, plane) for plane in range(samples)], -1
        )
    else:
        pixels = _decode_plane(content, header, samples)
    colors = pixels[..., :channels]
    if photometric == _WHITE_IS_ZERO:
        colors = white - colors
    elif photometric == _CMYK:
        free = (white - colors).astype(np.float32)
        colors = free[..., :3] * free[..., 3:] / white
    if header.get(_EXTRA, 0) == 1 and samples == channels + 1:
        alpha = np.maximum(pixels[..., channels:].astype(np.float32), 1)
        colors = np.minimum(colors * (white / alpha), white)
    return colors, white


def _decode_plane(content: bytes, header: TiffHeader, samples: int, plane: int = 0) -> np.ndarray:
    """Decode the samples that are stored together: (H, W, samples)."""
    width, height = header.get(_WIDTH, 0), header.get(_HEIGHT, 0)
    bits = header.bits[0] * samples
    fields: dict[int, Sequence[int]] = {
        _WIDTH: [_bytes_of(width * bits)],
        _HEIGHT: [height],
        _BITS: [8],
        _COMPRESSION: [header.get(_COMPRESSION, 1)],
        _PHOTOMETRIC: [_BLACK_IS_ZERO],
        _FILL_ORDER: [header.get(_FILL_ORDER, 1)],
        _SAMPLES: [1],
        _PLANAR: [1],
    }
    if _TILE_WIDTH in header.tags:
        tile = header.get(_TILE_WIDTH, 0), header.get(_TILE_HEIGHT, 0)
        if min(tile) <= 0:
            raise ValueError('damaged: tiles without pixels')
        fields[_TILE_WIDTH] = [_bytes_of(tile[0] * bits)]
        fields[_TILE_HEIGHT] = [tile[1]]
        parts = -(-width // tile[0]) * -(-height // tile[1])
        offsets, sizes = _TILES, _TILE_BYTES
    else:
        tile = width, min(header.get(_ROWS, height), height)
        if min(tile) <= 0:
            raise ValueError('damaged: strips without rows')
        fields[_ROWS] = [tile[1]]
        parts = -(-height // tile[1])
        offsets, sizes = _STRIPS, _STRIP_BYTES
    for tag in (offsets, sizes):
        values = header.tags.get(tag, ())
        fields[tag] = values[plane * parts : (plane + 1) * parts]
        if len(fields[tag]) < parts:
            raise ValueError(
                f'damaged: {len(values)} values of tag {tag}, expected {parts} a plane'
            )
    if any(start + size > len(content) for start, size in zip(fields[offsets], fields[sizes])):
        raise ValueError('truncated')
    if (
        fields[_COMPRESSION] == [1]
        and offsets == _TILES
        and (min(fields[sizes]) < _bytes_of(tile[0] * bits) * tile[1])
    ):
        raise ValueError('damaged: a tile has too few bytes')
    rows = _decompress(content, fields, offsets)
    shape = height, width, samples
    if bits // samples not in (8, 16):
        return _unpack(rows, shape, bits // samples)
    stored = f'{header.byte_order}u{bits // samples // 8}'
    pixels = np.ascontiguousarray(rows).view(stored).reshape(shape)
    pixels = pixels.astype(stored[1:])
    if header.get(_PREDICTOR, 1) == 2:
        for left in range(0, width, tile[0]):
            part = pixels[:, left : left + tile[0]]
            np.cumsum(part, axis=1, dtype=pixels.dtype, out=part)
    elif header.get(_PREDICTOR, 1) != 1:
        raise ValueError('damaged: unknown predictor')
    return pixels


def _decompress(content: bytes, fields: dict[int, Sequence[int]], offsets: int) -> np.ndarray:
    """Decode a file of other tags over the same data, 8 bits, gray."""
    start = 8 + 2 + 12 * len(fields) + 4
    shift = start + sum(4 * len(f) for f in fields.values() if len(f) > 1)
    if shift + len(content) >= 2**32:
        raise UnsupportedError('has more than 4 GiB, which is not supported')
    fields[offsets] = [offset + shift for offset in fields[offsets]]
    entries = arrays = b''
    for tag, values in sorted(fields.items()):
        value = struct.pack(f'<{len(values)}I', *values)
        if len(values) > 1:
            arrays += value
            value = struct.pack('<I', start + len(arrays) - len(value))
        entries += struct.pack('<HHI', tag, 4, len(values)) + value
    file = io.BytesIO(
        b''.join(
            (b'II*\0\x08\0\0\0', struct.pack('<H', len(fields)), entries, bytes(4), arrays, content)
        )
    )
    image = TiffImagePlugin.TiffImageFile(file)
    with pillow_limit(None):
        image.load()
    return np.asarray(image)


def _unpack(rows: np.ndarray, shape: tuple[int, int, int], bits: int) -> np.ndarray:
    """Unpack samples of 9 to 15 bits, the most significant bit first."""
    height, width, samples = shape
    pixels = np.empty(shape, np.uint16)
    weights = 2 ** np.arange(bits - 1, -1, -1, dtype=np.uint16)
    for top in range(0, height, 16):  # eight times the memory of the rows
        block = np.unpackbits(rows[top : top + 16], axis=1, count=width * samples * bits)
        pixels[top : top + 16] = (block.reshape(-1, width, samples, bits) * weights).sum(
            -1, dtype=np.uint16
        )
    return pixels


def _bytes_of(bits: int) -> int:
    return (bits + 7) // 8
