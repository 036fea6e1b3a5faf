"""Render the report of the demonstration as one page of HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmsdag.report import color_gradient, error_colors, image_source, line_chart, render_page

from .measuring import View
from .verdict import COLUMNS, VERSIONS, cell, means, verdict

#: Title and meaning of each loss term.
TERMS = dict(
    loss_recon=('reconstruction', 'of the clean image, mean |x̂ − x|'),
    loss_recon_gamma=('reconstruction, darkened', 'of the image to the power of 1/0.3; weight 0.1'),
    loss_recon_noise=('reconstruction, noisy', 'of the image with noise of σ = 50/255; weight 0.1'),
    loss_margin_gamma=(
        'ranking, darkened',
        'clean must be reconstructed better than darkened, by a margin of 0.5',
    ),
    loss_margin_noise=(
        'ranking, noisy',
        'clean must be reconstructed better than noisy, by a margin of 0.5',
    ),
    loss_exp=('exposure', 'distance of the patches from gray level 0.6'),
    loss_tv=('smoothness', 'variation of the curve maps'),
    loss_col=('color', 'differences between the means of the channels'),
    loss_spa=('spatial consistency', 'change of the differences between neighboring patches'),
    loss_sdag=('guidance', 'mean |e − SDAG(e)| times its weight'),
)

BLUE, ORANGE, GREEN = '#4c8fd0', '#e0813a', '#3fa37a'


def render_report(views: Sequence[View], histories: Mapping[str, dict], **content: Any) -> str:
    """Render the page.

    Args:
        views: The held-out photographs in all their versions.
        histories: Loss terms of the trainings ``unguided``, ``sdag`` and
            ``guided``, each a value by iteration.
        **content: The other names in ``report.html``.
    """
    # The dark input is left out: its large errors would darken all others.
    errors = [v.error for v in views if v.version in ('unguided', 'guided')]
    top = float(np.percentile(np.concatenate([*map(np.ravel, errors)]), 99))
    top = max(top, 1e-6)
    columns = [name for name in COLUMNS if any(view.metrics[name] is not None for view in views)]
    charts = [
        dict(
            title='Zero-DCE, without and with guidance',
            text='Same seed, photographs, crops and number of iterations. '
            'Weights are included; lower is better.',
            key={'unguided': BLUE, 'guided': ORANGE},
            charts=_charts([(histories['unguided'], BLUE), (histories['guided'], ORANGE)]),
        ),
        dict(
            title='SDAG (stage one)',
            text='Its five terms, weights included.',
            key={},
            charts=_charts([(histories['sdag'], GREEN)]),
        ),
    ]
    return render_page(
        Path(__file__).with_name('report.html'),
        verdict=verdict(views),
        columns=[COLUMNS[name] for name in columns],
        table=_table(views, columns),
        photos=_photos(views, top),
        width=len(dict.fromkeys(view.version for view in views)),
        gradient=color_gradient(),
        ticks=[f'{share * top:.3f}' for share in (0, 0.25, 0.5, 0.75, 1)],
        charts=charts,
        **content,
    )


def _table(views: Sequence[View], columns: Sequence[str]) -> list[dict]:
    photos = list(dict.fromkeys(view.photo for view in views))
    groups = [(f'mean of {len(photos)}', means(views))]
    groups += [
        (photo, {v.version: v.metrics for v in views if v.photo == photo}) for photo in photos
    ]
    return [
        dict(
            name=name,
            mean=number == 0,
            rows=[
                dict(title=VERSIONS[version], cells=[cell(metrics, c) for c in columns])
                for version, metrics in rows.items()
            ],
        )
        for number, (name, rows) in enumerate(groups)
    ]


def _photos(views: Sequence[View], top: float) -> list[dict]:
    photos: dict[str, list[dict]] = {}
    for view in views:
        photos.setdefault(view.photo, []).append(
            dict(
                title=VERSIONS[view.version],
                caption=_caption(view.metrics),
                picture=image_source(view.picture),
                error_map=image_source(error_colors(view.error, top)),
                error=cell(view.metrics, 'guidance'),
            )
        )
    return [dict(name=name, views=items) for name, items in photos.items()]


def _caption(metrics: Mapping[str, float | None]) -> list[str]:
    lines = [f'brightness {metrics["brightness"]:.2f}']
    if metrics['psnr'] is not None:
        lines.append(f'PSNR {metrics["psnr"]:.1f} dB · SSIM {metrics["ssim"]:.2f}')
    return lines


def _charts(lines: Sequence[tuple[dict, str]]) -> list[dict]:
    charts = []
    for name in dict.fromkeys(n for history, _ in lines for n in history):
        title, text = TERMS.get(name, (name, ''))
        svg = line_chart([(history[name], color) for history, color in lines if name in history])
        charts.append(dict(name=name, title=title, text=text, svg=svg))
    return charts
