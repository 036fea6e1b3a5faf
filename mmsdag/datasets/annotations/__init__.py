"""Annotation files: one parser for each format, and the search for them."""

from .base import (
    MAX_COORDINATE,
    MAX_IMAGE_BYTES,
    MAX_LIST_BYTES,
    Annotation,
    AnnotationError,
    Box,
    ListedImage,
    read_bytes,
)
from .bbgt import parse_bbgt
from .coco import parse_coco
from .dark_face import parse_dark_face
from .files import DARK_FACE_PARSERS, EXDARK_PARSERS, FileIndex, Parser, Record, read_records
from .image_list import (
    EXDARK_CLASSES,
    EXDARK_ENVIRONMENTS,
    EXDARK_LIGHTING,
    EXDARK_SPLITS,
    parse_image_list,
)
from .voc import parse_voc

__all__ = [
    'DARK_FACE_PARSERS',
    'EXDARK_CLASSES',
    'EXDARK_ENVIRONMENTS',
    'EXDARK_LIGHTING',
    'EXDARK_PARSERS',
    'EXDARK_SPLITS',
    'Annotation',
    'AnnotationError',
    'Box',
    'FileIndex',
    'ListedImage',
    'MAX_COORDINATE',
    'MAX_IMAGE_BYTES',
    'MAX_LIST_BYTES',
    'Parser',
    'Record',
    'parse_bbgt',
    'parse_coco',
    'parse_dark_face',
    'parse_image_list',
    'parse_voc',
    'read_bytes',
    'read_records',
]
