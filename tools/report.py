"""The demo's report: one HTML page with everything inlined.

It refers to no other file and to no server. What it says about the figures
is computed from them.
"""
from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmsdag.utils import write_atomically


class View(NamedTuple):
    """One version of one held-out photograph.

    Attributes:
        photo: Name of the photograph.
        version: A key of :data:`VERSIONS`.
        picture: (H, W, 3), RGB, uint8.
        error: (H, W), mean over the colours of ``|e - SDAG(e)|``.
        figures: Value of each of :data:`COLUMNS`, None where there is none.
    """
    photo: str
    version: str
    picture: np.ndarray
    error: np.ndarray
    figures: dict[str, float | None]


class Column(NamedTuple):
    """A figure in the table."""
    title: str
    digits: int
    meaning: str


VERSIONS = dict(
    dark='dark input',
    unguided='Zero-DCE, unguided',
    guided='Zero-DCE, guided',
    reference='well-lit original')

COLUMNS = dict(
    guidance=Column(
        'guidance loss ↓', 4,
        'mean |e − SDAG(e)|, before weighting. The guided network was trained '
        'to lower it, the unguided one was not; that it is lower does not by '
        'itself make a better picture.'),
    brightness=Column('brightness', 3,
                      'mean value, 0 is black and 1 is white.'),
    psnr=Column(
        'PSNR / dB ↑', 2,
        'closeness to the well-lit original, which Zero-DCE never sees. A '
        'picture of another brightness scores low however clean it is.'),
    psnr_matched=Column(
        'PSNR / dB ↑, equal brightness', 2,
        'the same, after the picture is scaled to the mean of the original: '
        'what is left of the difference when brightness is taken out.'),
    ssim=Column('SSIM ↑', 4,
                'structural similarity to the well-lit original.'))

TERMS = dict(
    loss_recon=('reconstruction', 'of the clean image, mean |x̂ − x|'),
    loss_recon_gamma=('reconstruction, darkened', 'of the image to the '
                      'power of 1/0.3; weight 0.1'),
    loss_recon_noise=('reconstruction, noisy', 'of the image with noise of '
                      'σ = 50/255; weight 0.1'),
    loss_margin_gamma=('ranking, darkened', 'clean must be reconstructed '
                       'better than darkened, by a margin of 0.5'),
    loss_margin_noise=('ranking, noisy', 'clean must be reconstructed better '
                       'than noisy, by a margin of 0.5'),
    loss_exp=('exposure', 'patches shall have the grey level 0.6'),
    loss_tv=('smoothness', 'the curve maps shall vary little'),
    loss_col=('colour', 'the three channels shall have the same mean'),
    loss_spa=('spatial consistency', 'differences between neighbouring '
              'patches shall stay'),
    loss_sdag=('guidance', 'mean |e − SDAG(e)| times its weight'))

BLUE, ORANGE, GREEN = '#4c8fd0', '#e0813a', '#3fa37a'
COLOR_MAP = 'inferno'

# matplotlib writes it; the page replaces it by the colour of its text.
INK = '#010203'
_STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmsdag',
    'font.size': 9,
    'axes.edgecolor': INK,
    'axes.labelcolor': INK,
    'xtick.color': INK,
    'ytick.color': INK,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.spines.left': False,
}


def image_source(image: np.ndarray, side: int | None = None) -> str:
    """Encode an image (H, W, 3), RGB, uint8, as a JPEG in a ``data:`` URL.

    Args:
        image: The image.
        side: Shrink its longer side to so many pixels.
    """
    scale = 1 if side is None else side / max(image.shape)
    if scale < 1:
        image = cv2.resize(
            image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, data = cv2.imencode('.jpg', image[..., ::-1],
                           [cv2.IMWRITE_JPEG_QUALITY, 90])
    return f'data:image/jpeg;base64,{base64.b64encode(data).decode()}'


def error_colors(error: np.ndarray, top: float) -> np.ndarray:
    """Colour an error map (H, W); returns (H, W, 3), RGB, uint8.

    Args:
        error: The map, from 0 up.
        top: The error of the last colour; what is above has it, too.
    """
    colors = matplotlib.colormaps[COLOR_MAP](np.clip(error / top, 0, 1))
    return (colors[..., :3] * 255).round().astype(np.uint8)


def color_gradient(stops: int = 16) -> str:
    """The colours of the error maps as a CSS gradient."""
    colors = matplotlib.colormaps[COLOR_MAP](np.linspace(0, 1, stops))
    names = ', '.join(matplotlib.colors.to_hex(color) for color in colors)
    return f'linear-gradient(to right, {names})'


def line_chart(lines: Sequence[tuple[Mapping[int, float], str]]) -> Markup:
    """Draw lines over the iterations as an SVG in the colours of the page.

    Args:
        lines: Values by iteration, and a CSS colour, of each line.
    """

    def draw(axes: Axes) -> None:
        for values, color in lines:
            axes.plot(
                list(values), list(values.values()), color=color,
                linewidth=1.6, solid_joinstyle='round')
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)
        axes.set_xlabel('iteration')
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis='y', color=INK, alpha=0.15, linewidth=0.7)

    return chart(draw, (2.5, 1.7))


