"""What a benchmark's spec asks for, checked before anything is run."""
from __future__ import annotations

import copy
import difflib
import hashlib
import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, MODELS, DefaultScope
from mmengine.utils import get_installed_path

from mmsdag.datasets.transforms import Darken, darkened
from mmsdag.models.enhancers.build import (
    build_enhancer,
    enhancer_config,
    with_weights,
)
from mmsdag.models.precision import check_amp_dtype
from mmsdag.utils.checkpoint import check_fit
from mmsdag.utils.env import package_versions

#: Where an enhancer can be put.
PLUG_INS = ('preprocessor', 'transform')
#: Of a cell's file: others are not read.
FORMAT = 1
#: Keys of a spec and of its entries. Helper variables begin with ``_``.
KEYS = dict(
    spec=dict(
        enhancers=dict,
        recognisers=dict,
        datasets=dict,
        plug_in=(str, list, tuple),
        baseline=str,
        bootstrap=dict,
        work_dir=str,
        title=str,
        pictures=int,
        custom_imports=dict),
    enhancers=dict(
        enhancer=(dict, str),
        checkpoint=(str, list, tuple),
        title=str,
        guided_twin_of=str,
        datasets=(list, tuple),
        amp_dtype=str),
    recognisers=dict(config=str, checkpoint=str, task=str, title=str),
    datasets=dict(
        config=str,
        dataset=dict,
        evaluator=(dict, list, tuple),
        pipeline=(str, list, tuple),
        class_names=dict,
        darken=dict,
        batch_size=int,
        num_workers=int,
        task=str,
        title=str),
    bootstrap=dict(samples=int, seed=int, level=float, group=str))
TASKS = ('det', 'seg')
PREPROCESSORS = dict(
    det=('DetDataPreprocessor', 'mmsdag.EnhancedDetDataPreprocessor'),
    seg=('SegDataPreProcessor', 'mmsdag.EnhancedSegDataPreprocessor'))


@dataclass
class Enhancer:
    """A column of the matrix: one enhancer with one or more checkpoints.

    Attributes:
        name: Its key in the spec.
        title: Its name for people.
        config: Config of the network; None: images as they are.
        checkpoints: One file for each seed; ``[None]`` without weights.
        twin: Name of the enhancer that it is the guided twin of.
        datasets: Names of the datasets that it is run on; empty: all.
        amp_dtype: Precision.
    """
    name: str
    title: str
    config: dict | None = None
    checkpoints: list[str | None] = field(default_factory=lambda: [None])
    twin: str | None = None
    datasets: tuple[str, ...] = ()
    amp_dtype: str | None = None


@dataclass
class Recogniser:
    """A detector or a segmenter and its config, read."""
    name: str
    title: str
    task: str
    cfg: Config
    checkpoint: str


