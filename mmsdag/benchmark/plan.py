"""The runs of a benchmark, checked before the first one starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from .run_config import run_config, run_key
from .schema import Bootstrap, EnhancerEntry, SpecSchema, validate
from .sources import (
    Enhancer,
    EvaluationSet,
    Recognizer,
    label_table,
    read_dataset,
    read_enhancer,
    read_recognizer,
)


@dataclass(frozen=True)
class Run:
    """One measurement.

    Attributes:
        enhancer: Name of the enhancer.
        seed: Index of its checkpoint.
        plug_in: ``'preprocessor'`` or ``'transform'``.
        recognizer: Name of the recognizer.
        dataset: Name of the test set.
        key: Digest of everything that the metrics depend on.
        several: Whether the enhancer has several checkpoints.
    """

    enhancer: str
    seed: int
    plug_in: str
    recognizer: str
    dataset: str
    key: str
    several: bool = False

    def __str__(self) -> str:
        seed = f'#{self.seed + 1}' if self.several else ''
        return f'{self.enhancer}{seed} · {self.recognizer} · {self.dataset} · {self.plug_in}'


@dataclass(frozen=True)
class Plan:
    """A checked benchmark.

    Attributes:
        path: File of the spec.
        title: Title of the report.
        work_dir: Folder of the results.
        enhancers: Enhancers by name.
        recognizers: Recognizers by name.
        datasets: Test sets by name.
        plug_ins: Where the enhancers are put.
        baseline: Name of the enhancer that the others are compared with.
        bootstrap: Settings of the intervals.
        pictures: Number of images shown of each test set.
    """

    path: Path
    title: str
    work_dir: Path
    enhancers: dict[str, Enhancer]
    recognizers: dict[str, Recognizer]
    datasets: dict[str, EvaluationSet]
    plug_ins: tuple[str, ...]
    baseline: str
    bootstrap: Bootstrap
    pictures: int

    def config(self, run: Run) -> Config:
        """Return the complete test config of a run."""
        return run_config(
            self.enhancers[run.enhancer],
            run.seed,
            run.plug_in,
            self.recognizers[run.recognizer],
            self.datasets[run.dataset],
        )

    def runs(self) -> list[Run]:
        """Return all runs; those of one test set and recognizer together."""
        return [
            Run(
                enhancer.name,
                seed,
                plug_in,
                recognizer.name,
                data.name,
                run_key(enhancer, seed, plug_in, recognizer, data),
                len(enhancer.checkpoints) > 1,
            )
            for data in self.datasets.values()
            for recognizer in self.recognizers.values()
            if recognizer.task == data.task
            for plug_in in self.plug_ins
            for enhancer in self.enhancers.values()
            if not enhancer.datasets or data.name in enhancer.datasets
            # A data preprocessor gets one image, not two.
            if plug_in == 'transform' or not enhancer.with_original
            for seed in range(len(enhancer.checkpoints))
        ]


def read_plan(path: str | Path, options: Mapping[str, Any] | None = None) -> Plan:
    """Read and check a spec.

    Args:
        path: File of the spec.
        options: Overrides of its keys, as of ``--cfg-options``.

    Raises:
        FileNotFoundError: If the spec, or a file that it names, is missing.
        ValueError: If a key or a value is wrong; names it.
    """
    path = Path(path)
    spec = _read_schema(path, options or {})
    folder = path.parent
    work_dir = Path(spec.work_dir or f'work_dirs/benchmark/{path.stem}')
    if work_dir.is_file():
        raise ValueError(f'work_dir={str(work_dir)!r} is a file; name a folder')
    plug_ins = spec.plug_in
    plan = Plan(
        path=path,
        title=spec.title or path.stem.replace('_', ' '),
        work_dir=work_dir,
        enhancers={
            name: read_enhancer(name, entry or EnhancerEntry(), folder)
            for name, entry in spec.enhancers.items()
        },
        recognizers={
            name: read_recognizer(name, entry, folder) for name, entry in spec.recognizers.items()
        },
        datasets={name: read_dataset(name, entry, folder) for name, entry in spec.datasets.items()},
        plug_ins=(plug_ins,) if isinstance(plug_ins, str) else plug_ins,
        baseline=spec.baseline or next(iter(spec.enhancers)),
        bootstrap=spec.bootstrap,
        pictures=spec.pictures,
    )
    _check_seeds(plan)
    _check_tasks(plan)
    _check_group(plan)
    _check_with_original(plan)
    return plan


def _read_schema(path: Path, options: Mapping[str, Any]) -> SpecSchema:
    if not path.is_file():
        raise FileNotFoundError(
            f'spec {str(path)!r} is not a file; configs/benchmark/ has one to start from'
        )
    try:
        cfg = Config.fromfile(path)
    except (SyntaxError, NameError, OSError) as error:
        raise ValueError(f'spec {str(path)!r}: {error}') from error
    cfg.merge_from_dict(dict(options))
    # Names that begin with _ are for helper variables.
    content = {key: value for key, value in cfg.to_dict().items() if not key.startswith('_')}
    return validate(_one_spelling(content))


def _one_spelling(content: dict[str, Any]) -> dict[str, Any]:
    """Rename ``recognisers``; a spec and its base may differ in spelling."""
    parts = [
        (key, content.pop(key)) for key in list(content) if key in ('recognisers', 'recognizers')
    ]
    both = Config(dict(recognizers={}))
    # The keys of the base come first.
    for key, part in parts:
        if not isinstance(part, Mapping):
            return {**content, key: part}
        both.merge_from_dict(dict(recognizers=part))
    return {**content, **both.to_dict()} if parts else content


def _check_seeds(plan: Plan) -> None:
    """Check that an enhancer has as many checkpoints as its twins.

    A twin without weights is compared with every checkpoint.
    """
    for item in plan.enhancers.values():
        for twin in (plan.enhancers[name] for name in item.twins):
            counts = [len(item.checkpoints), len(twin.checkpoints)]
            if counts[0] != counts[1] and twin.checkpoints != (None,):
                raise ValueError(
                    f'enhancers.{item.name}.guided_twin_of: {item.name} has {counts[0]} '
                    f'checkpoints and {twin.name} {counts[1]}; guided and unguided are compared '
                    'seed by seed: give both the same number, in the same order'
                )


def _check_tasks(plan: Plan) -> None:
    """Check that each test set has recognizers, and the reverse."""
    for key, items, other, others in (
        ('datasets', plan.datasets, 'recognizer', plan.recognizers),
        ('recognizers', plan.recognizers, 'dataset', plan.datasets),
    ):
        tasks = {item.task for item in others.values()}
        for item in items.values():
            if item.task not in tasks:
                raise ValueError(
                    f'{key}.{item.name} is for task={item.task!r}, but no '
                    f'{other} is; add one, or remove it'
                )
    for data in plan.datasets.values():
        for recognizer in plan.recognizers.values():
            if recognizer.task == data.task:
                label_table(recognizer, data)


def _check_group(plan: Plan) -> None:
    """Check that some images have the key that groups them."""
    infos = [info for data in plan.datasets.values() for info in data.infos]
    for group in plan.bootstrap.group:
        if all(info.get(group) is None for info in infos):
            keys = dict.fromkeys(key for info in infos for key in info)
            raise ValueError(
                f'bootstrap.group={group!r}: no entry of any dataset has this '
                f'key; they have {", ".join(keys)}'
            )


def _check_with_original(plan: Plan) -> None:
    """Check that detectors alone get the image as it is beside the enhanced."""
    for item in plan.enhancers.values():
        if not item.with_original:
            continue
        for name in item.datasets or plan.datasets:
            task = plan.datasets[name].task
            if task != 'det':
                raise ValueError(
                    f'enhancers.{item.name}.with_original: datasets.{name} is for task={task!r}, '
                    'but boxes are merged; name the datasets of detectors in '
                    f'enhancers.{item.name}.datasets'
                )
