"""Find and read the enhancers, recognizers and test sets of a spec."""

from __future__ import annotations

import copy
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.utils import get_installed_path
from torch import nn

from mmsdag.datasets.transforms import Darken
from mmsdag.models.loading import load_enhancer, network_config, resolve
from mmsdag.utils.checkpoint import check_fit
from mmsdag.utils.hashing import digest, file_digest
from mmsdag.utils.model_index import TASK, find_checkpoint

from .schema import DatasetEntry, EnhancerEntry, RecognizerEntry

#: The package of each task.
SCOPES = dict(det='mmdet', seg='mmseg', cls='mmpretrain')
_INPUT_ERRORS = (AssertionError, FileNotFoundError, ImportError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Enhancer:
    """An enhancer with one or more checkpoints.

    Attributes:
        name: Its key in the spec.
        title: Its name in tables.
        config: Config of the network; None for unchanged images.
        checkpoints: One file for each seed; ``(None, )`` without weights.
        networks: The network with the weights of each checkpoint.
        twins: Names of the enhancers that it is compared with.
        datasets: Names of the datasets that it is run on; empty for all.
        amp_dtype: Precision.
        with_original: Whether the detector sees the image as it is, too.
    """

    name: str
    title: str
    config: dict | None
    checkpoints: tuple[str | None, ...]
    networks: tuple[nn.Module, ...]
    twins: tuple[str, ...]
    datasets: tuple[str, ...]
    amp_dtype: str | None
    with_original: bool


@dataclass(frozen=True)
class Recognizer:
    """A detector, segmentor or classifier.

    Attributes:
        name: Its key in the spec.
        title: Its name in tables.
        task: ``'det'``, ``'seg'`` or ``'cls'``.
        cfg: Its config.
        checkpoint: Its weights.
        classes: Names of the classes that it predicts.
    """

    name: str
    title: str
    task: str
    cfg: Config
    checkpoint: str
    classes: tuple[str, ...]


@dataclass(frozen=True)
class EvaluationSet:
    """A test set.

    Attributes:
        name: Its key in the spec.
        title: Its name in tables.
        task: ``'det'``, ``'seg'`` or ``'cls'``.
        dataset: Config of the dataset.
        evaluators: Configs of the evaluators.
        entry: Its entry in the spec.
        scope: Scope of its config.
        infos: The dataset's entry of each image.
        classes: Names of its classes.
        palette: RGB color of each class, or nothing.
        digest: Digest of images and labels, wherever they are stored.
    """

    name: str
    title: str
    task: str
    dataset: dict
    evaluators: list[dict]
    entry: DatasetEntry
    scope: str | None
    infos: list[dict]
    classes: tuple[str, ...]
    palette: list
    digest: str


def find_file(value: str, where: str, folder: Path) -> str:
    """Find a file by its path from here or from the folder of the spec.

    Raises:
        FileNotFoundError: If there is no such file; names the key ``where``.
    """
    for path in (Path(value).expanduser(), folder / value):
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f'{where}={value!r}: there is no such file, from here or from {folder}')


def read_config(value: str, where: str, folder: Path) -> Config:
    """Read a config by its path, or by ``package::path``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the package is not installed.
    """
    package, sign, inner = value.partition('::')
    if not sign:
        return Config.fromfile(find_file(value, where, folder))
    if importlib.util.find_spec(package) is None:
        raise ValueError(f'{where}={value!r}: {package} is not installed')
    path = (Path(get_installed_path(package)) / '.mim' / 'configs' / inner).with_suffix('.py')
    if not path.is_file():
        raise FileNotFoundError(f'{where}={value!r}: {package} has no config {inner!r}')
    return Config.fromfile(path)


