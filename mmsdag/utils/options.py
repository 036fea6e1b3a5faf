"""Options of command lines that override settings."""

from __future__ import annotations

import argparse

from mmengine.config import DictAction


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
