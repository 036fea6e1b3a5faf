"""Pieces of a self-contained HTML report: pictures, charts, the page.

Everything is inlined: the page refers to no other file and to no server.
"""
from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmsdag.utils import write_atomically

#: Colour map of the error maps.
COLOR_MAP = 'inferno'

#: Written by matplotlib, replaced by the colour of the text around it.
_INK = '#010203'

_STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmsdag',
    'font.family': 'sans-serif',
    'font.size': 8.5,
    'axes.edgecolor': _INK,
    'axes.labelcolor': _INK,
    'xtick.color': _INK,
    'ytick.color': _INK,
    'axes.spines.top': False,
    'axes.spines.right': False,
}

#: A line of a chart: x and y values and a CSS colour ``#rrggbb``.
Line = tuple[Sequence[float], Sequence[float], str]


def picture(image: np.ndarray, quality: int = 90) -> str:
    """Encode an image as the ``src`` of an HTML image.

    Args:
        image: (H, W, 3), RGB, uint8.
        quality: Of the JPEG, 0 to 100.

    Returns:
        A ``data:`` address.
    """
    _, data = cv2.imencode('.jpg', image[..., ::-1],
                           [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f'data:image/jpeg;base64,{base64.b64encode(data).decode()}'


def error_map(error: np.ndarray, top: float) -> np.ndarray:
    """Colour an error map by :data:`COLOR_MAP`.

    Args:
        error: (H, W), from 0.
        top: The error that gets the brightest colour; more looks the same.

    Returns:
        (H, W, 3), RGB, uint8.
    """
    colors = matplotlib.colormaps[COLOR_MAP](np.clip(error / top, 0, 1))
    return (colors[..., :3] * 255).round().astype(np.uint8)


def color_gradient(steps: int = 12) -> str:
    """The colours of :data:`COLOR_MAP` as a CSS gradient, left to right."""
    stops = matplotlib.colormaps[COLOR_MAP](np.linspace(0, 1, steps))
    colors = ', '.join(matplotlib.colors.to_hex(stop) for stop in stops)
    return f'linear-gradient(to right, {colors})'


def line_chart(lines: Sequence[Line], label: str = 'iteration') -> Markup:
    """Draw lines, from zero up, as an inline SVG in the page's own colours.

    Args:
        lines: What to draw.
        label: Of the horizontal axis.
    """
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(3.4, 2.0), layout='constrained')
        axes = figure.add_subplot()
        for x, y, color in lines:
            axes.plot(
                x, y, color=color, linewidth=1.6,
                marker='o' if len(x) == 1 else None, markersize=3)
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)
        axes.set_xlabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis='y', color=_INK, alpha=0.12, linewidth=0.7)
        axes.tick_params(length=0)
        buffer = io.StringIO()
        figure.savefig(
            buffer,
            format='svg',
            transparent=True,
            metadata=dict.fromkeys(('Creator', 'Date', 'Format', 'Type')))
    svg = buffer.getvalue()
    svg = svg[svg.index('<svg'):].replace(_INK, 'currentColor')
    # The page decides on the size and the font.
    svg = re.sub(r' (width|height)="[\d.]+pt"', '', svg, count=2)
    svg = re.sub(r"(font: [\d.]+px) [^;\"]*", r'\1 inherit', svg)
    return Markup(svg)  # noqa: S704  (made here, from numbers)


def write_report(path: str | Path, content: Mapping[str, Any]) -> None:
    """Fill ``report.html`` and write the page.

    Args:
        path: File to write.
        content: The values that the template names.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True)
    page = environment.get_template('report.html').render(content)
    write_atomically(path, page.encode())
