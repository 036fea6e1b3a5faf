"""The keys of a benchmark's spec, their types and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mmsdag.utils.suggestions import did_you_mean

Task = Literal['det', 'seg', 'cls']
PlugIn = Literal['preprocessor', 'transform']
Pipeline = Literal['recognizer', 'recogniser', 'dataset']

_Count = Annotated[int, Field(ge=1, strict=True)]
_PlugIns = Annotated[tuple[PlugIn, ...], Field(min_length=1)]
_Number = Annotated[int, Field(ge=0, strict=True)]


class _Entry(BaseModel):
    """Known keys only; None stands for the default."""

    model_config = ConfigDict(extra='forbid', frozen=True)

    @model_validator(mode='before')
    @classmethod
    def _drop_none(cls, entry: Any) -> Any:
        if not isinstance(entry, Mapping):
            raise ValueError(f'{entry!r} is not a dict; its keys are {", ".join(cls.model_fields)}')
        return {key: value for key, value in entry.items() if value is not None}


class EnhancerEntry(_Entry):
    """``enhancers.X``: an enhancer, with a checkpoint for each seed."""

    enhancer: dict | str | None = None
    checkpoint: str | tuple[str, ...] | None = None
    title: str | None = None
    guided_twin_of: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    amp_dtype: Literal['float16', 'bfloat16', 'auto'] | None = None
    with_original: bool = False

    @field_validator('guided_twin_of', mode='before')
    @classmethod
    def _as_tuple(cls, names: Any) -> Any:
        return (names,) if isinstance(names, str) else names


class RecognizerEntry(_Entry):
    """``recognizers.X``: a detector, segmentor or classifier."""

    config: str
    checkpoint: str
    task: Task | None = None
    title: str | None = None


class DatasetEntry(_Entry):
    """``datasets.X``: a test set and its evaluator."""

    config: str | None = None
    dataset: dict = {}
    evaluator: dict | tuple[dict, ...] = {}
    pipeline: Pipeline | tuple[dict, ...] = 'recognizer'
    class_names: dict[str, str] = {}
    darken: dict = {}
    batch_size: _Count = 1
    num_workers: _Number = 0
    task: Task | None = None
    title: str | None = None


class Bootstrap(_Entry):
    """``bootstrap``: how the intervals are computed.

    Images are drawn together that agree in the first key of ``group`` that
    their test set has.
    """

    samples: _Count = 1000
    seed: _Number = 0
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    group: tuple[str, ...] = ()

    @field_validator('group', mode='before')
    @classmethod
    def _as_tuple(cls, group: Any) -> Any:
        return (group,) if isinstance(group, str) else group


class SpecSchema(_Entry):
    """A whole spec."""

    enhancers: Annotated[dict[str, EnhancerEntry | None], Field(min_length=1)]
    recognizers: Annotated[dict[str, RecognizerEntry], Field(min_length=1)]
    datasets: Annotated[dict[str, DatasetEntry], Field(min_length=1)]
    plug_in: PlugIn | _PlugIns = 'preprocessor'
    baseline: str | None = None
    bootstrap: Bootstrap = Bootstrap()
    work_dir: str | None = None
    title: str | None = None
    pictures: _Number = 4
    custom_imports: dict = {}

    @model_validator(mode='after')
    def _check_names(self) -> SpecSchema:
        """Check that the names which one entry gives of another exist."""
        _check_name('baseline', self.baseline, self.enhancers)
        for name, entry in self.enhancers.items():
            where = f'enhancers.{name}'
            if entry is None:
                continue
            for dataset in entry.datasets:
                _check_name(f'{where}.datasets', dataset, self.datasets)
            others = [other for other in self.enhancers if other != name]
            for twin in entry.guided_twin_of:
                _check_name(f'{where}.guided_twin_of', twin, others)
            if entry.checkpoint and entry.enhancer is None:
                raise ValueError(
                    f'{where} has a checkpoint but no enhancer; give the config of the network'
                )
            if entry.with_original and entry.enhancer is None:
                raise ValueError(
                    f'{where}.with_original: there is no enhancer, so both images would be the '
                    'same; give one, or leave with_original out'
                )
            if entry.checkpoint == ():
                raise ValueError(f'{where}.checkpoint is an empty list')
        return self


def _check_name(where: str, name: str | None, known: Any) -> None:
    if name is not None and name not in known:
        raise ValueError(f'{where}={name!r} does not exist; {did_you_mean(name, known)}')


def validate(content: Mapping[str, Any]) -> SpecSchema:
    """Check the content of a spec.

    Raises:
        ValueError: For the first wrong key or value; names it, and says what
            it may be.
    """
    try:
        return SpecSchema.model_validate(content)
    except ValidationError as error:
        raise ValueError(_message(content, error)) from None


def _message(content: Mapping[str, Any], error: ValidationError) -> str:
    first = error.errors()[0]
    # Members of a union add their own names, which are not keys.
    path: list[str] = []
    node: Any = content
    for key in first['loc']:
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif first['type'] not in ('missing', 'extra_forbidden'):
            break
        path.append(str(key))
    where = '.'.join(path)
    if first['type'] == 'extra_forbidden':
        *parents, key = path
        return (
            f'{".".join(parents) or "the spec"} has no key {key!r}; '
            f'{did_you_mean(key, _keys(parents))}'
        )
    if first['type'] == 'missing':
        return f'{where} is missing'
    if first['type'] == 'too_short':
        return f'{where} is empty; name at least one'
    text = first['msg'].removeprefix('Value error, ')
    if first['type'] == 'value_error':
        return f'{where}: {text}' if where else text
    reasons = dict.fromkeys(
        e['msg'] for e in error.errors() if [*map(str, e['loc'])][: len(path)] == path
    )
    return f'{where}={node!r}: {", or ".join(reasons)}'


def _keys(parents: list[str]) -> list[str]:
    entries: dict[str, type[_Entry]] = dict(
        enhancers=EnhancerEntry,
        recognizers=RecognizerEntry,
        datasets=DatasetEntry,
        bootstrap=Bootstrap,
    )
    entry = entries[parents[0]] if parents else SpecSchema
    return list(entry.model_fields)
