"""A benchmark's report: one HTML page with everything inlined."""
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

from .cells import duration
from .figures import (
    ALL,
    METRICS,
    Block,
    Estimate,
    block_table,
    block_title,
    guidance_table,
    how_to_read,
    verdicts,
)
from .pictures import SCORE, pictures
from .spec import Spec

#: Of the charts of classes and lighting, by task.
SHOWN = dict(det='bbox_mAP_50', seg='mIoU')
#: So many classes have a chart, those with the most objects.
MOST_CLASSES = 12


def interval_chart(names: Sequence[str], estimates: Sequence[Estimate | None],
                   colors: Sequence[str], limits: tuple[float, float],
                   zero: bool = False) -> Markup:
    """Draw figures and their intervals, one a line.

    Args:
        names: Of the lines.
        estimates: Figures, in percent; None leaves the line empty.
        colors: Of the lines.
        limits: Of the axis.
        zero: Whether to draw a line at 0.
    """

    def draw(axes: Axes) -> None:
        for place, (estimate, color) in enumerate(zip(estimates, colors)):
            if estimate is None or math.isnan(estimate.value):
                continue
            low, high = estimate.interval
            axes.plot([low, high], [place, place], color=color, linewidth=2,
                      solid_capstyle='round')
            axes.plot([estimate.value], [place], 'o', color=color,
                      markersize=5)
            if len(estimate.seeds) > 1:
                axes.plot(estimate.seeds, [place] * len(estimate.seeds), '|',
                          color=color, markersize=8)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - .5, -.5)
        axes.set_xlim(*limits)
        axes.grid(axis='x', color=INK, alpha=0.15, linewidth=0.7)
        if zero:
            axes.axvline(0, color=INK, linewidth=0.8)

    return chart(draw, (3.4, .45 + .2 * len(names)))


def _colors(count: int) -> list[str]:
    table = matplotlib.colormaps['tab10']
    return [matplotlib.colors.to_hex(table(i % 10)) for i in range(count)]


def _subset_charts(spec: Spec, block: Block, kind: str) -> list[dict]:
    """Charts of the parts of a kind, ``class`` or ``lighting``."""
    metric = SHOWN[block.task]
    subsets = [s for s in block.subsets if s.startswith(f'{kind}: ')]
    if kind == 'class':
        subsets.sort(key=lambda s: -int(block.subsets[s].split()[0]))
        subsets = subsets[:MOST_CLASSES]
    titles = [spec.enhancers[r.enhancer].title for r in block.rows]
    colors = _colors(len(titles))
    return [
        dict(
            title=subset.partition(': ')[2],
            text=block.subsets[subset],
            svg=interval_chart(
                titles,
                [r.estimates[subset].get(metric) for r in block.rows], colors,
                (0, 100))) for subset in subsets
    ]


def _overall_charts(spec: Spec, block: Block) -> list[dict]:
    titles = [spec.enhancers[r.enhancer].title for r in block.rows]
    colors = _colors(len(titles))
    charts = []
    baseline = block.row(spec.baseline)
    for metric, name in METRICS[block.task].items():
        estimates = [r.estimates[ALL][metric] for r in block.rows]
        charts.append(
            dict(
                title=name,
                text='',
                svg=interval_chart(titles, estimates, colors,
                                   _limits(estimates))))
        if baseline is None or len(block.rows) < 2:
            continue
        changes = [
            None if row is baseline else row.estimates[ALL][metric].minus(
                baseline.estimates[ALL][metric]) for row in block.rows
        ]
        charts.append(
            dict(
                title=f'{name} − {spec.enhancers[spec.baseline].title}',
                text='an interval that crosses the line is within noise',
                svg=interval_chart(titles, changes, colors,
                                   _limits(changes, 0.), zero=True)))
    return charts


def _limits(estimates: Sequence[Estimate | None],
            *included: float) -> tuple[float, float]:
    ends = [*included] + [
        end for e in estimates if e is not None
        for end in (*e.interval, e.value) if not math.isnan(end)
    ]
    if not ends:
        return 0, 100
    slack = 0.05 * (max(ends) - min(ends)) or 1
    return min(ends) - slack, max(ends) + slack


