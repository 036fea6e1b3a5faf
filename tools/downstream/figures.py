"""Figures of a benchmark: estimates, their intervals, tables of them."""
from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmsdag.evaluation import Interval, interval, resample

from .cells import Result
from .spec import Spec

#: Figures that have intervals, and their names for people, by task.
METRICS = dict(
    det=dict(bbox_mAP='mAP', bbox_mAP_50='mAP50'),
    seg=dict(mIoU='mIoU', aAcc='aAcc'))
ALL = 'all'
NOISE = 'within noise'


@dataclass
class Estimate:
    """A figure in percent, and the same of the resampled images.

    Attributes:
        seeds: (S,), the figure of each checkpoint.
        samples: (S, B), the same of each resample.
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
        """Standard deviation over the checkpoints, if there are several."""
        if len(self.seeds) < 2:
            return None
        return float(self.seeds.std(ddof=1))

    @property
    def interval(self) -> Interval:
        """Of the mean over the checkpoints, over the images."""
        return interval(self.samples.mean(0), self.level)

    def minus(self, other: Estimate, paired: bool = False) -> Estimate:
        """The difference, of the same resamples.

        Args:
            other: What is subtracted.
            paired: Checkpoint by checkpoint; else its mean over them.
        """
        if paired:
            seeds, samples = other.seeds, other.samples
        else:
            seeds = other.seeds.mean(keepdims=True)
            samples = other.samples.mean(0, keepdims=True)
        return Estimate(self.seeds - seeds, self.samples - samples,
                        self.level)

    @property
    def verdict(self) -> str:
        """Of a difference: better, worse, or within noise."""
        if self.interval.includes_zero:
            return NOISE
        return 'better' if self.value > 0 else 'worse'


@dataclass
class Row:
    """An enhancer in a block.

    Attributes:
        enhancer: Its name in the spec.
        results: Of its checkpoints, those that are done.
        estimates: By subset (``all``, ``class: car``, ``lighting: Low``) and
            metric.
    """
    enhancer: str
    results: list[Result]
    estimates: dict[str, dict[str, Estimate]] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Per image, mean over the checkpoints."""
        return float(np.mean(
            [r.facts['seconds_per_image'] for r in self.results]))

    @property
    def memory(self) -> float | None:
        """MiB, mean over the checkpoints."""
        values = [r.facts['peak_memory_mib'] for r in self.results]
        return None if None in values else float(np.mean(values))


@dataclass
class Comparison:
    """A guided enhancer and its unguided twin.

    Attributes:
        differences: Guided minus unguided, as of :class:`Row`.
    """
    guided: str
    unguided: str
    differences: dict[str, dict[str, Estimate]]


@dataclass
class Block:
    """All enhancers before one recogniser on one dataset."""
    dataset: str
    recogniser: str
    plug_in: str
    task: str
    rows: list[Row]
    comparisons: list[Comparison]
    subsets: dict[str, str]

    def row(self, enhancer: str) -> Row | None:
        """That of an enhancer, if it is there."""
        return next((r for r in self.rows if r.enhancer == enhancer), None)


def make_blocks(spec: Spec, results: Sequence[Result]) -> list[Block]:
    """Arrange results and estimate their figures."""
    places: dict[tuple, list[Result]] = {}
    for result in results:
        cell = result.cell
        places.setdefault((cell.dataset, cell.recogniser, cell.plug_in),
                          []).append(result)
    blocks = []
    for (dataset, recogniser, plug_in), members in places.items():
        data = spec.datasets[dataset]
        infos = _in_order(data.infos, members[0])
        options = spec.bootstrap
        groups = [info.get(options['group']) for info in infos]
        weights = resample(
            len(infos), options['samples'], options['seed'], groups)
        subsets = _subsets(infos, data.classes, members[0])
        if any(group is not None for group in groups):
            count = len({str(g) for g in groups if g is not None})
            subsets[ALL] += f', {count} by {options["group"]}'
        rows = []
        for name in spec.enhancers:
            own = [r for r in members if r.cell.enhancer == name]
            if own:
                rows.append(
                    Row(
                        name, own,
                        _estimates(own, infos, weights, data, subsets,
                                   options['level'])))
        blocks.append(
            Block(dataset, recogniser, plug_in, data.task, rows,
                  _comparisons(spec, rows), subsets))
    return blocks


