"""Charts and pictures for a page: SVG and ``data:`` URLs."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmsdag.utils.drawing import shrink
from mmsdag.utils.image_writer import encode_image

COLOR_MAP = 'inferno'

#: Color of axes and text; the page shows it in the color of its own text.
INK = '#010203'
_STYLE: dict[Any, Any] = {
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
        side: Largest number of pixels of a side; larger images are shrunk.
    """
    if side is not None:
        image = shrink(image, side)
    data = encode_image(image[..., ::-1], 'jpeg', quality=90)
    return f'data:image/jpeg;base64,{base64.b64encode(data).decode()}'


def error_colors(error: np.ndarray, top: float) -> np.ndarray:
    """Map errors to colors.

    Args:
        error: (H, W), not negative.
        top: Error of the last color of the map; larger ones are clipped.

    Returns:
        (H, W, 3), RGB, uint8.
    """
    colors = matplotlib.colormaps[COLOR_MAP](np.clip(error / top, 0, 1))
    return (colors[..., :3] * 255).round().astype(np.uint8)


def color_gradient(stops: int = 16) -> str:
    """Return the colors of the error maps as a CSS gradient."""
    colors = matplotlib.colormaps[COLOR_MAP](np.linspace(0, 1, stops))
    names = ', '.join(matplotlib.colors.to_hex(color) for color in colors)
    return f'linear-gradient(to right, {names})'


def line_chart(lines: Sequence[tuple[Mapping[int, float], str]]) -> Markup:
    """Draw values over the iterations as an SVG.

    Args:
        lines: Values by iteration, and the CSS color, of each line.
    """

    def draw(axes: Axes) -> None:
        for values, color in lines:
            axes.plot(
                list(values),
                list(values.values()),
                color=color,
                linewidth=1.6,
                solid_joinstyle='round',
            )
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)
        axes.set_xlabel('iteration')
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.grid(axis='y', color=INK, alpha=0.15, linewidth=0.7)

    return chart(draw, (2.5, 1.7))


def chart(draw: Callable[[Axes], None], size: tuple[float, float]) -> Markup:
    """Draw a chart as an SVG that takes its text color from the page.

    Args:
        draw: Function that draws on the axes.
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
            metadata=dict.fromkeys(('Creator', 'Date', 'Format', 'Type')),
        )
    svg = buffer.getvalue()
    svg = svg[svg.index('<svg') :].replace(INK, 'currentColor')
    # The page decides on size and font.
    svg = re.sub(r' (?:width|height)="[\d.]+pt"', '', svg, count=2)
    svg = re.sub(r'font: ([\d.]+px) [^;"]*', r'font-size: \1', svg)
    return Markup(svg)  # noqa: S704  (drawn here, from numbers)