@dataclass
class Data:
    """A test set: its dataset and evaluator, as configs, and its images."""
    name: str
    title: str
    task: str
    dataset: dict
    evaluator: Any
    pipeline: str | list
    class_names: dict
    #: Levels of :class:`mmsdag.datasets.transforms.Darken`; empty: none.
    darken: dict
    loader: dict
    scope: str | None
    #: What the dataset says about each image, without its place on the disk.
    infos: list[dict] = field(default_factory=list)
    classes: tuple[str, ...] = ()
    palette: list = field(default_factory=list)
    digest: str = ''


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Attributes:
        enhancer, seed, plug_in, recogniser, dataset: What is measured; the
            seed is the number of the checkpoint, from 0.
        key: Digest of all that decides on the figures.
        several: Whether the enhancer has several checkpoints.
    """
    enhancer: str
    seed: int
    plug_in: str
    recogniser: str
    dataset: str
    key: str
    several: bool = False

    def __str__(self) -> str:
        seed = f'#{self.seed + 1}' if self.several else ''
        return (f'{self.enhancer}{seed} · {self.recogniser} · {self.dataset} '
                f'· {self.plug_in}')


@dataclass
class Spec:
    """A whole benchmark, checked."""
    path: Path
    title: str
    work_dir: Path
    enhancers: dict[str, Enhancer]
    recognisers: dict[str, Recogniser]
    datasets: dict[str, Data]
    plug_ins: list[str]
    baseline: str
    bootstrap: dict
    pictures: int

    def config(self, cell: Cell) -> Config:
        """The complete test config of a cell, for MMEngine's runner."""
        return cell_config(self, cell.enhancer, cell.seed, cell.plug_in,
                           cell.recogniser, cell.dataset)

    def cells(self) -> list[Cell]:
        """All cells, those of one dataset and recogniser together."""
        cells = []
        for data in self.datasets.values():
            for recogniser in self.recognisers.values():
                if recogniser.task != data.task:
                    continue
                for plug_in in self.plug_ins:
                    for enhancer in self.enhancers.values():
                        if enhancer.datasets and (
                                data.name not in enhancer.datasets):
                            continue
                        for seed in range(len(enhancer.checkpoints)):
                            place = (enhancer.name, seed, plug_in,
                                     recogniser.name, data.name)
                            cells.append(
                                Cell(
                                    *place,
                                    key=cell_key(self, *place),
                                    several=len(enhancer.checkpoints) > 1))
        return cells