def _in_order(infos: Sequence[dict], result: Result) -> list[dict]:
    """Entries of the images in the order in which they were matched."""
    places = result.arrays['place']
    return [infos[i] for i in np.argsort(places)]


def _subsets(infos: Sequence[dict], classes: Sequence[str],
             result: Result) -> dict[str, str]:
    """Parts of the data, and how large each is, for people."""
    subsets = {ALL: f'{len(infos)} images'}
    kinds = sorted({i['lighting'] for i in infos if i.get('lighting')})
    if len(kinds) > 1:
        for kind in kinds:
            count = sum(i.get('lighting') == kind for i in infos)
            subsets[f'lighting: {kind}'] = f'{count} images'
    sizes = getattr(result.per_image, 'positives', None)
    unit = 'boxes'
    if sizes is None:
        sizes, unit = result.per_image.label > 0, 'images'
    for name, count in zip(classes, sizes.sum(0)):
        if count:
            subsets[f'class: {name}'] = f'{count} {unit}'
    return subsets


def _estimates(results: Sequence[Result], infos: Sequence[dict],
               weights: np.ndarray, data: Any, subsets: dict[str, str],
               level: float) -> dict[str, dict[str, Estimate]]:
    """Of all subsets; the first row of the weights' is every image once."""
    every = np.concatenate([np.ones((1, len(infos))), weights])
    found: dict[str, dict[str, list]] = {
        subset: {metric: [] for metric in METRICS[data.task]}
        for subset in subsets
    }
    for result in results:
        overall, classes = result.per_image.summarise(every)
        for subset in subsets:
            kind, _, name = subset.partition(': ')
            if kind == 'lighting':
                mask = [info.get('lighting') == name for info in infos]
                values = result.per_image.summarise(every * mask)[0]
            elif kind == 'class':
                k = data.classes.index(name)
                values = {m: v[:, k] for m, v in classes.items()}
            else:
                values = overall
            for metric, column in found[subset].items():
                if metric in values:
                    column.append(100 * values[metric])
    return {
        subset: {
            metric: Estimate(
                np.stack(columns)[:, 0], np.stack(columns)[:, 1:], level)
            for metric, columns in metrics.items() if columns
        }
        for subset, metrics in found.items()
    }


def _comparisons(spec: Spec, rows: Sequence[Row]) -> list[Comparison]:
    """Guided minus unguided, of the checkpoints that both have."""
    by_name = {row.enhancer: row for row in rows}
    comparisons = []
    for row in rows:
        twin = by_name.get(spec.enhancers[row.enhancer].twin or '')
        if twin is None:
            continue
        seeds = [[r.cell.seed for r in side.results] for side in (row, twin)]
        common = [s for s in seeds[0] if s in seeds[1]]
        if not common:
            continue

        def chosen(estimate: Estimate, side: list[int],
                   common: list[int] = common) -> Estimate:
            at = [side.index(seed) for seed in common]
            return Estimate(estimate.seeds[at], estimate.samples[at],
                            estimate.level)

        comparisons.append(
            Comparison(
                row.enhancer, twin.enhancer, {
                    subset: {
                        metric: chosen(estimate, seeds[0]).minus(
                            chosen(twin.estimates[subset][metric], seeds[1]),
                            paired=True)
                        for metric, estimate in metrics.items()
                    }
                    for subset, metrics in row.estimates.items()
                }))
    return comparisons


# Text


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """A number for people."""
    if value is None or np.isnan(value):
        return '–'
    text = f'{value:{"+" if sign else ""}.{digits}f}'
    return text.replace('-', '−')


