"""``mmsdag models``."""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from fnmatch import fnmatchcase

from mmsdag.utils.launch import clear_errors
from mmsdag.utils.model_index import (
    GUIDANCE,
    TASK,
    TrainedModel,
    trained_models,
)

DESCRIPTION = ('List the trained models of the package, with their training '
               'data and metrics.')
EXAMPLES = """
Models that share a line have the same weights under several names. An
enhancer's name works as --model of `mmsdag enhance`, as `enhancer` in configs
and as the model of LowLightInferencer; a guide's name works as `checkpoint`
of SDAGGuidanceHook.

examples:
  mmsdag models
  mmsdag models 'zero-dce*'
"""
TITLES = {TASK: 'enhancers', GUIDANCE: 'guides of enhancers'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        'pattern',
        nargs='?',
        default='*',
        metavar='PATTERN',
        help='list only names that match it; * and ? are wildcards, so quote '
        'it (default: all)')


def run(args: argparse.Namespace) -> None:
    """Print the models by their task."""
    with clear_errors():
        found = {
            task: [m for m in trained_models(task) if _fits(m, args.pattern)]
            for task in TITLES
        }
        if not any(found.values()):
            raise ValueError(f'no model matches {args.pattern!r}; `mmsdag '
                             'models` lists all')
    for task, models in found.items():
        if models:
            print(f'{TITLES[task]}:')
        for model in models:
            print('\n'.join(describe_model(model)))


def describe_model(model: TrainedModel) -> Iterator[str]:
    """Yield a line with the names, then its training data and metrics."""
    yield f'  {", ".join(model.names)}'
    if 'Training Data' in model.metadata:
        yield f'      trained on {model.metadata["Training Data"]}'
    for result in model.results:
        metrics = ', '.join(
            f'{name} {value}' for name, value in result['Metrics'].items())
        yield f'      {metrics}: {result["Dataset"]}'


def _fits(model: TrainedModel, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in model.names)
