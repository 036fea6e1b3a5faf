"""Charts of a metric against the light of darkened test sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes

from mmsdag.report import INK, chart

from .plan import Plan
from .statistics import ALL, Block

#: A point: exposure, estimate and the ends of its interval, in percent.
Point = tuple[float, float, float, float]


def light_series(plan: Plan, blocks: Sequence[Block], metric: str) -> list[dict[str, Any]]:
    """Collect the metric of one test set at several exposures.

    Test sets belong together if they have the same images and recognizer and
    are darkened by the same camera. The test set that is not darkened is the
    point at exposure 1 of each of them.

    Args:
        plan: The benchmark.
        blocks: Its blocks, of any test set.
        metric: Name of the metric in the estimates.

    Returns:
        One dict per chart: ``title``, and ``lines``, the points of each
        enhancer by its title. Enhancers of one title share a line.
    """
    groups: dict[tuple, list[Block]] = {}
    for block in blocks:
        levels = plan.datasets[block.dataset].entry.darken
        camera = tuple(sorted(item for item in levels.items() if item[0] != 'exposure'))
        groups.setdefault(
            (
                plan.datasets[block.dataset].digest,
                block.recognizer,
                block.plug_in,
                camera if levels else None,
            ),
            [],
        ).append(block)
    series = []
    for (*place, camera), members in groups.items():
        if camera is None:
            continue
        members = members + groups.get((*place, None), [])
        if len(members) < 2:
            continue
        lines: dict[str, list[Point]] = {}
        for block in members:
            levels = plan.datasets[block.dataset].entry.darken
            exposure = levels.get('exposure', 1.0)
            for row in block.rows:
                estimate = row.estimates[ALL].get(metric)
                if estimate is not None:
                    lines.setdefault(plan.enhancers[row.enhancer].title, []).append(
                        (exposure, estimate.value, *estimate.interval)
                    )
        data = plan.datasets[members[0].dataset]
        series.append(
            dict(
                title=f'{data.title.split(",")[0]}, '
                f'{plan.recognizers[members[0].recognizer].title}, '
                + (', '.join(f'{k} {v:g}' for k, v in camera) or 'default sensor'),
                lines={title: sorted(points) for title, points in lines.items()},
            )
        )
    return series


def light_chart(lines: dict[str, list[Point]], name: str) -> Any:
    """Draw a metric against the exposure, with intervals, as an SVG.

    Args:
        lines: Points of each enhancer, as of :func:`light_series`.
        name: Name of the metric.
    """
    colors = matplotlib.colormaps['tab20']

    def draw(axes: Axes) -> None:
        for number, (title, points) in enumerate(lines.items()):
            color = colors(number % 20)
            exposures, values, low, high = zip(*points)
            axes.plot(
                exposures, values, 'o-', color=color, markersize=3, linewidth=1.4, label=title
            )
            axes.vlines(exposures, low, high, color=color, alpha=0.35)
        ticks = sorted({p[0] for points in lines.values() for p in points})
        axes.set_xscale('log')
        axes.set_xticks(ticks, [f'{100 * tick:g} %' for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set_xlabel('light')
        axes.set_ylabel(name)
        axes.grid(axis='y', color=INK, alpha=0.15, linewidth=0.7)
        axes.legend(
            frameon=False, fontsize=7, labelcolor=INK, loc='center left', bbox_to_anchor=(1, 0.5)
        )

    return chart(draw, (6.8, 3.2))
