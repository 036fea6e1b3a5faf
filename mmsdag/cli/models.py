"""``mmsdag models``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import groupby

from mmsdag.utils.launch import clear_errors
from mmsdag.utils.model_index import (
    GUIDANCE,
    TASK,
    UNTRAINED,
    TrainedModel,
    short_names,
    trained_models,
)

DESCRIPTION = 'List the models of the package, with their training data and metrics.'
EXAMPLES = """
A name is METHOD.TAG. The tag names the guide (if there was one), the training
data and the seed. A shortened name selects the first model in the list that
begins with it: zero_dce.sdag is zero_dce.sdag_brackets_seed0, and zero_dce is
the first Zero-DCE. Metrics are means over seeds, with each seed's value in
parentheses.

The name of an enhancer works as --model of `mmsdag enhance`, as `enhancer` in
configs, as MMSDAG_ENHANCER, and as the model of LowLightInferencer; that of a
guide as `checkpoint` of SDAGGuidanceHook.

examples:
  mmsdag models
  mmsdag models 'zero_dce*'      # of these methods
  mmsdag models '*.sdag*'        # guided by SDAG
  mmsdag models '*_seed1'        # the names of one seed
"""
TITLES = {TASK: 'enhancers', GUIDANCE: 'guides of enhancers'}
#: The enhancers without weights, and one whose checkpoint is too large.
_NOTES = dict(
    none='leaves images as they are',
    fixed_gamma='x ** (1 / 2.2)',
    colie='fits a network to each image: slow',
    enlighten_gan='needs a checkpoint of your own',
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        'pattern',
        nargs='?',
        default='*',
        metavar='PATTERN',
        help='list only names that match it; * and ? are wildcards, so quote it (default: all)',
    )


def run(args: argparse.Namespace) -> None:
    """Print the models by their task."""
    with clear_errors():
        lines = list(describe_models(args.pattern))
        if not lines:
            raise ValueError(f'no model matches {args.pattern!r}; `mmsdag models` lists all')
    print('\n'.join(lines))


def describe_models(pattern: str = '*') -> Iterator[str]:
    """Yield lines about the models whose names match a pattern."""
    plain = [name for name in UNTRAINED if fnmatchcase(name, pattern)]
    if plain:
        yield 'enhancers without trained weights:'
    for name in plain:
        yield f'  {name}' + (f': {_NOTES[name]}' if name in _NOTES else '')
    for task, title in TITLES.items():
        short = short_names(task)
        found = [
            model
            for model in trained_models(task)
            if any(
                fnmatchcase(name, pattern)
                for name in (model.name, model.recipe, short[model.name], *model.old_names)
            )
        ]
        if found:
            yield f'{title}:'
        for recipe, group in groupby(found, lambda model: model.recipe):
            models = list(group)
            name = short[models[0].name]
            yield (f'  {recipe}' + (f' (short: {name})' if name != recipe else '') + _seeds(models))
            yield from _describe(models)


def _seeds(models: Sequence[TrainedModel]) -> str:
    names = [model.name.partition('_seed')[2] for model in models]
    return f', seed {", ".join(names)}' if all(names) else ''


def _describe(models: Sequence[TrainedModel]) -> Iterator[str]:
    """Yield training data, then each metric, of the seeds of a recipe."""
    metadata = models[0].metadata
    if 'Training Data' in metadata:
        guide = metadata.get('Guidance')
        yield (
            f'      trained on {metadata["Training Data"]}'
            + (f', guided by {guide}' if guide else '')
        )
    metrics: dict[tuple[str, str], list[float]] = {}
    for model in models:
        for result in model.results:
            for name, value in result['Metrics'].items():
                metrics.setdefault((name, result['Dataset']), []).append(value)
    for (name, data), values in metrics.items():
        each = ', '.join(f'{value:#.3g}' for value in values)
        mean = f'{sum(values) / len(values):#.3g} ({each})'
        yield f'      {name} {mean if len(values) > 1 else each}: {data}'
