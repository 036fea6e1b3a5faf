"""Trained models that come with the package, by name."""
from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import NamedTuple

from mmengine.fileio import load

from .configs import find_config

_PACKAGE = Path(__file__).resolve().parents[1]

#: What the ``Task`` of a collection says if its models can enhance.
TASK = 'Low-Light Image Enhancement'


class TrainedModel(NamedTuple):
    """A model and its weights, as a metafile lists them.

    Attributes:
        names: Short names, in the order of the metafile, then the full one.
        config: Config file.
        weights: Checkpoint.
    """
    names: tuple[str, ...]
    config: Path
    weights: Path


def trained_models(task: str | None = TASK) -> list[TrainedModel]:
    """The models with weights that ``model-index.yml`` lists.

    A metafile gives the ``Task`` of its collection, and of each model
    ``Name``, ``Config``, ``Weights``, and short names in ``Alias``.

    Args:
        task: Only those of this task, enhancers by default; ``None`` for all.
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
            if task in (None, collection.get('Task'))
        }
        models += [
            TrainedModel((*model.get('Alias', ()), model['Name']),
                         root / model['Config'], root / model['Weights'])
            for model in content['Models']
            if model['In Collection'] in wanted and 'Weights' in model
        ]
    return models


def find_model(
    name: str | os.PathLike[str],
    weights: str | os.PathLike[str] | None = None
) -> tuple[Path, str | os.PathLike[str] | None]:
    """Find the config of a model and, of a trained one, its weights.

    Args:
        name: Name of a trained model, or as in :func:`find_config`.
        weights: Checkpoint in the place of the model's own.

    Raises:
        FileNotFoundError: If there is no such model; names similar ones.
        ValueError: If several configs have that name.
    """
    trained = {n: model for model in trained_models() for n in model.names}
    if not Path(name).is_file() and str(name) in trained:
        model = trained[str(name)]
        return model.config, weights or model.weights
    try:
        return find_config(name), weights
    except FileNotFoundError as error:
        close = difflib.get_close_matches(str(name), trained, 3, .4)
        raise FileNotFoundError(
            f'no trained model is called {str(name)!r} ('
            + ('similar names: ' if close else 'there are: ')
            + f'{", ".join(close or trained)}); {error}') from None


def find_weights(name: str | Path) -> str | Path:
    """The checkpoint of a trained model, by its name.

    Args:
        name: Name of a trained model, of any task, or a path.

    Returns:
        Its checkpoint, or ``name`` itself if that is a file or unknown.
    """
    if not Path(name).is_file():
        for model in trained_models(task=None):
            if str(name) in model.names:
                return model.weights
    return name