def text_of(estimate: Estimate, difference: bool = False) -> str:
    """``62.5 ± 0.3 [56.1, 68.9]``; of a difference, whether it is noise."""
    low, high = (number(end, sign=difference) for end in estimate.interval)
    text = number(estimate.value, sign=difference)
    if estimate.spread is not None:
        text += f' ± {number(estimate.spread)}'
    text += f' [{low}, {high}]'
    if difference and estimate.verdict == NOISE:
        text += f' {NOISE}'
    return text


def extra_metrics(block: Block) -> list[str]:
    """Figures of other evaluators than those that have intervals."""
    known = {m for task in METRICS.values() for m in task} | {'mAcc'}
    return list(dict.fromkeys(
        name for row in block.rows for result in row.results
        for name in result.metrics
        if not name.startswith('coco/') and name.split('/')[-1] not in known))


def stock_value(row: Row, name: str, task: str) -> float | None:
    """A stock figure in percent, mean over the checkpoints."""
    scale = 100 if task == 'det' else 1  # mmseg's are in percent
    values = [r.metrics[name] for r in row.results if name in r.metrics]
    return float(np.mean(values)) * scale if values else None


def block_table(spec: Spec, block: Block) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the table of a block."""
    metrics = METRICS[block.task]
    extras = extra_metrics(block)
    baseline = block.row(spec.baseline)
    title = spec.enhancers[spec.baseline].title
    head = ['enhancer', *metrics.values(), *extras]
    if baseline is not None:
        head += [f'{name} − {title}' for name in metrics.values()]
    head += ['s / image', 'MiB']
    rows = []
    for row in block.rows:
        estimates = row.estimates[ALL]
        cells = [spec.enhancers[row.enhancer].title]
        cells += [text_of(estimates[m]) for m in metrics]
        cells += [number(stock_value(row, n, block.task)) for n in extras]
        if baseline is not None:
            cells += ['' if row is baseline else text_of(
                estimates[m].minus(baseline.estimates[ALL][m]), True)
                for m in metrics]
        rows.append([*cells, number(row.seconds, 3), number(row.memory, 0)])
    return head, rows


def guidance_table(spec: Spec,
                   block: Block) -> tuple[list[str], list[list[str]]]:
    """Head and rows of the comparisons of a block."""
    rows = []
    for pair in block.comparisons:
        for metric, name in METRICS[block.task].items():
            estimate = pair.differences[ALL][metric]
            each = ''
            if len(estimate.seeds) > 1:
                each = ', '.join(number(s, sign=True) for s in estimate.seeds)
            rows.append([
                spec.enhancers[pair.guided].title,
                spec.enhancers[pair.unguided].title, name,
                text_of(estimate, True), each
            ])
    return ['guided', 'its unguided twin', 'figure', 'guided − unguided',
            'checkpoint by checkpoint'], rows


def block_title(spec: Spec, block: Block) -> str:
    """Name of a block, for people."""
    return (f'{spec.datasets[block.dataset].title}, '
            f'{spec.recognisers[block.recogniser].title}, '
            f'enhanced by the {block.plug_in}')


def verdicts(spec: Spec, block: Block) -> Iterator[str]:
    """Sentences about the guided enhancers and their twins."""
    for pair in block.comparisons:
        for metric, name in METRICS[block.task].items():
            estimate = pair.differences[ALL][metric]
            guided = spec.enhancers[pair.guided].title
            twin = spec.enhancers[pair.unguided].title
            change = number(estimate.value, sign=True)
            if estimate.verdict == NOISE:
                sentence = (f'{guided} and {twin} differ by {change} {name}: '
                            f'{NOISE}')
            else:
                sentence = (f'{guided} is {estimate.verdict} than {twin} by '
                            f'{change} {name}')
            signs = set(np.sign(estimate.seeds))
            if len(estimate.seeds) > 1 and len(signs) > 1:
                sentence += '; the checkpoints disagree on the sign'
            yield f'{sentence}.'


HOW_TO_READ = (
    'Figures are in percent; those of the stock evaluators, unrounded. In '
    'brackets, the {level:.0%} bootstrap interval over the images '
    '({samples} resamples, the same for all enhancers{group}). A difference '
    'whose interval includes 0 is called within noise. ± is the standard '
    'deviation over the checkpoints of an enhancer; an interval does not '
    'include it. Time: median of reading, enhancing and recognising an '
    'image. Memory: what the process needs at most beyond what it held '
    'before the cell.')


def how_to_read(spec: Spec) -> str:
    """What the figures mean."""
    options = spec.bootstrap
    group = options['group']
    return HOW_TO_READ.format(
        **{k: options[k] for k in ('level', 'samples')},
        group=f', images of one {group} drawn together' if group else '')


def markdown(spec: Spec, blocks: Sequence[Block],
             failed: dict[str, str]) -> str:
    """All tables."""
    parts = [f'# {spec.title}', how_to_read(spec)]
    for block in blocks:
        size = block.subsets[ALL]
        parts.append(f'## {block_title(spec, block)} ({size})')
        parts.append(_markdown_table(*block_table(spec, block)))
        if block.comparisons:
            parts.append('### Guided against unguided')
            parts.append(_markdown_table(*guidance_table(spec, block)))
            parts += [f'- {line}' for line in verdicts(spec, block)]
    if failed:
        parts.append('## Failed')
        parts += [f'- {cell}: {error}' for cell, error in failed.items()]
    return '\n\n'.join(parts).replace('\n\n- ', '\n- ') + '\n'


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join(
        f'| {" | ".join(cell.replace("|", "/") for cell in line)} |'
        for line in lines)


COLUMNS = ('dataset', 'recogniser', 'plug_in', 'enhancer', 'minus', 'subset',
           'metric', 'value', 'low', 'high', 'spread', 'verdict', 'seeds',
           'images', 'seconds_per_image', 'peak_memory_mib', 'cells')


def write_csv(spec: Spec, blocks: Sequence[Block]) -> str:
    """Every figure and every difference, one a line, unrounded."""
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, COLUMNS, restval='', lineterminator='\n')
    table.writeheader()
    for block in blocks:
        place = dict(
            dataset=block.dataset,
            recogniser=block.recogniser,
            plug_in=block.plug_in)
        baseline = block.row(spec.baseline)
        for row in block.rows:
            place.update(enhancer=row.enhancer)
            facts = dict(
                images=len(spec.datasets[block.dataset].infos),
                seconds_per_image=f'{row.seconds:.6f}',
                peak_memory_mib='' if row.memory is None else
                f'{row.memory:.1f}',
                cells=' '.join(r.cell.key for r in row.results))
            for subset, metrics in row.estimates.items():
                for metric, estimate in metrics.items():
                    name = dict(place, subset=subset, metric=metric)
                    table.writerow({**name, **_columns(estimate), **facts})
                    if baseline is None or row is baseline:
                        continue
                    change = estimate.minus(baseline.estimates[subset][metric])
                    table.writerow({
                        **name, **_columns(change), 'minus': spec.baseline,
                        'verdict': change.verdict
                    })
            for name in dict.fromkeys(n for r in row.results
                                      for n in r.metrics):
                table.writerow({
                    **place, 'subset': ALL, 'metric': f'stock: {name}',
                    'value': stock_value(row, name, block.task), **facts
                })
        for pair in block.comparisons:
            place.update(enhancer=pair.guided)
            for subset, metrics in pair.differences.items():
                for metric, change in metrics.items():
                    table.writerow({
                        **place, **_columns(change), 'minus': pair.unguided,
                        'subset': subset, 'metric': metric,
                        'verdict': change.verdict
                    })
    return buffer.getvalue()


def _columns(estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval
    return dict(
        value=estimate.value,
        low=low,
        high=high,
        spread='' if estimate.spread is None else estimate.spread,
        seeds=' '.join(f'{seed:.6g}' for seed in estimate.seeds))
