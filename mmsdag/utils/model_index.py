"""Names of the models that come with the package.

A name is ``method.tag``, as in timm. The tag says what guided the training
(if anything did), what the data were, and the seed, as in
``zero_dce.sdag_brackets_seed0``. A name without the last parts is that of the
first model listed that begins with it: ``zero_dce.sdag_brackets``,
``zero_dce.sdag``, and ``zero_dce`` for the first of Zero-DCE. Enhancers without
weights have no tag.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

from mmengine.fileio import load

from .configs import find_config
from .moved import warn_once
from .suggestions import similar

_PACKAGE = Path(__file__).resolve().parents[1]

#: ``Task`` of the collections whose models enhance images.
TASK = 'Low-Light Image Enhancement'
#: ``Task`` of the collections whose models guide enhancers.
GUIDANCE = 'Semantic Degradation-Aware Guidance'

#: Configs of the enhancers that have a name but no trained weights here.
UNTRAINED: dict[str, dict[str, Any]] = {
    'none': dict(type='mmsdag.GammaEnhancer', gamma=1.0),
    'fixed_gamma': dict(type='mmsdag.GammaEnhancer', gamma=2.2),
    'clahe': dict(type='mmsdag.CLAHEEnhancer'),
    'histogram': dict(type='mmsdag.HistogramEqualizationEnhancer'),
    'retinex': dict(type='mmsdag.MultiScaleRetinexEnhancer'),
    'lime': dict(type='mmsdag.LIMEEnhancer'),
    'colie': dict(type='mmsdag.CoLIEEnhancer'),
    'enlighten_gan': dict(type='mmsdag.EnlightenGANNet'),
}

PathLike = Union[str, 'os.PathLike[str]']


class TrainedModel(NamedTuple):
    """A model and its checkpoint, as a metafile lists them.

    Attributes:
        name: ``method.tag``.
        old_names: Names that it had before.
        config: Config file.
        checkpoint: File of the weights.
        metadata: The metafile's ``Metadata``: training data, iterations, ….
        results: The metafile's ``Results``, each with ``Dataset`` and
            ``Metrics``.
    """

    name: str
    old_names: tuple[str, ...]
    config: Path
    checkpoint: Path
    metadata: Mapping[str, Any] = {}
    results: Sequence[Mapping[str, Any]] = ()

    @property
    def recipe(self) -> str:
        """The name without the seed."""
        return self.name.partition('_seed')[0]


def trained_models(task: str = TASK) -> list[TrainedModel]:
    """Return the models with weights that ``model-index.yml`` lists.

    A metafile gives the ``Task`` of its collection, and of each model
    ``Name``, ``Config``, ``Weights``, and older names in ``Alias``.

    Args:
        task: Of those that are listed; enhancers by default.
    """
    # In an installed package, or beside it in a clone.
    roots = (_PACKAGE / '.mim', _PACKAGE.parent)
    root = next((r for r in roots if (r / 'model-index.yml').is_file()), roots[1])
    models = []
    for metafile in load(root / 'model-index.yml')['Import']:
        content = load(root / metafile)
        wanted = {
            collection['Name']
            for collection in content['Collections']
            if collection.get('Task') == task
        }
        models += [
            TrainedModel(
                model['Name'],
                tuple(model.get('Alias', ())),
                root / model['Config'],
                root / model['Weights'],
                model.get('Metadata', {}),
                model.get('Results', ()),
            )
            for model in content['Models']
            if model['In Collection'] in wanted and 'Weights' in model
        ]
    return models


def model_names(task: str = TASK) -> dict[str, TrainedModel]:
    """Return every name of the trained models, except older names.

    The names of a model are sorted by their length.
    """
    names: dict[str, TrainedModel] = {}
    for model in trained_models(task):
        method, _, tag = model.name.partition('.')
        parts = tag.split('_')
        names.setdefault(method, model)
        for count in range(1, len(parts) + 1):
            names.setdefault(f'{method}.{"_".join(parts[:count])}', model)
    return names


def short_names(task: str = TASK) -> dict[str, str]:
    """Map the name of each trained model to its shortest."""
    names: dict[str, str] = {}
    for name, model in model_names(task).items():
        names.setdefault(model.name, name)
    return names


def _find_trained(name: str, task: str) -> TrainedModel | None:
    """Find a trained model by any of its names; an older one warns."""
    found = model_names(task).get(name)
    if found:
        return found
    for model in trained_models(task):
        if name in model.old_names:
            warn_once(
                f'{name!r} is an older name of a model: use {short_names(task)[model.name]!r}'
            )
            return model
    return None


def _other_task(name: str, task: str) -> str | None:
    """Return another task that has a model of that name."""
    return next(
        (other for other in (TASK, GUIDANCE) if other != task and _find_trained(name, other)), None
    )


def _remedy(name: str, task: str) -> str:
    """Name the trained models, or those of a similar name."""
    # By the recipe, the shortest name of its first seed.
    short: dict[str, str] = {}
    for known, model in model_names(task).items():
        short.setdefault(model.recipe, known)
    close = similar(name, [*short, *short.values(), *(UNTRAINED if task == TASK else ())])
    return (
        f'did you mean {" or ".join(close)}?'
        if close
        else f'trained models: {", ".join(short.values())}'
    )


def find_model(
    name: PathLike, checkpoint: PathLike | None = None, task: str = TASK
) -> tuple[Path | dict[str, Any], PathLike | None]:
    """Find the config of a model and, of a trained one, its checkpoint.

    Args:
        name: Name of a trained model or of an enhancer without weights, or
            as in :func:`find_config`.
        checkpoint: Checkpoint in the place of the model's own.
        task: Task of the model.

    Returns:
        Its config (a file, or of an enhancer without weights the network's
        own), and its checkpoint.

    Raises:
        FileNotFoundError: If there is no such model; names similar ones.
        ValueError: If several configs have that name.
    """
    if os.path.isfile(name):
        return Path(name), checkpoint
    name = str(name)
    if task == TASK and name in UNTRAINED:
        return dict(UNTRAINED[name]), checkpoint
    model = _find_trained(name, task)
    if model:
        return model.config, (model.checkpoint if checkpoint is None else checkpoint)
    try:
        return find_config(name), checkpoint
    except FileNotFoundError as error:
        other = _other_task(name, task)
        if other:
            raise FileNotFoundError(
                f'{name!r} is a trained model, but for another task, {other}; {_remedy("", task)}'
            ) from None
        raise FileNotFoundError(
            f'{str(error).partition(";")[0]}, nor a model; {_remedy(name, task)}'
        ) from None


def find_checkpoint(name: PathLike, task: str) -> PathLike:
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
    model = _find_trained(str(name), task)
    if model:
        return model.checkpoint
    if os.path.exists(path):
        return name  # a folder, which loading will not take for missing
    other = _other_task(str(name), task)
    if other:
        raise FileNotFoundError(
            f'checkpoint {str(name)!r} is a trained model, but for another '
            f'task, {other}; {_remedy("", task)}'
        )
    raise FileNotFoundError(
        f'checkpoint {str(name)!r} does not exist, nor is it the name of a '
        f'trained model; {_remedy(str(name), task)}'
    )
