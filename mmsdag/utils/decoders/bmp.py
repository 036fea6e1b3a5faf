"""Check BMP files before Pillow decodes them."""
from __future__ import annotations

import struct

_RUN_LENGTHS = (1, 2)  # RLE8, RLE4
_LONGEST_RUN = 255
#: Smaller images may be drawn by skipping over most of their pixels.
_SMALL = 2**20


def check_runs(content: bytes) -> None:
    """Refuse a large run-length encoded image with too few runs to fill it.

    Pillow would fill such an image byte by byte, for minutes.

    Raises:
        ValueError: If there are more pixels than the runs could encode.
    """
    if len(content) < 34 or struct.unpack_from('<I', content, 14)[0] < 40:
        return
    start, = struct.unpack_from('<I', content, 10)
    width, height = struct.unpack_from('<ii', content, 18)
    compression, = struct.unpack_from('<I', content, 30)
    size = len(content) - start
    pixels = abs(width * height)
    if compression in _RUN_LENGTHS and pixels > _SMALL and (
            pixels > _LONGEST_RUN * size):
        raise ValueError(f'damaged: {size} bytes of runs are too few for '
                         f'{abs(width)}x{abs(height)} pixels')
