"""The results of a benchmark as text: tables, sentences, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmsdag.utils.tables import markdown_table

from .plan import Plan
from .statistics import ALL, MAIN_METRIC, METRICS, NOISE, Block, Estimate, Row, stock_value

#: Columns of the CSV.
COLUMNS = (
    'dataset',
    'recogniser',
    'plug_in',
    'enhancer',
    'minus',
    'subset',
    'metric',
    'value',
    'low',
    'high',
    'spread',
    'verdict',
    'seeds',
    'images',
    'seconds_per_image',
    'peak_memory_mib',
    'cells',
)
_HOW_TO_READ = (
    'Metrics are in percent; those of the stock evaluators, unrounded. In brackets: the '
    '{level:.0%} bootstrap interval over the images ({samples} resamples, the same for all '
    'enhancers{group}). A difference whose interval includes 0 is called within noise. ± is the '
    'standard deviation over the checkpoints of an enhancer; an interval does not include it. '
    'Time: median to read an image, enhance it and predict. Memory: peak of the process above its '
    'memory before the run.'
)


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """Format a number for a table."""
    if value is None or np.isnan(value):
        return '–'
    text = f'{value:{"+" if sign else ""}.{digits}f}'
    return text.replace('-', '−')


def text_of(estimate: Estimate, difference: bool = False) -> str:
    """Format as ``62.5 ± 0.3 [56.1, 68.9]``; mark a difference in noise."""
    low, high = (number(end, sign=difference) for end in estimate.interval)
    text = number(estimate.value, sign=difference)
    if estimate.spread is not None:
        text += f' ± {number(estimate.spread)}'
    text += f' [{low}, {high}]'
    if difference and estimate.verdict == NOISE:
        text += f' {NOISE}'
    return text


def _extra_metrics(block: Block) -> list[str]:
    """Return the metrics of other evaluators, which have no intervals."""
    known = {m for task in METRICS.values() for m in task} | {'mAcc'}
    return list(
        dict.fromkeys(
            name
            for row in block.rows
            for result in row.results
            for name in result.metrics
            if not name.startswith('coco/') and name.split('/')[-1] not in known
        )
    )


def block_table(plan: Plan, block: Block) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of a block."""
    metrics = METRICS[block.task]
    extras = _extra_metrics(block)
    baseline = block.row(plan.baseline)
    title = plan.enhancers[plan.baseline].title
    head = ['enhancer', *metrics.values(), *extras]
    if baseline is not None:
        head += [f'{name} − {title}' for name in metrics.values()]
    head += ['s / image', 'MiB']
    rows = []
    for row in block.rows:
        estimates = row.estimates[ALL]
        cells = [plan.enhancers[row.enhancer].title]
        cells += [text_of(estimates[m]) for m in metrics]
        cells += [number(stock_value(row, n, block.task)) for n in extras]
        if baseline is not None:
            cells += [
                ''
                if row is baseline
                else text_of(estimates[m].minus(baseline.estimates[ALL][m]), True)
                for m in metrics
            ]
        rows.append([*cells, number(row.seconds, 3), number(row.memory, 0)])
    return head, rows


