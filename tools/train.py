"""Train a model from a config."""

import os

# Before torch is imported; see docs/speed.md.
os.environ.setdefault('OMP_WAIT_POLICY', 'passive')

from mmsdag.cli.train import main  # noqa: E402

if __name__ == '__main__':
    main()