def read_spec(path: str | Path,
              options: Mapping[str, Any] | None = None) -> Spec:
    """Read and check a spec.

    Args:
        path: The file.
        options: Overrides of its keys, as of ``--cfg-options``.

    Raises:
        FileNotFoundError: If the spec, or a file that it names, is missing.
        TypeError: If a value is of another type than its key wants.
        ValueError: For an unknown key or name, naming it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'spec {str(path)!r} is no file; '
                                'configs/benchmark/ has one to start from')
    try:
        cfg = Config.fromfile(path)
    except (SyntaxError, NameError, OSError) as error:
        raise ValueError(f'spec {str(path)!r}: {error}') from error
    cfg.merge_from_dict(dict(options or {}))
    content = {
        key: value
        for key, value in cfg.to_dict().items() if not key.startswith('_')
    }
    _check_keys(content, 'spec', str(path))
    for key in ('enhancers', 'recognisers', 'datasets'):
        if not content.get(key):
            raise ValueError(f'{path}: {key} is missing or empty; name at '
                             'least one')
        for name, entry in content[key].items():
            if key == 'enhancers' and entry is None:
                continue
            _check_keys(entry, key, f'{key}.{name}')
    _check_keys(content.get('bootstrap', {}), 'bootstrap', 'bootstrap')
    spec = Spec(
        path=path,
        title=content.get('title', path.stem.replace('_', ' ')),
        work_dir=Path(
            content.get('work_dir', f'work_dirs/benchmark/{path.stem}')),
        enhancers={
            name: _enhancer(name, entry or {}, path)
            for name, entry in content['enhancers'].items()
        },
        recognisers={
            name: _recogniser(name, entry, path)
            for name, entry in content['recognisers'].items()
        },
        datasets={
            name: _data(name, entry, path)
            for name, entry in content['datasets'].items()
        },
        plug_ins=_plug_ins(content.get('plug_in', PLUG_INS[0])),
        baseline=content.get('baseline', next(iter(content['enhancers']))),
        bootstrap=dict(
            dict(samples=1000, seed=0, level=0.95, group=None),
            **content.get('bootstrap', {})),
        pictures=content.get('pictures', 4))
    _check_values(spec)
    _check_names(spec)
    for data in spec.datasets.values():
        _inspect(data, spec)
    _check_group(spec)
    return spec


# Checks


def _check_keys(entry: Any, kind: str, where: str) -> None:
    """See that an entry has known keys with values of the right type."""
    known = KEYS[kind]
    if not isinstance(entry, Mapping):
        raise TypeError(f'{where}: {entry!r} is no dict; it takes the keys '
                        f'{", ".join(known)}')
    for key, value in entry.items():
        if key not in known:
            slip = difflib.get_close_matches(key, known, n=1)
            raise ValueError(
                f'{where} has no key {key!r}; '
                + (f'did you mean {slip[0]!r}?' if slip else
                   f'it takes {", ".join(known)}'
                   + (' (begin helper variables with _)'
                      if kind == 'spec' else '')))
        wanted = known[key]
        if wanted is float and isinstance(value, int):
            continue
        if value is not None and not isinstance(value, wanted):
            names = ' or '.join(t.__name__ for t in (
                wanted if isinstance(wanted, tuple) else (wanted, )))
            raise TypeError(f'{where}.{key}={value!r}: must be {names}')


def _check_values(spec: Spec) -> None:
    """See that numbers are in their range, and that there is room."""
    numbers = dict(pictures=(spec.pictures, 0))
    for name, data in spec.datasets.items():
        for key, least in (('batch_size', 1), ('num_workers', 0)):
            numbers[f'datasets.{name}.{key}'] = (data.loader[key], least)
    for where, (value, least) in numbers.items():
        if value < least:
            raise ValueError(f'{where}={value}: must be at least {least}')
    if spec.work_dir.is_file():
        raise ValueError(f'work_dir={str(spec.work_dir)!r} is a file; name a '
                         'folder')


def _check_names(spec: Spec) -> None:
    """See that what one entry says of another is so."""
    if spec.baseline not in spec.enhancers:
        raise ValueError(f'baseline={spec.baseline!r} is none of enhancers: '
                         f'{", ".join(spec.enhancers)}')
    for key, value in spec.bootstrap.items():
        if key == 'samples' and value < 1 or key == 'level' and not (
                0 < value < 1):
            raise ValueError(f'bootstrap.{key}={value!r}: samples must be at '
                             'least 1, level between 0 and 1')
    for item in spec.enhancers.values():
        unknown = set(item.datasets) - set(spec.datasets)
        if unknown:
            raise ValueError(
                f'enhancers.{item.name}.datasets: {sorted(unknown)} are none '
                f'of datasets: {", ".join(spec.datasets)}')
        if item.twin is None:
            continue
        where = f'enhancers.{item.name}.guided_twin_of'
        if item.twin not in spec.enhancers or item.twin == item.name:
            raise ValueError(
                f'{where}={item.twin!r} must be another of enhancers: '
                f'{", ".join(spec.enhancers)}')
        counts = [len(item.checkpoints),
                  len(spec.enhancers[item.twin].checkpoints)]
        if counts[0] != counts[1]:
            raise ValueError(
                f'{where}: {item.name} has {counts[0]} checkpoints and '
                f'{item.twin} {counts[1]}; guided and unguided are compared '
                'seed by seed: give both as many, in the same order')
    tasks = {r.task for r in spec.recognisers.values()}
    for data in spec.datasets.values():
        if data.task not in tasks:
            raise ValueError(
                f'datasets.{data.name} is for task={data.task!r}, but no '
                'recogniser is; add one, or leave the dataset out')
    used = {data.task for data in spec.datasets.values()}
    for recogniser in spec.recognisers.values():
        if recogniser.task not in used:
            raise ValueError(
                f'recognisers.{recogniser.name} is for '
                f'task={recogniser.task!r}, but no dataset is; add one, or '
                'leave the recogniser out')


def _plug_ins(value: str | Sequence[str]) -> list[str]:
    names = [value] if isinstance(value, str) else list(value)
    for name in names:
        if name not in PLUG_INS:
            raise ValueError(f'plug_in={name!r} is none of '
                             f'{", ".join(PLUG_INS)}')
    if not names:
        raise ValueError(f'plug_in is empty; name {" or ".join(PLUG_INS)}')
    return names


def _find(value: str, where: str, spec_path: Path) -> str:
    """A file, by its path from here or from the spec's folder."""
    for path in (Path(value).expanduser(), spec_path.parent / value):
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f'{where}={value!r}: there is no such file, from '
                            f'here or from {spec_path.parent}')


