"""``mmsdag env``."""

from __future__ import annotations

import argparse

from mmsdag.utils.env import environment_report

DESCRIPTION = 'Print versions and devices, for a bug report.'
EXAMPLES = ''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the command takes none."""


def run(args: argparse.Namespace) -> None:
    """Print the report."""
    print(environment_report())