def read_enhancer(name: str, entry: EnhancerEntry, folder: Path) -> Enhancer:
    """Build an enhancer, once for each checkpoint.

    Args:
        name: Its key in the spec.
        entry: Its entry; without ``enhancer``, images stay unchanged.
        folder: Folder of the spec.

    Raises:
        FileNotFoundError: If a checkpoint is missing.
        ValueError: If it is not an enhancer, or a checkpoint does not fit.
    """
    where = f'enhancers.{name}'
    config: dict | None = None
    files = entry.checkpoint
    checkpoints: list[str | None] = [
        file and _find_checkpoint(file, f'{where}.checkpoint', folder)
        for file in (files if isinstance(files, tuple) else (files,))
    ]
    networks: list[nn.Module] = []
    if entry.enhancer is not None:
        source: Any = entry.enhancer
        if isinstance(source, str) and (folder / source).is_file():
            source = str(folder / source)
        try:
            source, own = resolve(source)
            config = network_config(source)[0]
            if checkpoints == [None]:
                checkpoints = [None if own is None else str(own)]
            networks = [load_enhancer(config, file) for file in checkpoints]
        except _INPUT_ERRORS as error:
            raise ValueError(f'{where}: {_text(error)}') from error
    return Enhancer(
        name=name,
        title=entry.title or name.replace('_', ' '),
        config=config,
        checkpoints=tuple(checkpoints),
        networks=tuple(networks),
        twins=entry.guided_twin_of,
        datasets=entry.datasets,
        amp_dtype=entry.amp_dtype,
        with_original=entry.with_original,
    )


def _find_checkpoint(value: str, where: str, folder: Path) -> str:
    """Find a checkpoint of an enhancer by its path or a model's name."""
    file = folder / Path(value).expanduser()
    try:
        return str(find_checkpoint(file if file.is_file() else value, TASK))
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{where}={value!r}: {error}') from None


def _text(error: Exception) -> Any:
    return error.args[0] if isinstance(error, KeyError) else error


def read_recognizer(name: str, entry: RecognizerEntry, folder: Path) -> Recognizer:
    """Read the config of a recognizer and check its checkpoint.

    Raises:
        FileNotFoundError: If the config or the checkpoint is missing.
        ValueError: If the config is incomplete, or the checkpoint does not
            fit the model.
    """
    where = f'recognizers.{name}'
    cfg = read_config(entry.config, f'{where}.config', folder)
    for key in ('model', 'test_dataloader'):
        if key not in cfg:
            raise ValueError(
                f'{where}.config={entry.config!r} has no {key}; '
                'give the config of a whole recognizer'
            )
    scope = cfg.get('default_scope')
    task = entry.task or {p: t for t, p in SCOPES.items()}.get(scope)
    if task is None:
        raise ValueError(
            f'{where}.task is missing: default_scope={scope!r} '
            f'does not tell it; give one of {", ".join(SCOPES)}'
        )
    checkpoint = find_file(entry.checkpoint, f'{where}.checkpoint', folder)
    try:
        with DefaultScope.overwrite_default_scope(scope):
            check_fit(MODELS.build(cfg.model), checkpoint, 'checkpoint')
    except ValueError as error:
        raise ValueError(f'{where}.{error}') from error
    return Recognizer(name, entry.title or name, task, cfg, checkpoint, _classes_of(cfg))


def inner_dataset(cfg: Config) -> Any:
    """Return the config of the innermost test dataset."""
    node = cfg.test_dataloader.dataset
    while 'dataset' in node:
        node = node.dataset
    return node


def _classes_of(cfg: Config) -> tuple[str, ...]:
    """Return the classes of a recognizer, by its config's dataset."""
    node = inner_dataset(cfg)
    classes = node.get('metainfo', {}).get('classes')
    if classes is None:
        scope = cfg.get('default_scope')
        with DATASETS.switch_scope_and_registry(scope=scope) as registry:
            classes = registry.get(node.type).METAINFO['classes']
    return tuple(classes)


def read_dataset(name: str, entry: DatasetEntry, folder: Path) -> EvaluationSet:
    """Build a dataset to read its images and classes.

    Raises:
        FileNotFoundError: If its config or an image is missing.
        ValueError: If it or its evaluator cannot be built, or is empty.
    """
    where = f'datasets.{name}'
    dataset, evaluators, scope = _data_configs(entry, where, folder)
    try:
        if entry.darken:
            Darken(**entry.darken)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{where}.darken: {error}') from error
    task: str = entry.task or next(
        (
            task
            for task, metric in (('seg', 'IoU'), ('cls', 'Accuracy'))
            if any(metric in str(e['type']) for e in evaluators)
        ),
        'det',
    )
    infos, metainfo = _inspect(dataset, scope or SCOPES[task], where)
    classes = tuple(metainfo['classes'])
    return EvaluationSet(
        name=name,
        title=entry.title or name.replace('_', ' '),
        task=task,
        dataset=dataset,
        evaluators=evaluators,
        entry=entry,
        scope=scope,
        infos=infos,
        classes=classes,
        palette=list(metainfo.get('palette') or ()),
        digest=digest([*map(_portable, infos), *classes]),
    )