def _read_config(value: str, where: str, spec_path: Path) -> Config:
    """A config by its path, or by ``package::path`` of an installed one."""
    package, sign, inner = value.partition('::')
    if not sign:
        return Config.fromfile(_find(value, where, spec_path))
    if importlib.util.find_spec(package) is None:
        raise ValueError(f'{where}={value!r}: {package} is not installed')
    if not inner.endswith('.py'):
        inner += '.py'
    root = Path(get_installed_path(package)) / '.mim' / 'configs'
    if not (root / inner).is_file():
        raise FileNotFoundError(f'{where}={value!r}: {package} has no config '
                                f'{inner!r}')
    return Config.fromfile(root / inner)


def _enhancer(name: str, entry: dict, path: Path) -> Enhancer:
    where = f'enhancers.{name}'
    check_amp_dtype(entry.get('amp_dtype'), where)
    result = Enhancer(
        name,
        entry.get('title') or name.replace('_', ' '),
        twin=entry.get('guided_twin_of'),
        datasets=tuple(entry.get('datasets') or ()),
        amp_dtype=entry.get('amp_dtype'))
    if entry.get('enhancer') is None:
        if entry.get('checkpoint'):
            raise ValueError(f'{where} has a checkpoint but no enhancer; give '
                             'the config of the network')
        return result
    checkpoints = entry.get('checkpoint')
    if not isinstance(checkpoints, (list, tuple)):
        checkpoints = [checkpoints]
    if not checkpoints:
        raise ValueError(f'{where}.checkpoint is an empty list')
    result.checkpoints = [
        c and _find(c, f'{where}.checkpoint', path) for c in checkpoints
    ]
    enhancer = entry['enhancer']
    if isinstance(enhancer, str) and (path.parent / enhancer).is_file():
        enhancer = str(path.parent / enhancer)
    try:
        enhancer, own = with_weights(enhancer)
        result.config = enhancer_config(enhancer)[0]
        if result.checkpoints == [None]:
            result.checkpoints = [own and str(own)]
        for checkpoint in result.checkpoints:
            build_enhancer(result.config, checkpoint)
    except (FileNotFoundError, ImportError, KeyError, TypeError,
            ValueError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f'{where}: {text}') from error
    return result


def _recogniser(name: str, entry: dict, path: Path) -> Recogniser:
    where = f'recognisers.{name}'
    for key in ('config', 'checkpoint'):
        if not entry.get(key):
            raise ValueError(f'{where}.{key} is missing')
    cfg = _read_config(entry['config'], f'{where}.config', path)
    for key in ('model', 'test_dataloader'):
        if key not in cfg:
            raise ValueError(f'{where}.config={entry["config"]!r} has no '
                             f'{key}; give the config of a whole recogniser')
    scope = cfg.get('default_scope')
    task = entry.get('task') or dict(mmdet='det', mmseg='seg').get(scope)
    if task not in TASKS:
        raise ValueError(f'{where}.task={task!r}: must be {" or ".join(TASKS)}'
                         )
    checkpoint = _find(entry['checkpoint'], f'{where}.checkpoint', path)
    try:
        with DefaultScope.overwrite_default_scope(scope):
            check_fit(MODELS.build(cfg.model), checkpoint, 'checkpoint')
    except ValueError as error:
        raise ValueError(f'{where}.{error}') from error
    return Recogniser(name, entry.get('title') or name, task, cfg, checkpoint)


