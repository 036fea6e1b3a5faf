"""Measure enhancers as preprocessing of detectors, segmentors, classifiers."""
from mmsdag.cli.benchmark import main

if __name__ == '__main__':
    raise SystemExit(main())