def _data_configs(
    entry: DatasetEntry, where: str, folder: Path
) -> tuple[dict, list[dict], str | None]:
    """Merge an entry into its config: dataset, evaluators, scope."""
    base: dict[str, Any] = {}
    scope = None
    if entry.config:
        cfg = read_config(entry.config, f'{where}.config', folder)
        if 'test_dataloader' not in cfg:
            raise ValueError(f'{where}.config={entry.config!r} has no test_dataloader')
        base = dict(
            dataset=cfg.test_dataloader.dataset.to_dict(),
            evaluator=copy.deepcopy(cfg.get('test_evaluator')),
        )
        scope = cfg.get('default_scope')
    merged = {}
    for key in ('dataset', 'evaluator'):
        own, inherited = getattr(entry, key), base.get(key) or {}
        if isinstance(own, dict) and isinstance(inherited, dict):
            both = Config(dict(value=inherited))
            both.merge_from_dict(dict(value=own))
            own = both.to_dict()['value']
        merged[key] = own or inherited
        if not merged[key]:
            raise ValueError(f'{where}.{key} is missing; give it, or a config that has it')
    evaluators = merged['evaluator']
    if isinstance(evaluators, Mapping):
        evaluators = [evaluators]
    for item in [merged['dataset'], *evaluators]:
        if 'type' not in item:
            raise ValueError(f'{where}: {dict(item)} has no type')
    return merged['dataset'], [dict(item) for item in evaluators], scope


def _inspect(config: dict, scope: str, where: str) -> tuple[list[dict], Mapping[str, Any]]:
    """Build a dataset once: its entries of the images, and its metainfo."""
    config = dict(copy.deepcopy(config), pipeline=[], test_mode=True)
    try:
        with DefaultScope.overwrite_default_scope(scope):
            dataset = DATASETS.build(config)
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    except _INPUT_ERRORS as error:
        raise ValueError(f'{where}: {_text(error)}') from error
    if not infos:
        raise ValueError(f'{where} has no images; see its data_root, annotation and filters')
    missing = [i['img_path'] for i in infos if not Path(i['img_path']).is_file()]
    if missing:
        raise FileNotFoundError(
            f'{where}: {len(missing)} of {len(infos)} images are missing, '
            f'the first is {missing[0]!r}'
        )
    return infos, dataset.metainfo


def _portable(info: dict) -> dict:
    """Replace the paths in an image's entry by names and contents."""
    result = {}
    for key, value in info.items():
        if isinstance(value, str) and os.path.isabs(value) or key.endswith('path'):
            file = Path(str(value))
            value = [file.name]
            if file.is_file():
                # Labels count by their content, images by their size:
                # reading thousands takes longer than starting a run.
                value.append(file.stat().st_size if key == 'img_path' else file_digest(file))
        result[key] = value
    return result


def label_table(recognizer: Recognizer, data: EvaluationSet) -> list[int] | None:
    """Map the labels of a recognizer to those of a test set.

    Returns:
        The test set's label of each of the recognizer's, -1 for none; or
        None if both have the same classes.

    Raises:
        ValueError: If the recognizer lacks a class of the test set.
    """
    known, names = recognizer.classes, data.entry.class_names
    if known == data.classes:
        return None
    owner = f'recognizers.{recognizer.name}'
    where = f'datasets.{data.name}.class_names'
    if data.task != 'det':
        raise ValueError(
            f'datasets.{data.name} has the classes {data.classes}, {owner} {known}: segmentors and '
            'classifiers must have been trained for the classes of the dataset'
        )
    for name, alias in names.items():
        if name not in data.classes:
            raise ValueError(
                f'{where}: {name!r} is not a class of the dataset: {", ".join(data.classes)}'
            )
        if alias not in known:
            raise ValueError(
                f'{where}.{name}={alias!r} is not a class of {owner}: {", ".join(known)}'
            )
    wanted = [names.get(name, name) for name in data.classes]
    strange = [name for name in wanted if name not in known]
    if strange:
        raise ValueError(
            f'{where}: {owner} has no class {", ".join(map(repr, strange))}; map the names of the '
            "classes, as in class_names=dict(Motorbike='motorcycle'). Its classes: "
            f'{", ".join(known)}'
        )
    return [wanted.index(n) if n in wanted else -1 for n in known]