def _data(name: str, entry: dict, path: Path) -> Data:
    where = f'datasets.{name}'
    dataset: dict = {}
    evaluator: Any = None
    loader: dict = {}
    scope = None
    if entry.get('config'):
        cfg = _read_config(entry['config'], f'{where}.config', path)
        if 'test_dataloader' not in cfg:
            raise ValueError(f'{where}.config={entry["config"]!r} has no '
                             'test_dataloader')
        loader = cfg.test_dataloader.to_dict()
        dataset = loader.pop('dataset')
        evaluator = copy.deepcopy(cfg.get('test_evaluator'))
        scope = cfg.get('default_scope')
    dataset = Config._merge_a_into_b(entry.get('dataset') or {}, dataset)
    if isinstance(evaluator, dict) and isinstance(
            entry.get('evaluator'), dict):
        evaluator = Config._merge_a_into_b(entry['evaluator'], evaluator)
    else:
        evaluator = entry.get('evaluator') or evaluator
    for key, value in (('dataset', dataset), ('evaluator', evaluator)):
        if not value:
            raise ValueError(f'{where}.{key} is missing; give it, or a '
                             'config that has it')
    evaluators = evaluator if isinstance(evaluator,
                                         (list, tuple)) else [evaluator]
    for item in [dataset, *evaluators]:
        if 'type' not in item:
            raise ValueError(f'{where}: {dict(item)} has no type')
    task = entry.get('task') or (
        'seg' if any('IoU' in str(e['type']) for e in evaluators) else 'det')
    if task not in TASKS:
        raise ValueError(f'{where}.task={task!r}: must be '
                         f'{" or ".join(TASKS)}')
    pipeline = entry.get('pipeline') or 'recogniser'
    if isinstance(pipeline, str) and pipeline not in ('recogniser',
                                                      'dataset'):
        raise ValueError(f"{where}.pipeline={pipeline!r}: must be "
                         "'recogniser', 'dataset' or a list of transforms")
    return Data(
        name,
        entry.get('title') or name.replace('_', ' '),
        task,
        dataset,
        [dict(item) for item in evaluators],
        pipeline,
        entry.get('class_names') or {},
        _levels(entry.get('darken') or {}, where),
        dict(
            batch_size=entry.get('batch_size') or 1,
            num_workers=entry.get('num_workers') or 0),
        scope)


def _levels(levels: dict, where: str) -> dict:
    """Return the levels of a test set that is darkened, checked."""
    try:
        if levels:
            Darken(**levels)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{where}.darken: {error}') from error
    return levels


# What the data are


def _scope(data: Data) -> str:
    return data.scope or dict(det='mmdet', seg='mmseg')[data.task]


def _inspect(data: Data, spec: Spec) -> None:
    """Build a dataset once, to see its images and classes."""
    where = f'datasets.{data.name}'
    config = dict(copy.deepcopy(data.dataset), pipeline=[], test_mode=True)
    try:
        with DefaultScope.overwrite_default_scope(_scope(data)):
            dataset = DATASETS.build(config)
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    except (FileNotFoundError, ImportError, KeyError, TypeError,
            ValueError, AssertionError) as error:
        text = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f'{where}: {text}') from error
    if not infos:
        raise ValueError(f'{where} has no images; see its data_root, '
                         'annotation and filters')
    missing = [i['img_path'] for i in infos if not Path(
        i['img_path']).is_file()]
    if missing:
        raise FileNotFoundError(
            f'{where}: {len(missing)} of {len(infos)} images are missing, '
            f'the first is {missing[0]!r}')
    data.infos = infos
    data.classes = tuple(dataset.metainfo['classes'])
    data.palette = list(dataset.metainfo.get('palette') or ())
    data.digest = digest([_portable(info) for info in infos]
                         + list(data.classes))
    for recogniser in spec.recognisers.values():
        if recogniser.task == data.task:
            label_table(recogniser, data)


def _check_group(spec: Spec) -> None:
    """See that some images are of a group, if images are to be grouped."""
    group = spec.bootstrap['group']
    infos = [info for data in spec.datasets.values() for info in data.infos]
    if group and all(info.get(group) is None for info in infos):
        keys = dict.fromkeys(key for info in infos for key in info)
        raise ValueError(f'bootstrap.group={group!r}: no dataset says such a '
                         f'thing of its images, but {", ".join(keys)}')