def _block(spec: Spec, block: Block, number: int) -> dict[str, Any]:
    head, rows = block_table(spec, block)
    guided_head, guided_rows = guidance_table(spec, block)
    classes = [s for s in block.subsets if s.startswith('class: ')]
    return dict(
        id=f'block-{number}',
        title=block_title(spec, block),
        size=block.subsets[ALL],
        head=head,
        rows=rows,
        guided_head=guided_head,
        guided_rows=guided_rows,
        verdicts=list(verdicts(spec, block)),
        overall=_overall_charts(spec, block),
        metric=METRICS[block.task][SHOWN[block.task]],
        classes=_subset_charts(spec, block, 'class'),
        class_count=len(classes),
        lighting=_subset_charts(spec, block, 'lighting'))


def _gallery(spec: Spec, blocks: Sequence[Block]) -> list[dict]:
    """Pictures of each dataset and recogniser, by the first plug-in point."""
    seen: set[tuple[str, str]] = set()
    gallery = []
    for block in blocks:
        place = (block.dataset, block.recogniser)
        if place in seen or not spec.pictures:
            continue
        seen.add(place)
        gallery.append(
            dict(
                title=block_title(spec, block),
                photos=[
                    dict(
                        name=name,
                        views=[
                            dict(
                                title=view.title,
                                text=view.text,
                                picture=image_source(view.image))
                            for view in views
                        ]) for name, views in pictures(spec, block)
                ]))
    return gallery


def headline(spec: Spec, blocks: Sequence[Block]) -> list[str]:
    """What the figures say: a headline, then sentences."""
    sentences = []
    for block in blocks:
        said = list(verdicts(spec, block))
        where = block_title(spec, block)
        sentences += [f'{where}: {sentence}' for sentence in said]
        baseline = block.row(spec.baseline)
        metric = SHOWN[block.task]
        if said or baseline is None or len(block.rows) < 2:
            continue
        best = max((r for r in block.rows if r is not baseline),
                   key=lambda r: r.estimates[ALL][metric].value)
        change = best.estimates[ALL][metric].minus(
            baseline.estimates[ALL][metric])
        sentences.append(
            f'{where}: of the enhancers, '
            f'{spec.enhancers[best.enhancer].title} has the highest '
            f'{METRICS[block.task][metric]}; against '
            f'{spec.enhancers[spec.baseline].title} that is '
            f'{change.verdict}.')
    pairs = [p.differences[ALL][SHOWN[b.task]].verdict
             for b in blocks for p in b.comparisons]
    if not pairs:
        return ['What enhancers do for recognisers in the dark.', *sentences]
    counts = [f'{pairs.count(word)} {word}'
              for word in ('better', 'worse', 'within noise')]
    return [
        f'Guided against unguided, {len(pairs)} comparisons: '
        f'{", ".join(counts)}.', *sentences
    ]


def write_page(spec: Spec, blocks: Sequence[Block],
               failed: Mapping[str, str]) -> bytes:
    """The page."""
    results = [r for b in blocks for row in b.rows for r in row.results]
    keys = {r.cell.key: r for r in results}
    facts = {
        'spec': str(spec.path),
        'cells': f'{len(keys)} measured',
        'time of all cells': duration(
            sum(r.facts['total_seconds'] for r in keys.values())),
        'device': ', '.join(sorted({r.facts['device'] for r in results})),
        'versions': ', '.join(
            f'{name} {version}'
            for name, version in package_versions().items()),
    }
    return render_page(
        Path(__file__).with_name('page.html'),
        title=spec.title,
        verdict=headline(spec, blocks),
        explanation=how_to_read(spec),
        blocks=[_block(spec, b, i) for i, b in enumerate(blocks, 1)],
        gallery=_gallery(spec, blocks),
        score=SCORE,
        failed=failed,
        facts=facts).encode()
