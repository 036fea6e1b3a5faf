"""The metrics of the demonstration in words, at the printed precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .measuring import View

#: Titles of the versions of a photograph.
VERSIONS = dict(
    dark='dark input',
    unguided='Zero-DCE, unguided',
    guided='Zero-DCE, guided',
    reference='well-lit original',
)


class Column(NamedTuple):
    """A metric in the table."""

    title: str
    digits: int
    meaning: str


COLUMNS = dict(
    guidance=Column(
        'guidance loss ↓',
        4,
        'mean |e − SDAG(e)|, before weighting. The guided network was trained to lower it, the '
        'unguided one was not; a lower value alone does not mean a better picture.',
    ),
    brightness=Column('brightness', 3, 'mean value; 0 is black, 1 is white.'),
    psnr=Column(
        'PSNR / dB ↑',
        2,
        'similarity to the well-lit original, which Zero-DCE never sees. A '
        'picture of another brightness scores low even if it is clean.',
    ),
    psnr_matched=Column(
        'PSNR / dB ↑, equal brightness',
        2,
        'PSNR after the picture is scaled to the mean of the original: '
        'differences other than brightness.',
    ),
    ssim=Column('SSIM ↑', 4, 'structural similarity to the well-lit original.'),
)


def means(views: Sequence[View]) -> dict[str, dict[str, float | None]]:
    """Average each metric over the photographs, by version."""
    result: dict[str, dict[str, float | None]] = {}
    for version in VERSIONS:
        rows = [v.metrics for v in views if v.version == version]
        if rows:
            result[version] = {name: _mean([row[name] for row in rows]) for name in COLUMNS}
    return result


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def verdict(views: Sequence[View]) -> list[str]:
    """Describe the effect of guidance: a headline, then sentences."""
    mean = means(views)
    photos = list(dict.fromkeys(view.photo for view in views))
    lower = sum(gain < 0 for gain in _gains(views, 'guidance'))
    before = _shown(mean['unguided'], 'guidance')
    after = _shown(mean['guided'], 'guidance')
    change = 100 * (after - before) / before if before else 0.0
    sentences = [
        f'SDAG’s reconstruction error, which guidance is trained to lower, went from {before:.4f} '
        f'without guidance to {after:.4f} with it ({_signed(change, 0)} %); it is lower on {lower} '
        f'of {len(photos)} held-out photographs.'
    ]
    if 'reference' in mean:
        headline = _headline(
            _shown(mean['guided'], 'psnr') - _shown(mean['unguided'], 'psnr'),
            _shown(mean['guided'], 'ssim') - _shown(mean['unguided'], 'ssim'),
        )
        sentences += _against_originals(views, mean, len(photos))
    else:
        headline = (
            'Guidance '
            + ('lowered' if change < 0 else 'did not lower')
            + ' SDAG’s reconstruction error; which pictures are better is for you to judge.'
        )
        sentences.append(
            'There are no well-lit originals of these photographs, so no metric measures the '
            'quality of the pictures; and SDAG was trained on what the unguided Zero-DCE makes of '
            'such photographs.'
        )
    sentences.append(
        f'One seed, {len(photos)} photographs and minutes of training show '
        'how the parts work together. They are no benchmark.'
    )
    return [headline, *sentences]


def _against_originals(
    views: Sequence[View], mean: Mapping[str, Mapping[str, float | None]], count: int
) -> list[str]:
    """Compare with the well-lit originals."""

    def shift(name: str, unit: str = '') -> str:
        before, after = (_shown(mean[v], name) for v in ('unguided', 'guided'))
        digits = COLUMNS[name].digits
        return (
            f'{before:.{digits}f} to {after:.{digits}f}{unit} ({_signed(after - before, digits)})'
        )

    better = [sum(g > 0 for g in _gains(views, n)) for n in ('psnr', 'ssim')]
    dark, lit = (_shown(mean[v], 'guidance') for v in ('dark', 'reference'))
    tells = 'tells' if dark > lit else 'does not tell'
    return [
        f'Against the well-lit originals, PSNR went from {shift("psnr", " dB")} and SSIM from '
        f'{shift("ssim")}; PSNR is higher on {better[0]}, SSIM on {better[1]} of {count}. At equal '
        f'brightness, PSNR went from {shift("psnr_matched", " dB")}; the dark input, only scaled, '
        f'has {_shown(mean["dark"], "psnr_matched"):.2f} dB.',
        'The unguided network only aims at a gray level of 0.6. The guided '
        'one profits, through SDAG, from other well-lit photographs.',
        f'SDAG itself, after this short training, {tells} the dark photographs from the well-lit '
        f'ones: its error is {dark:.4f} on the former and {lit:.4f} on the latter.',
    ]


def _gains(views: Sequence[View], name: str) -> list[float]:
    """Return guided minus unguided of each photograph, as printed."""
    values = {(v.photo, v.version): _shown(v.metrics, name) for v in views}
    return [
        round(values[photo, 'guided'] - values[photo, 'unguided'], 9)
        for photo in dict.fromkeys(view.photo for view in views)
    ]


def _headline(psnr: float, ssim: float) -> str:
    signs = {np.sign(round(psnr, 9)), np.sign(round(ssim, 9))} - {0}
    if not signs:
        return 'In these metrics guidance made no difference.'
    if len(signs) == 2:
        return 'The metrics do not agree on whether guidance helped here.'
    if signs == {1}:
        return 'Here guidance brought the pictures closer to the well-lit originals.'
    return 'Here guidance took the pictures further from the well-lit originals.'


def _shown(metrics: Mapping[str, float | None], name: str) -> float:
    return round(metrics[name] or 0.0, COLUMNS[name].digits)


def _signed(value: float, digits: int) -> str:
    return f'{value:+.{digits}f}'.replace('-', '−')


def cell(metrics: Mapping[str, float | None], name: str) -> str:
    """Format the value of a metric for a table."""
    value = metrics[name]
    return '–' if value is None else f'{value:.{COLUMNS[name].digits}f}'
