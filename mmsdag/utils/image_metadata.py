"""Read the EXIF data of image files, and choose what results keep."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

from PIL import Image

_ORIENTATION = 274  # its values 5 to 8 turn the image by 90 degrees

# Description, maker, model, software, date, artist, copyright.
_KEPT = (270, 271, 272, 305, 306, 315, 33432)
_EXIF_DIRECTORY, _GPS_DIRECTORY = 34665, 34853
# Maker notes, whose offsets are those of the old file; size; interoperability.
_DROPPED = (37500, 40962, 40963, 40965)

# What Pillow raises on damaged EXIF, under which the pixels may be good.
_EXIF_ERRORS = (SyntaxError, ValueError, KeyError, TypeError, OSError, OverflowError, struct.error)


def read_exif(image: Image.Image) -> Image.Exif:
    """Return the EXIF data of an opened image; damaged data counts as none."""
    with suppress(*_EXIF_ERRORS):
        # Not the method of PNG files, which decodes the pixels.
        return Image.Image.getexif(image)
    return Image.Exif()


def parse_exif(content: bytes) -> Image.Exif:
    """Return the EXIF data of a TIFF file; damaged data counts as none.

    EXIF data of other files have the form of a TIFF file.
    """
    exif = Image.Exif()
    with suppress(*_EXIF_ERRORS):
        exif.load(content)
        return exif
    return Image.Exif()


def orientation_of(tags: Any) -> int:
    """Return the orientation, 1 to 8, in EXIF data or the tags of a TIFF."""
    value = tags.get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def keep_exif(exif: Image.Exif) -> bytes:
    """Choose what a result keeps: who, when, where, and with which settings.

    Dropped are the orientation, which is applied, the size, the thumbnail and
    the notes of the maker.

    Returns:
        EXIF data, or nothing where there is none that can be kept.
    """
    kept = Image.Exif()
    with suppress(*_EXIF_ERRORS):
        for tag in _KEPT:
            if tag in exif:
                kept[tag] = exif[tag]
        for tag in (_EXIF_DIRECTORY, _GPS_DIRECTORY):
            directory = {
                key: value for key, value in exif.get_ifd(tag).items() if key not in _DROPPED
            }
            if directory:
                kept[tag] = directory
        return kept.tobytes() if len(kept) else b''
    return b''