def _portable(info: dict) -> dict:
    """What an image's entry says, without where the files lie."""
    result = {}
    for key, value in info.items():
        if isinstance(value, str) and os.path.isabs(value) or key.endswith(
                'path'):
            file = Path(str(value))
            value = [file.name]
            if file.is_file():
                # Labels count by their content. Of images the size has to
                # do: to read thousands would take longer than to start.
                value.append(file.stat().st_size if key == 'img_path' else
                             sha256(file))
        result[key] = value
    return result


def recogniser_classes(recogniser: Recogniser) -> tuple[str, ...]:
    """Names of what a recogniser tells apart, by its config's dataset."""
    node = recogniser.cfg.test_dataloader.dataset
    while 'dataset' in node:
        node = node.dataset
    classes = node.get('metainfo', {}).get('classes')
    if classes is None:
        scope = recogniser.cfg.get('default_scope')
        with DATASETS.switch_scope_and_registry(scope=scope) as registry:
            classes = registry.get(node.type).METAINFO['classes']
    return tuple(classes)


def label_table(recogniser: Recogniser, data: Data) -> list[int] | None:
    """The dataset's label of each of the recogniser's, -1 where none.

    Returns:
        None, if both tell the same things apart.

    Raises:
        ValueError: If a class of the dataset is none of the recogniser's.
    """
    known = recogniser_classes(recogniser)
    if known == data.classes:
        return None
    where = f'datasets.{data.name}.class_names'
    if data.task == 'seg':
        raise ValueError(
            f'datasets.{data.name} has the classes {data.classes}, '
            f'recognisers.{recogniser.name} {known}: segmenters must have '
            'been trained for the classes of the dataset')
    for name, alias in data.class_names.items():
        if name not in data.classes:
            raise ValueError(f'{where}: {name!r} is no class of the dataset: '
                             f'{", ".join(data.classes)}')
        if alias not in known:
            raise ValueError(f'{where}.{name}={alias!r} is none of the '
                             f'classes of recognisers.{recogniser.name}: '
                             f'{", ".join(known)}')
    wanted = [data.class_names.get(name, name) for name in data.classes]
    strange = [name for name in wanted if name not in known]
    if strange:
        raise ValueError(
            f'{where}: recognisers.{recogniser.name} knows no '
            f'{", ".join(map(repr, strange))}; say what it calls it, as in '
            "class_names=dict(Motorbike='motorcycle'). It knows "
            f'{", ".join(known)}')
    return [wanted.index(n) if n in wanted else -1 for n in known]


# Cells


def cell_config(spec: Spec, enhancer: str, seed: int, plug_in: str,
                recogniser: str, dataset: str) -> Config:
    """The test config of a cell: the recogniser's, with data and enhancer."""
    item, data = spec.enhancers[enhancer], spec.datasets[dataset]
    base = spec.recognisers[recogniser]
    cfg = copy.deepcopy(base.cfg)
    pipeline = data.pipeline
    if pipeline == 'recogniser':
        node = cfg.test_dataloader.dataset
        while 'dataset' in node:
            node = node.dataset
        pipeline = node.pipeline
    elif pipeline == 'dataset':
        pipeline = data.dataset.get('pipeline')
    pipeline = [dict(step) for step in pipeline or ()]
    if data.darken:
        pipeline = darkened(pipeline, **data.darken)
    if data.task == 'det':
        _pack_boxes(pipeline)
    if item.config is not None:
        if plug_in == 'preprocessor':
            _plug_into_model(cfg, item, seed, base)
        else:
            _plug_into_pipeline(pipeline, item, seed, base)
    scope = cfg.get('default_scope')
    evaluator = copy.deepcopy(data.evaluator)
    # Prefixed, as a dataset's config may have a scope of its own.
    dataset_cfg = copy.deepcopy(data.dataset)
    if data.scope and data.scope != scope:
        for node in [dataset_cfg, *evaluator]:
            if '.' not in node['type']:
                node['type'] = f'{data.scope}.{node["type"]}'
    imports = set(cfg.get('custom_imports', {}).get('imports', ()))
    return Config(
        dict(
            default_scope=scope,
            custom_imports=dict(
                imports=sorted(imports | {'mmsdag'}),
                allow_failed_imports=False),
            model=cfg.model,
            test_dataloader=dict(
                data.loader,
                persistent_workers=False,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    dataset_cfg, pipeline=pipeline, test_mode=True)),
            test_evaluator=evaluator,
            test_cfg=dict(type='TestLoop'),
            load_from=base.checkpoint))


