"""Count the contents of a data set and check its images."""

import sys

from mmsdag.cli.verify import main

if __name__ == '__main__':
    sys.exit(main())
