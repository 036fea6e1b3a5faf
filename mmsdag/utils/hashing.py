"""Digests of files and of settings, to recognize results that are done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any


def digest(content: Any) -> str:
    """Return the SHA-256 of nested dicts, lists, numbers, text and arrays.

    Anything else counts by its ``str``.
    """

    def plain(value: Any) -> Any:
        return value.tolist() if hasattr(value, 'tolist') else str(value)

    text = json.dumps(content, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


def with_file_digests(node: Any, is_file: Callable[[str], bool]) -> Any:
    """Replace the names of files in nested settings by digests of their contents.

    Args:
        node: Dicts, lists, tuples and values.
        is_file: Whether a text is the name of a file that counts.
    """
    if isinstance(node, Mapping):
        return {str(key): with_file_digests(value, is_file) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [with_file_digests(value, is_file) for value in node]
    return file_digest(node) if isinstance(node, str) and is_file(node) else node


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file, read once as long as it is unchanged."""
    status = Path(path).stat()
    return _file_digest(str(path), status.st_size, status.st_mtime_ns)


@cache
def _file_digest(path: str, size: int, modified: int) -> str:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        # A video may be larger than the memory.
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()
