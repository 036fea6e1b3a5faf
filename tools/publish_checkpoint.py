"""Reduce a training checkpoint to a file to share: weights alone."""

from mmsdag.cli.publish import main

if __name__ == '__main__':
    main()
