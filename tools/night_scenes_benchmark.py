"""Measure enhancers as preprocessing of recognizers, on rendered scenes."""

import os

# Before torch is imported; see docs/speed.md.
os.environ.setdefault('OMP_WAIT_POLICY', 'passive')
os.environ.setdefault('GOMP_SPINCOUNT', '1000')

from mmsdag.cli.night_scenes_benchmark import main  # noqa: E402

if __name__ == '__main__':
    main()
