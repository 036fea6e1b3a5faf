"""Enhance a folder of low-light photographs."""

from mmsdag.cli.enhance import main

if __name__ == '__main__':
    raise SystemExit(main())
