"""Metrics of a benchmark with their intervals, and differences of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmsdag.evaluation import DetectionMatches, Interval, interval, resample

from .plan import Plan
from .runs import Result
from .sources import EvaluationSet

#: Metrics that have intervals, and their names in tables, by task.
METRICS = dict(
    det=dict(bbox_mAP='mAP', bbox_mAP_50='mAP50'),
    seg=dict(mIoU='mIoU', aAcc='aAcc'),
    cls=dict(top1='accuracy'),
)
#: The metric of the charts and of the headline, by task.
MAIN_METRIC = dict(det='bbox_mAP_50', seg='mIoU', cls='top1')
ALL = 'all'
NOISE = 'within noise'


@dataclass(frozen=True)
class Estimate:
    """A metric in percent, of the images and of B resamples.

    Attributes:
        seeds: (S,), the metric of each checkpoint.
        samples: (S, B), the same of each resample.
        level: Level of the interval, from 0 to 1.
    """

    seeds: np.ndarray
    samples: np.ndarray
    level: float = 0.95

    @property
    def value(self) -> float:
        """Mean over the checkpoints."""
        return float(self.seeds.mean())

    @property
    def spread(self) -> float | None:
        """Standard deviation over the checkpoints; None for one."""
        if len(self.seeds) < 2:
            return None
        return float(self.seeds.std(ddof=1))

    @property
    def interval(self) -> Interval:
        """Bootstrap interval of the mean over the checkpoints."""
        return interval(self.samples.mean(0), self.level)

    @property
    def verdict(self) -> str:
        """For a difference: better, worse, or within noise."""
        if self.interval.includes_zero:
            return NOISE
        return 'better' if self.value > 0 else 'worse'

    def of_seeds(self, chosen: Sequence[int]) -> Estimate:
        """Return the estimate of some of the checkpoints."""
        return Estimate(self.seeds[chosen], self.samples[chosen], self.level)

    def minus(self, other: Estimate, paired: bool = False) -> Estimate:
        """Return the difference, of the same resamples.

        Args:
            other: Estimate to subtract.
            paired: Subtract checkpoint by checkpoint, instead of the mean.
        """
        seeds, samples = other.seeds, other.samples
        if not paired:
            seeds = seeds.mean(keepdims=True)
            samples = samples.mean(0, keepdims=True)
        return Estimate(self.seeds - seeds, self.samples - samples, self.level)


#: By subset (``all``, ``class: car``, ``lighting: Low``) and metric.
Estimates = dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Row:
    """An enhancer in a block.

    Attributes:
        enhancer: Its name in the spec.
        results: Results of its checkpoints.
        estimates: Its metrics.
    """

    enhancer: str
    results: list[Result]
    estimates: Estimates

    @property
    def seconds(self) -> float:
        """Seconds per image, mean over the checkpoints."""
        return float(np.mean([r.facts['seconds_per_image'] for r in self.results]))

    @property
    def memory(self) -> float | None:
        """Peak memory in MiB, mean over the checkpoints."""
        values = [r.facts['peak_memory_mib'] for r in self.results]
        return None if None in values else float(np.mean(values))


@dataclass(frozen=True)
class Comparison:
    """A guided enhancer and one that it is compared with.

    Attributes:
        guided: Name of the guided enhancer.
        unguided: Name of its twin, unguided or without weights.
        differences: Guided minus unguided.
    """

    guided: str
    unguided: str
    differences: Estimates


@dataclass(frozen=True)
class Block:
    """All enhancers with one recognizer on one test set.

    Attributes:
        dataset: Name of the test set.
        recognizer: Name of the recognizer.
        plug_in: Where the enhancers are put.
        task: ``'det'``, ``'seg'`` or ``'cls'``.
        rows: The enhancers.
        comparisons: Guided enhancers and their twins.
        subsets: Parts of the test set, with their sizes in words.
    """

    dataset: str
    recognizer: str
    plug_in: str
    task: str
    rows: list[Row]
    comparisons: list[Comparison]
    subsets: dict[str, str]

    def row(self, enhancer: str) -> Row | None:
        """Return the row of an enhancer, if there is one."""
        return next((r for r in self.rows if r.enhancer == enhancer), None)


def make_blocks(plan: Plan, results: Sequence[Result]) -> list[Block]:
    """Group results by test set, recognizer and plug-in, and estimate."""
    places: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        run = result.run
        places.setdefault((run.dataset, run.recognizer, run.plug_in), []).append(result)
    return [_block(plan, *place, members) for place, members in places.items()]


def _block(
    plan: Plan, dataset: str, recognizer: str, plug_in: str, members: Sequence[Result]
) -> Block:
    data = plan.datasets[dataset]
    # In the order in which the images were matched.
    infos = [data.infos[i] for i in np.argsort(members[0].arrays['place'])]
    options = plan.bootstrap
    # The first key that the images of this test set have.
    key = next((k for k in options.group if any(info.get(k) is not None for info in infos)), None)
    groups = [info.get(key) for info in infos]
    weights = resample(len(infos), options.samples, options.seed, groups)
    subsets = _subsets(infos, data.classes, members[0])
    if key is not None:
        count = len({str(g) for g in groups if g is not None})
        subsets[ALL] += f', {count} by {key}'
    rows = []
    for name in plan.enhancers:
        own = [r for r in members if r.run.enhancer == name]
        if own:
            rows.append(
                Row(name, own, _estimates(own, infos, weights, data, subsets, options.level))
            )
    return Block(dataset, recognizer, plug_in, data.task, rows, _comparisons(plan, rows), subsets)


def _subsets(infos: Sequence[dict], classes: Sequence[str], result: Result) -> dict[str, str]:
    """Return parts of the test set, and the size of each in words."""
    subsets = {ALL: f'{len(infos)} images'}
    kinds = sorted({i['lighting'] for i in infos if i.get('lighting')})
    if len(kinds) > 1:
        for kind in kinds:
            count = sum(i.get('lighting') == kind for i in infos)
            subsets[f'lighting: {kind}'] = f'{count} images'
    per_image = result.per_image
    if isinstance(per_image, DetectionMatches):
        sizes, unit = per_image.positives, 'boxes'
    else:
        sizes, unit = per_image.label > 0, 'images'
    for name, count in zip(classes, sizes.sum(0)):
        if count:
            subsets[f'class: {name}'] = f'{count} {unit}'
    return subsets


def _estimates(
    results: Sequence[Result],
    infos: Sequence[dict],
    weights: np.ndarray,
    data: EvaluationSet,
    subsets: dict[str, str],
    level: float,
) -> Estimates:
    """Estimate the metrics of all subsets."""
    # The first row counts every image once.
    every = np.concatenate([np.ones((1, len(infos))), weights])
    found: dict[str, dict[str, list]] = {
        subset: {metric: [] for metric in METRICS[data.task]} for subset in subsets
    }
    for result in results:
        overall, classes = result.per_image.summarise(every)
        for subset in subsets:
            kind, _, name = subset.partition(': ')
            values = overall
            if kind == 'lighting':
                mask = [info.get('lighting') == name for info in infos]
                values = result.per_image.summarise(every * mask)[0]
            elif kind == 'class':
                k = data.classes.index(name)
                values = {m: v[:, k] for m, v in classes.items()}
            for metric, column in found[subset].items():
                if metric in values:
                    column.append(100 * values[metric])
    return {
        subset: {
            metric: Estimate(np.stack(columns)[:, 0], np.stack(columns)[:, 1:], level)
            for metric, columns in metrics.items()
            if columns
        }
        for subset, metrics in found.items()
    }


def _comparisons(plan: Plan, rows: Sequence[Row]) -> list[Comparison]:
    """Subtract twins from enhancers, for the checkpoints that both have."""
    by_name = {row.enhancer: row for row in rows}
    comparisons = []
    for row in rows:
        for name in plan.enhancers[row.enhancer].twins:
            twin = by_name.get(name)
            mine, theirs = _common(plan, row, twin) if twin else ([], [])
            if twin and mine:
                comparisons.append(
                    Comparison(row.enhancer, name, _differences(row, mine, twin, theirs))
                )
    return comparisons


def _common(plan: Plan, row: Row, twin: Row) -> tuple[list[int], list[int]]:
    """Return the places of paired checkpoints in the results of two rows."""
    seeds, others = ([r.run.seed for r in side.results] for side in (row, twin))
    if plan.enhancers[twin.enhancer].checkpoints == (None,):
        # Without weights: the same for every checkpoint.
        return list(range(len(seeds))), [0] * len(seeds)
    common = [s for s in seeds if s in others]
    return [seeds.index(s) for s in common], [others.index(s) for s in common]


def _differences(row: Row, mine: Sequence[int], twin: Row, theirs: Sequence[int]) -> Estimates:
    """Subtract a twin from an enhancer, checkpoint by checkpoint."""
    return {
        subset: {
            metric: estimate.of_seeds(mine).minus(
                twin.estimates[subset][metric].of_seeds(theirs), paired=True
            )
            for metric, estimate in metrics.items()
        }
        for subset, metrics in row.estimates.items()
    }


def stock_value(row: Row, name: str, task: str) -> float | None:
    """Return a stock metric in percent, mean over the checkpoints."""
    scale = 100 if task == 'det' else 1  # the others are in percent
    values = [r.metrics[name] for r in row.results if name in r.metrics]
    return float(np.mean(values)) * scale if values else None
