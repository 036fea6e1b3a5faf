"""Measure enhancers as preprocessing of recognizers, on rendered scenes."""

import os

# Before torch is imported; see docs/speed.md.
os.environ.setdefault('OMP_WAIT_POLICY', 'passive')

from mmsdag.cli.night_scenes_benchmark import main  # noqa: E402

if __name__ == '__main__':
    main()
