"""Render the report of a benchmark as one page of HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes

from mmsdag.report import INK, chart, image_source, render_page
from mmsdag.utils.env import package_versions
from mmsdag.utils.system import duration

from .light import light_chart, light_series
from .pictures import SCORE, pictures
from .plan import Plan
from .statistics import ALL, MAIN_METRIC, METRICS, Block, Estimate
from .tables import (
    block_table,
    block_title,
    guidance_table,
    headline,
    how_to_read,
    summary_tables,
    verdicts,
)

#: Largest number of classes that have a chart: those with the most objects.
MOST_CLASSES = 12


def interval_chart(
    names: Sequence[str],
    estimates: Sequence[Estimate | None],
    colors: Sequence[str],
    limits: tuple[float, float],
    zero: bool = False,
) -> Markup:
    """Draw metrics and their intervals, one per line.

    Args:
        names: Names of the lines.
        estimates: Metrics in percent; None leaves the line empty.
        colors: Colors of the lines.
        limits: Limits of the axis.
        zero: Whether to draw a line at 0.
    """

    def draw(axes: Axes) -> None:
        for place, (estimate, color) in enumerate(zip(estimates, colors)):
            if estimate is None or math.isnan(estimate.value):
                continue
            low, high = estimate.interval
            axes.plot([low, high], [place, place], color=color, linewidth=2, solid_capstyle='round')
            axes.plot([estimate.value], [place], 'o', color=color, markersize=5)
            if len(estimate.seeds) > 1:
                axes.plot(
                    estimate.seeds, [place] * len(estimate.seeds), '|', color=color, markersize=8
                )
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(*limits)
        axes.grid(axis='x', color=INK, alpha=0.15, linewidth=0.7)
        if zero:
            axes.axvline(0, color=INK, linewidth=0.8)

    return chart(draw, (3.4, 0.45 + 0.2 * len(names)))


def _colors(count: int) -> list[str]:
    table = matplotlib.colormaps['tab10']
    return [matplotlib.colors.to_hex(table(i % 10)) for i in range(count)]


def _subset_charts(plan: Plan, block: Block, kind: str) -> list[dict]:
    """Return the charts of the classes or of the kinds of lighting."""
    metric = MAIN_METRIC[block.task]
    subsets = [s for s in block.subsets if s.startswith(f'{kind}: ')]
    if kind == 'class':
        subsets.sort(key=lambda s: -int(block.subsets[s].split()[0]))
        subsets = subsets[:MOST_CLASSES]
    titles = [plan.enhancers[r.enhancer].title for r in block.rows]
    colors = _colors(len(titles))
    return [
        dict(
            title=subset.partition(': ')[2],
            text=block.subsets[subset],
            svg=interval_chart(
                titles, [r.estimates[subset].get(metric) for r in block.rows], colors, (0, 100)
            ),
        )
        for subset in subsets
    ]


def _overall_charts(plan: Plan, block: Block) -> list[dict]:
    titles = [plan.enhancers[r.enhancer].title for r in block.rows]
    colors = _colors(len(titles))
    charts = []
    baseline = block.row(plan.baseline)
    for metric, name in METRICS[block.task].items():
        estimates = [r.estimates[ALL][metric] for r in block.rows]
        charts.append(
            dict(
                title=name,
                text='',
                svg=interval_chart(titles, estimates, colors, _limits(estimates)),
            )
        )
        if baseline is None or len(block.rows) < 2:
            continue
        changes = [
            None
            if row is baseline
            else row.estimates[ALL][metric].minus(baseline.estimates[ALL][metric])
            for row in block.rows
        ]
        charts.append(
            dict(
                title=f'{name} − {plan.enhancers[plan.baseline].title}',
                text='an interval that crosses the line is within noise',
                svg=interval_chart(titles, changes, colors, _limits(changes, 0.0), zero=True),
            )
        )
    return charts


def _limits(estimates: Sequence[Estimate | None], *included: float) -> tuple[float, float]:
    ends = [*included] + [
        end
        for e in estimates
        if e is not None
        for end in (*e.interval, e.value)
        if not math.isnan(end)
    ]
    if not ends:
        return 0, 100
    slack = 0.05 * (max(ends) - min(ends)) or 1
    return min(ends) - slack, max(ends) + slack


def _block(plan: Plan, block: Block, number: int) -> dict[str, Any]:
    head, rows = block_table(plan, block)
    guided_head, guided_rows = guidance_table(plan, block)
    classes = [s for s in block.subsets if s.startswith('class: ')]
    return dict(
        id=f'block-{number}',
        title=block_title(plan, block),
        size=block.subsets[ALL],
        head=head,
        rows=rows,
        guided_head=guided_head,
        guided_rows=guided_rows,
        verdicts=list(verdicts(plan, block)),
        overall=_overall_charts(plan, block),
        metric=METRICS[block.task][MAIN_METRIC[block.task]],
        classes=_subset_charts(plan, block, 'class'),
        class_count=len(classes),
        lighting=_subset_charts(plan, block, 'lighting'),
    )


def _light_charts(plan: Plan, blocks: Sequence[Block]) -> list[dict]:
    """Return charts of the metric of each task against the light."""
    return [
        dict(
            title=f'{METRICS[task][metric]} against the light: {series["title"]}',
            svg=light_chart(series['lines'], METRICS[task][metric]),
        )
        for task, metric in MAIN_METRIC.items()
        for series in light_series(plan, [b for b in blocks if b.task == task], metric)
    ]


def _gallery(plan: Plan, blocks: Sequence[Block]) -> list[dict]:
    """Return pictures of each test set and recognizer, for one plug-in."""
    seen: set[tuple[str, str]] = set()
    gallery = []
    for block in blocks:
        place = (block.dataset, block.recognizer)
        if place in seen or not plan.pictures:
            continue
        seen.add(place)
        gallery.append(
            dict(
                title=block_title(plan, block),
                photos=[
                    dict(
                        name=name,
                        views=[
                            dict(title=view.title, text=view.text, picture=image_source(view.image))
                            for view in views
                        ],
                    )
                    for name, views in pictures(plan, block)
                ],
            )
        )
    return gallery


def render_report(plan: Plan, blocks: Sequence[Block], failed: Mapping[str, str]) -> str:
    """Render the page.

    Args:
        plan: The benchmark.
        blocks: Its results.
        failed: Errors of the failed runs, by their names.
    """
    results = {r.run.key: r for b in blocks for row in b.rows for r in row.results}
    seconds = sum(r.facts['total_seconds'] for r in results.values())
    facts = {
        'spec': str(plan.path),
        'runs': f'{len(results)} measured',
        'time of all runs': duration(seconds),
        'device': ', '.join(sorted({r.facts['device'] for r in results.values()})),
        'versions': ', '.join(f'{name} {version}' for name, version in package_versions().items()),
    }
    return render_page(
        Path(__file__).with_name('page.html'),
        title=plan.title,
        verdict=headline(plan, blocks),
        explanation=how_to_read(plan),
        blocks=[_block(plan, b, i) for i, b in enumerate(blocks, 1)],
        summaries=summary_tables(plan, blocks),
        light=_light_charts(plan, blocks),
        gallery=_gallery(plan, blocks),
        score=SCORE,
        failed=failed,
        facts=facts,
    )