def chart(draw: Callable[[Axes], None], size: tuple[float, float]) -> Markup:
    """Draw a chart as an SVG in the colours of the page.

    Args:
        draw: Draws on the axes; :data:`INK` becomes the colour of the text.
        size: Width and height, in inches.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout='constrained')
        axes = figure.add_subplot()
        draw(axes)
        axes.tick_params(length=0)
        buffer = io.StringIO()
        figure.savefig(
            buffer,
            format='svg',
            transparent=True,
            metadata=dict.fromkeys(('Creator', 'Date', 'Format', 'Type')))
    svg = buffer.getvalue()
    svg = svg[svg.index('<svg'):].replace(INK, 'currentColor')
    # The page decides on size and font.
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', '', svg, count=2)
    svg = re.sub(r'font: ([\d.]+px) [^;"]*', r'font-size: \1', svg)
    return Markup(svg)  # noqa: S704  (drawn here, from numbers)


def means(views: Sequence[View]) -> dict[str, dict[str, float | None]]:
    """Mean of each figure over the photographs, by version."""
    result: dict[str, dict[str, float | None]] = {}
    for version in VERSIONS:
        rows = [v.figures for v in views if v.version == version]
        if rows:
            result[version] = {
                name: None if rows[0][name] is None else float(
                    np.mean([row[name] for row in rows]))
                for name in COLUMNS
            }
    return result


def verdict(views: Sequence[View]) -> list[str]:
    """What the figures say about guidance: a headline, then sentences."""
    mean = means(views)
    photos = list(dict.fromkeys(view.photo for view in views))
    by_key = {(v.photo, v.version): v.figures for v in views}

    def gains(name: str) -> list[float]:
        # At the printed precision, so that the words fit the table.
        return [
            round(_shown(by_key[photo, 'guided'], name)
                  - _shown(by_key[photo, 'unguided'], name), 9)
            for photo in photos
        ]

    def shift(name: str, unit: str = '') -> str:
        before, after = (_shown(mean[v], name) for v in ('unguided', 'guided'))
        digits = COLUMNS[name].digits
        return (f'{before:.{digits}f} to {after:.{digits}f}{unit} '
                f'({_signed(after - before, digits)})')

    lower = sum(gain < 0 for gain in gains('guidance'))
    before = _shown(mean['unguided'], 'guidance')
    after = _shown(mean['guided'], 'guidance')
    change = 100 * (after - before) / before if before else 0.
    sentences = [
        'SDAG’s reconstruction error, which guidance is trained to lower, '
        f'went from {before:.4f} without guidance to {after:.4f} with it '
        f'({_signed(change, 0)} %); it is lower on {lower} of {len(photos)} '
        'held-out photographs.'
    ]
    if 'reference' in mean:
        headline = _headline(
            _shown(mean['guided'], 'psnr') - _shown(mean['unguided'], 'psnr'),
            _shown(mean['guided'], 'ssim') - _shown(mean['unguided'], 'ssim'))
        better = [sum(g > 0 for g in gains(n)) for n in ('psnr', 'ssim')]
        sentences.append(
            'Against the well-lit originals, PSNR went from '
            f'{shift("psnr", " dB")} and SSIM from {shift("ssim")}; PSNR is '
            f'higher on {better[0]}, SSIM on {better[1]} of {len(photos)}. '
            'At equal brightness, PSNR went from '
            f'{shift("psnr_matched", " dB")}; the dark input, merely scaled, '
            f'has {_shown(mean["dark"], "psnr_matched"):.2f} dB.')
        sentences.append(
            'The unguided network only aims at a grey level of 0.6. The '
            'guided one has, through SDAG, profited from well-lit '
            'photographs, though of other things than these.')
        dark, lit = (
            _shown(mean[v], 'guidance') for v in ('dark', 'reference'))
        tells = 'tells' if dark > lit else 'does not tell'
        sentences.append(
            f'SDAG itself, after this short training, {tells} the dark '
            f'photographs from the well-lit ones: its error is {dark:.4f} on '
            f'the former and {lit:.4f} on the latter.')
    else:
        headline = ('Guidance '
                    + ('lowered' if change < 0 else 'did not lower')
                    + ' SDAG’s reconstruction error; which pictures are '
                    'better is for your eyes.')
        sentences.append(
            'There are no well-lit originals of these photographs, so no '
            'figure measures the quality of the pictures; and what SDAG has '
            'learned to take for clean is what the unguided Zero-DCE makes '
            'of such photographs.')
    sentences.append(
        f'One seed, {len(photos)} photographs and minutes of training show '
        'how the parts work together. They are no benchmark.')
    return [headline, *sentences]


def _headline(psnr: float, ssim: float) -> str:
    signs = {np.sign(round(psnr, 9)), np.sign(round(ssim, 9))} - {0}
    if not signs:
        return 'In these figures guidance made no difference.'
    if len(signs) == 2:
        return 'The figures do not agree on whether guidance helped here.'
    if signs == {1}:
        return ('Here guidance brought the pictures closer to the well-lit '
                'originals.')
    return ('Here guidance took the pictures further from the well-lit '
            'originals.')


def _shown(figures: Mapping[str, float | None], name: str) -> float:
    return round(figures[name] or 0., COLUMNS[name].digits)


def _signed(value: float, digits: int) -> str:
    text = f'{value:+.{digits}f}'
    return text.replace('-', '−')


def _table(views: Sequence[View], columns: Sequence[str]) -> list[dict]:
    photos = list(dict.fromkeys(view.photo for view in views))
    groups = [(f'mean of {len(photos)}', means(views))]
    groups += [(photo,
                {v.version: v.figures for v in views if v.photo == photo})
               for photo in photos]
    return [
        dict(
            name=name,
            mean=number == 0,
            rows=[
                dict(
                    title=VERSIONS[version],
                    cells=[
                        '–' if figures[c] is None else
                        f'{figures[c]:.{COLUMNS[c].digits}f}'
                        for c in columns
                    ]) for version, figures in rows.items()
            ]) for number, (name, rows) in enumerate(groups)
    ]


def _photos(views: Sequence[View], top: float) -> list[dict]:
    photos: dict[str, list[dict]] = {}
    for view in views:
        photos.setdefault(view.photo, []).append(
            dict(
                title=VERSIONS[view.version],
                caption=_caption(view.figures),
                picture=image_source(view.picture),
                error_map=image_source(error_colors(view.error, top)),
                error=f'{view.figures["guidance"]:.4f}'))
    return [dict(name=name, views=items) for name, items in photos.items()]


def _caption(figures: Mapping[str, float | None]) -> list[str]:
    lines = [f'brightness {figures["brightness"]:.2f}']
    if figures['psnr'] is not None:
        lines.append(f'PSNR {figures["psnr"]:.1f} dB · '
                     f'SSIM {figures["ssim"]:.2f}')
    return lines


def _charts(lines: Sequence[tuple[dict, str]]) -> list[dict]:
    charts = []
    for name in dict.fromkeys(n for history, _ in lines for n in history):
        title, text = TERMS.get(name, (name, ''))
        svg = line_chart([(history[name], color) for history, color in lines
                          if name in history])
        charts.append(dict(name=name, title=title, text=text, svg=svg))
    return charts


def environment(*folders: Path) -> Environment:
    """Where pages are made.

    Args:
        folders: With further templates; they may extend ``report.html``.
    """
    return Environment(
        loader=FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True)


def write_report(path: str | Path, views: Sequence[View],
                 histories: Mapping[str, dict], **content: Any) -> None:
    """Write the page.

    Args:
        path: File to write.
        views: The held-out photographs in all their versions.
        histories: Of the trainings ``unguided``, ``sdag`` and ``guided``:
            loss terms, each a value by iteration.
        **content: The remaining names in ``report.html``.
    """
    # Not of the dark ones: their large errors would leave the rest black.
    errors = [v.error for v in views if v.version in ('unguided', 'guided')]
    top = float(np.percentile(np.concatenate([*map(np.ravel, errors)]), 99))
    top = max(top, 1e-6)
    measured = {
        name for view in views for name, value in view.figures.items()
        if value is not None
    }
    columns = [name for name in COLUMNS if name in measured]
    charts = [
        dict(
            title='Zero-DCE, without and with guidance',
            text='Same seed, same photographs and crops, same number of '
            'steps. Weights are included; lower is better.',
            key={'unguided': BLUE, 'guided': ORANGE},
            charts=_charts([(histories['unguided'], BLUE),
                            (histories['guided'], ORANGE)])),
        dict(
            title='SDAG (stage one)',
            text='Its five terms, weights included.',
            key={},
            charts=_charts([(histories['sdag'], GREEN)])),
    ]
    page = environment().get_template('report.html').render(
            verdict=verdict(views),
            columns=[COLUMNS[name] for name in columns],
            table=_table(views, columns),
            photos=_photos(views, top),
            width=len(dict.fromkeys(view.version for view in views)),
            gradient=color_gradient(),
            ticks=[f'{share * top:.3f}' for share in (0, .25, .5, .75, 1)],
            charts=charts,
            **content)
    write_atomically(path, page.encode())
