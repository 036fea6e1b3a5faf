"""Measure enhancers as preprocessing of recognizers, on rendered scenes."""
from mmsdag.cli.night_scenes_benchmark import main

if __name__ == '__main__':
    main()
