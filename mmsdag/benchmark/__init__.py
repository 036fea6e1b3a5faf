"""Measure enhancers as preprocessing of detectors, segmentors, classifiers."""

from .plan import Plan, Run, read_plan
from .runs import Result, read_result, run_all

__all__ = ['Plan', 'Result', 'Run', 'read_plan', 'read_result', 'run_all']
