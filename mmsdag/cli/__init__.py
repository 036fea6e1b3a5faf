"""The command line: ``mmsdag COMMAND``, or ``python -m mmsdag COMMAND``.

Each command is a module with ``DESCRIPTION``, ``EXAMPLES``,
``add_arguments(parser)`` and ``run(args)``, which returns the exit status.
"""

from __future__ import annotations

from .main import main

__all__ = ['main']
