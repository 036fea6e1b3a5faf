"""Parts that the command lines share."""

from __future__ import annotations

import argparse
from typing import TypeVar

P = TypeVar('P', bound=argparse.ArgumentParser)


def describe(parser: P, description: str, examples: str) -> P:
    """Give a parser a description and examples, and keep their line breaks."""
    parser.description = description
    parser.epilog = examples
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def new_parser(description: str, examples: str = '') -> argparse.ArgumentParser:
    """Return a parser for a script of its own; see :func:`describe`."""
    return describe(argparse.ArgumentParser(), description, examples)


def edge(text: str) -> int | str:
    """Read the value of ``--tile``: ``auto`` or a number of pixels."""
    return text if text == 'auto' else int(text)
