"""Options of command lines: those with a default, and those that override settings."""

from __future__ import annotations

import argparse
from typing import Any

from mmengine.config import DictAction


def add_option(
    parser: argparse.ArgumentParser, name: str, default: Any, help: str, **kwargs: Any
) -> None:
    """Add an option of the type of its default, which the help names.

    Args:
        parser: Gets the option.
        name: Name of the option.
        default: Its default.
        help: What it does.
        **kwargs: See :meth:`argparse.ArgumentParser.add_argument`.
    """
    parser.add_argument(
        name, type=type(default), default=default, help=f'{help} (default: %(default)s)', **kwargs
    )


def add_override_option(
    parser: argparse.ArgumentParser, what: str, name: str = '--cfg-options'
) -> None:
    """Add an option that takes key=value pairs.

    Args:
        parser: Gets the option.
        what: What the pairs override, for the help.
        name: Name of the option.
    """
    parser.add_argument(
        name,
        nargs='+',
        action=DictAction,
        type=_key_value,
        default={},
        metavar='KEY=VALUE',
        help=f'override {what}',
    )


def _key_value(text: str) -> str:
    if '=' not in text:
        raise argparse.ArgumentTypeError(
            f'{text!r} is not of the form key=value, such as train_cfg.max_iters=1000'
        )
    return text