def guidance_table(plan: Plan, block: Block) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the comparisons of a block."""
    rows = []
    for pair in block.comparisons:
        for metric, name in METRICS[block.task].items():
            estimate = pair.differences[ALL][metric]
            each = ''
            if len(estimate.seeds) > 1:
                each = ', '.join(number(s, sign=True) for s in estimate.seeds)
            rows.append(
                [
                    plan.enhancers[pair.guided].title,
                    plan.enhancers[pair.unguided].title,
                    name,
                    text_of(estimate, True),
                    each,
                ]
            )
    return ['guided', 'unguided', 'metric', 'guided − unguided', 'each checkpoint'], rows


def summary_tables(
    plan: Plan, blocks: Sequence[Block]
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Return the main metric of every enhancer on every test set.

    Recognizers of one title, such as those of several seeds, are averaged.
    Enhancers of one title, such as an oracle at several exposures, share a
    row. Differences of guided and unguided enhancers are rows of their own.

    Returns:
        Metric, head and rows of a table for each task.
    """
    tables = []
    for task, metric in MAIN_METRIC.items():
        columns: dict[str, None] = {}
        # Estimates by title, kind (difference or not) and column.
        found: dict[tuple[str, bool], dict[str, list[Estimate]]] = {}
        for block in (b for b in blocks if b.task == task):
            column = _column(plan, block)
            columns[column] = None
            own = [(plan.enhancers[row.enhancer].title, False, row.estimates) for row in block.rows]
            own += [
                (
                    f'{plan.enhancers[pair.guided].title} − {plan.enhancers[pair.unguided].title}',
                    True,
                    pair.differences,
                )
                for pair in block.comparisons
            ]
            for title, difference, estimates in own:
                found.setdefault((title, difference), {}).setdefault(column, []).append(
                    estimates[ALL][metric]
                )
        rows = [
            [title, *(_pooled_text(cells.get(column), difference) for column in columns)]
            for (title, difference), cells in found.items()
        ]
        if rows:
            tables.append((METRICS[task][metric], ['enhancer', *columns], rows))
    return tables


def _column(plan: Plan, block: Block) -> str:
    place = f'{plan.datasets[block.dataset].title}, {plan.recognizers[block.recognizer].title}'
    return f'{place}, {block.plug_in}' if len(plan.plug_ins) > 1 else place


def _pooled_text(estimates: Sequence[Estimate] | None, difference: bool) -> str:
    """Format the mean of estimates, which are of the same resamples."""
    if not estimates:
        return ''
    return text_of(
        Estimate(
            np.concatenate([e.seeds for e in estimates]),
            np.concatenate([e.samples for e in estimates]),
            estimates[0].level,
        ),
        difference,
    )


def block_title(plan: Plan, block: Block) -> str:
    """Return the title of a block."""
    title = plan.recognizers[block.recognizer].title
    if sum(r.title == title for r in plan.recognizers.values()) > 1:
        title += f' ({block.recognizer})'
    return f'{plan.datasets[block.dataset].title}, {title}, enhanced by the {block.plug_in}'


def verdicts(plan: Plan, block: Block) -> Iterator[str]:
    """Yield sentences that compare guided enhancers with their twins."""
    for pair in block.comparisons:
        for metric, name in METRICS[block.task].items():
            estimate = pair.differences[ALL][metric]
            guided = plan.enhancers[pair.guided].title
            twin = plan.enhancers[pair.unguided].title
            change = number(estimate.value, sign=True)
            if estimate.verdict == NOISE:
                sentence = f'{guided} and {twin} differ by {change} {name}: {NOISE}'
            else:
                sentence = f'{guided} is {estimate.verdict} than {twin} by {change} {name}'
            signs = set(np.sign(estimate.seeds))
            if len(estimate.seeds) > 1 and len(signs) > 1:
                sentence += '; the checkpoints disagree on the sign'
            yield f'{sentence}.'


def headline(plan: Plan, blocks: Sequence[Block]) -> list[str]:
    """Summarize the results: a headline, then sentences."""
    sentences = []
    for block in blocks:
        where = block_title(plan, block)
        said = [f'{where}: {text}' for text in verdicts(plan, block)]
        sentences += said or _best(plan, block, where)
    pairs = [p.differences[ALL][MAIN_METRIC[b.task]].verdict for b in blocks for p in b.comparisons]
    if not pairs:
        return ['Enhancers as preprocessing in the dark.', *sentences]
    counts = [f'{pairs.count(word)} {word}' for word in ('better', 'worse', NOISE)]
    return [f'Guided against unguided, {len(pairs)} comparisons: {", ".join(counts)}.', *sentences]


