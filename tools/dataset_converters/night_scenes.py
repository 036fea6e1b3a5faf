"""Render a labeled set of scenes by day and by night."""

from mmsdag.cli.night_scenes import main

if __name__ == '__main__':
    main()
