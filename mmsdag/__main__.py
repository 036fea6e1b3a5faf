"""``python -m mmsdag``: see :mod:`mmsdag.cli`."""

from __future__ import annotations

import sys

from mmsdag.cli import main

if __name__ == '__main__':
    sys.exit(main())
