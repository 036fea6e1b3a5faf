"""Train on a few photographs and write a report."""
from mmsdag.cli.demo import main

if __name__ == '__main__':
    raise SystemExit(main())