def _best(plan: Plan, block: Block, where: str) -> list[str]:
    """Name the best enhancer, if there are several."""
    baseline = block.row(plan.baseline)
    if baseline is None or len(block.rows) < 2:
        return []
    metric = MAIN_METRIC[block.task]
    best = max(
        (r for r in block.rows if r is not baseline), key=lambda r: r.estimates[ALL][metric].value
    )
    change = best.estimates[ALL][metric].minus(baseline.estimates[ALL][metric])
    return [
        f'{where}: of the enhancers, {plan.enhancers[best.enhancer].title} has the highest '
        f'{METRICS[block.task][metric]}; against {plan.enhancers[plan.baseline].title} that is '
        f'{change.verdict}.'
    ]


def how_to_read(plan: Plan) -> str:
    """Explain the tables."""
    options = plan.bootstrap
    group = ' or '.join(options.group)
    return _HOW_TO_READ.format(
        level=options.level,
        samples=options.samples,
        group=f', images of one {group} drawn together' if group else '',
    )


def to_markdown(plan: Plan, blocks: Sequence[Block], failed: Mapping[str, str]) -> str:
    """Return all tables as Markdown."""
    parts = [f'# {plan.title}', how_to_read(plan)]
    for metric, head, rows in summary_tables(plan, blocks):
        parts += [f'## {metric}, all test sets', markdown_table(head, rows)]
    for block in blocks:
        size = block.subsets[ALL]
        parts.append(f'## {block_title(plan, block)} ({size})')
        parts.append(markdown_table(*block_table(plan, block)))
        if block.comparisons:
            parts.append('### Guided against unguided')
            parts.append(markdown_table(*guidance_table(plan, block)))
            parts += [f'- {line}' for line in verdicts(plan, block)]
    if failed:
        parts.append('## Failed')
        parts += [f'- {run}: {error}' for run, error in failed.items()]
    return '\n\n'.join(parts).replace('\n\n- ', '\n- ') + '\n'


def to_csv(plan: Plan, blocks: Sequence[Block]) -> str:
    """Return every metric and every difference, unrounded, one per line."""
    buffer = io.StringIO()
    table = csv.DictWriter(buffer, COLUMNS, restval='', lineterminator='\n')
    table.writeheader()
    for block in blocks:
        place = dict(dataset=block.dataset, recogniser=block.recognizer, plug_in=block.plug_in)
        for row in block.rows:
            table.writerows(dict(place, **line) for line in _row_lines(plan, block, row))
        for pair in block.comparisons:
            table.writerows(
                dict(
                    place,
                    enhancer=pair.guided,
                    minus=pair.unguided,
                    subset=subset,
                    metric=metric,
                    verdict=change.verdict,
                    **_columns(change),
                )
                for subset, metrics in pair.differences.items()
                for metric, change in metrics.items()
            )
    return buffer.getvalue()


def _row_lines(plan: Plan, block: Block, row: Row) -> Iterator[dict[str, Any]]:
    """Yield the lines of an enhancer, and of its gain on the baseline."""
    baseline = block.row(plan.baseline)
    facts = dict(
        images=len(plan.datasets[block.dataset].infos),
        seconds_per_image=f'{row.seconds:.6f}',
        peak_memory_mib='' if row.memory is None else f'{row.memory:.1f}',
        cells=' '.join(r.run.key for r in row.results),
    )
    for subset, metrics in row.estimates.items():
        for metric, estimate in metrics.items():
            name = dict(enhancer=row.enhancer, subset=subset, metric=metric)
            yield {**name, **_columns(estimate), **facts}
            if baseline is None or row is baseline:
                continue
            change = estimate.minus(baseline.estimates[subset][metric])
            yield dict(name, minus=plan.baseline, verdict=change.verdict, **_columns(change))
    for stock in dict.fromkeys(n for r in row.results for n in r.metrics):
        yield dict(
            enhancer=row.enhancer,
            subset=ALL,
            metric=f'stock: {stock}',
            value=stock_value(row, stock, block.task),
            **facts,
        )


def _columns(estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval
    return dict(
        value=estimate.value,
        low=low,
        high=high,
        spread='' if estimate.spread is None else estimate.spread,
        seeds=' '.join(f'{seed:.6g}' for seed in estimate.seeds),
    )
