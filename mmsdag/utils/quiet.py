"""Suppress what other packages log and print."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet(level: int = logging.WARNING, stdout: bool = True) -> Iterator[None]:
    """Suppress log messages, but no errors.

    Args:
        level: Level of the most important messages that are suppressed.
        stdout: Also suppress what is printed.
    """
    before = logging.root.manager.disable
    logging.disable(level)
    try:
        with contextlib.redirect_stdout(io.StringIO()) if stdout else contextlib.nullcontext():
            yield
    finally:
        logging.disable(before)
