"""Convert a checkpoint of a method's authors to this package's."""

from mmsdag.cli.convert import main

if __name__ == '__main__':
    main()