def _plug_into_model(cfg: Config, item: Enhancer, seed: int,
                     base: Recogniser) -> None:
    stock, ours = PREPROCESSORS[base.task]
    present = cfg.model.get('data_preprocessor') or cfg.get(
        'data_preprocessor')
    if present is None or str(present.type).split('.')[-1] != stock:
        raise ValueError(
            f'recognisers.{base.name}: its data_preprocessor is '
            f'{present and present.type!r}, not {stock}, so that no enhancer '
            "can be put there; use plug_in='transform'")
    cfg.model.data_preprocessor = dict(
        present,
        type=ours,
        enhancer=item.config,
        enhancer_checkpoint=item.checkpoints[seed],
        amp_dtype=item.amp_dtype)


def _plug_into_pipeline(pipeline: list[dict], item: Enhancer, seed: int,
                        base: Recogniser) -> None:
    for place, step in enumerate(pipeline):
        if str(step['type']).split('.')[-1].startswith('LoadImage'):
            # An image that the dataset darkens is enhanced afterwards.
            place += 1
            while place < len(pipeline) and str(
                    pipeline[place]['type']).split('.')[-1] == 'Darken':
                place += 1
            pipeline.insert(
                place,
                dict(
                    type='mmsdag.EnhanceImage',
                    enhancer=item.config,
                    checkpoint=item.checkpoints[seed],
                    amp_dtype=item.amp_dtype))
            return
    raise ValueError(f'recognisers.{base.name}: its test pipeline has no '
                     'LoadImageFromFile, after which an enhancer could be '
                     "put; use plug_in='preprocessor'")


def _pack_boxes(pipeline: list[dict]) -> None:
    """Let evaluators without an annotation file see the boxes."""
    for step in pipeline:
        if str(step['type']).split('.')[-1] == 'PackDetInputs':
            keys = step.get('meta_keys', ('img_id', 'img_path', 'ori_shape',
                                          'img_shape', 'scale_factor'))
            step['meta_keys'] = tuple(dict.fromkeys((*keys, 'instances')))


def cell_key(spec: Spec, *place: Any) -> str:
    """Digest of all that decides on a cell's figures."""
    cfg = cell_config(spec, *place)
    data = spec.datasets[place[-1]]
    recogniser = spec.recognisers[place[-2]]
    settings = cfg.to_dict()
    # What is in the data counts, not where they lie.
    dataset = settings['test_dataloader'].pop('dataset')
    return digest([
        FORMAT, package_versions(), _content(settings),
        _content(dataset['pipeline']), dataset['type'], data.digest,
        label_table(recogniser, data)
    ])[:20]


def _content(node: Any) -> Any:
    """The same with what is in a file in the place of its name."""
    if isinstance(node, Mapping):
        return {str(key): _content(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [_content(value) for value in node]
    if isinstance(node, str) and '/' in node and os.path.isfile(node):
        return sha256(Path(node))
    return node


_DIGESTS: dict[tuple, str] = {}


def sha256(path: Path) -> str:
    """Digest of a file; computed once as long as it does not change."""
    status = path.stat()
    known = (str(path), status.st_size, status.st_mtime_ns)
    if known not in _DIGESTS:
        _DIGESTS[known] = hashlib.sha256(path.read_bytes()).hexdigest()
    return _DIGESTS[known]


def digest(content: Any) -> str:
    """Digest of anything made of dicts, lists, numbers, text and arrays."""

    def plain(value: Any) -> Any:
        return value.tolist() if isinstance(
            value, (np.ndarray, np.generic)) else str(value)

    text = json.dumps(content, sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()
