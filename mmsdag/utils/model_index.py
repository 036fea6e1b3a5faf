"""Trained models that come with the package, by name."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.fileio import load

from .configs import find_config
from .suggestions import similar

_PACKAGE = Path(__file__).resolve().parents[1]

#: What the ``Task`` of a collection says if its models can enhance.
TASK = 'Low-Light Image Enhancement'
#: The same of models that guide enhancers.
GUIDANCE = 'Semantic Degradation-Aware Guidance'


class TrainedModel(NamedTuple):
    """A model and its weights, as a metafile lists them.

    Attributes:
        names: Short names, in the order of the metafile, then the full one.
        config: Config file.
        weights: Checkpoint.
        metadata: The metafile's ``Metadata``: training data, iterations, ….
        results: The metafile's ``Results``, each with ``Dataset`` and
            ``Metrics``.
    """
    names: tuple[str, ...]
    config: Path
    weights: Path
    metadata: dict[str, Any] = {}
    results: Sequence[dict[str, Any]] = ()


def trained_models(task: str = TASK) -> list[TrainedModel]:
    """The models with weights that ``model-index.yml`` lists.

    A metafile gives the ``Task`` of its collection, and of each model
    ``Name``, ``Config``, ``Weights``, and short names in ``Alias``.

    Args:
        task: Of those that are listed; enhancers by default.
    """
    # In an installed package, or beside it in a clone.
    roots = (_PACKAGE / '.mim', _PACKAGE.parent)
    root = next(
        (r for r in roots if (r / 'model-index.yml').is_file()), roots[1])
    models = []
    for metafile in load(root / 'model-index.yml')['Import']:
        content = load(root / metafile)
        wanted = {
            collection['Name'] for collection in content['Collections']
            if collection.get('Task') == task
        }
        models += [
            TrainedModel((*model.get('Alias', ()), model['Name']),
                         root / model['Config'], root / model['Weights'],
                         model.get('Metadata', {}), model.get('Results', ()))
            for model in content['Models']
            if model['In Collection'] in wanted and 'Weights' in model
        ]
    return models


def find_model(
    name: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None
) -> tuple[Path, str | os.PathLike[str] | None]:
    """Find the config of a model and, of a trained enhancer, its weights.

    Args:
        name: Name of a trained enhancer, or as in :func:`find_config`.
        weights: Checkpoint in the place of the model's own.

    Raises:
        FileNotFoundError: If there is no such model; names similar ones.
        ValueError: If several configs have that name.
    """
    if os.path.isfile(name):
        return Path(name), weights
    trained = _by_name(TASK)
    if str(name) in trained:
        model = trained[str(name)]
        return model.config, model.weights if weights is None else weights
    try:
        return find_config(name), weights
    except FileNotFoundError as error:
        if str(name) in _by_name(GUIDANCE):
            raise FileNotFoundError(
                f'{str(name)!r} is no enhancer, but guides one: as checkpoint '
                'of SDAGGuidanceHook') from None
        close = similar(str(name), trained)
        if not close:
            raise FileNotFoundError(
                f'{error}; trained models: {_short_names(TASK)}') from None
        raise FileNotFoundError(
            f'no config file or trained model is called {str(name)!r}; did '
            f'you mean {" or ".join(close)}?') from None


def find_weights(name: str | os.PathLike[str],
                 task: str) -> str | os.PathLike[str]:
    """Return the checkpoint of a trained model, by its name.

    Args:
        name: Name of a trained model, or a path.
        task: Task of the model.

    Returns:
        Its checkpoint, or the path.

    Raises:
        FileNotFoundError: If it is neither, or a model for another task.
    """
    path = os.path.expanduser(name)
    if os.path.isfile(path):
        return name
    trained = _by_name(task)
    if str(name) not in trained:
        if os.path.exists(path):
            return name  # a folder, which loading will not take for missing
        for other in {TASK, GUIDANCE} - {task}:
            if str(name) in _by_name(other):
                raise FileNotFoundError(
                    f'checkpoint {str(name)!r} is a trained model, but for '
                    f'another task, {other}; those for {task}: '
                    f'{_short_names(task)}')
        raise FileNotFoundError(
            f'checkpoint {str(name)!r} does not exist, nor is it the name of '
            f'a trained model: {_short_names(task)}')
    return trained[str(name)].weights


def _by_name(task: str) -> dict[str, TrainedModel]:
    return {n: model for model in trained_models(task) for n in model.names}


def _short_names(task: str) -> str:
    return ', '.join(
        model.names[0] for model in trained_models(task)
        if len(model.names) > 1)
