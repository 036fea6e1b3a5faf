"""Check BMP files before Pillow decodes them."""

from __future__ import annotations

import struct

_RUN_LENGTHS = (1, 2)  # RLE8, RLE4
_LONGEST_RUN = 255
#: Smaller images may be drawn by skipping over most of their pixels.
_SMALL = 2**20


def check_header(content: bytes) -> None:
    """Refuse files that Pillow would misread, or fill for minutes.

    Raises:
        ValueError: If the pixels begin inside of the header, or if a large
            image has more pixels than its run lengths could encode.
    """
    if len(content) < 34:
        return
    start, header = struct.unpack_from('<II', content, 10)
    if start < 14 + header:
        raise ValueError(
            f'damaged: pixels begin at byte {start}, inside of the header of {14 + header} bytes'
        )
    if header < 40:
        return
    width, height = struct.unpack_from('<ii', content, 18)
    (compression,) = struct.unpack_from('<I', content, 30)
    size = len(content) - start
    pixels = abs(width * height)
    if compression in _RUN_LENGTHS and pixels > _SMALL and (pixels > _LONGEST_RUN * size):
        raise ValueError(
            f'damaged: {size} bytes of runs are too few for {abs(width)}x{abs(height)} pixels'
        )
