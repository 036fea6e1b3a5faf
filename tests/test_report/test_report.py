"""Pages refer to nothing outside of them; charts show their values."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from jinja2 import UndefinedError
from PIL import Image

from mmsdag.report import INK, color_gradient, error_colors, image_source, line_chart, render_page


def decoded(source: str) -> np.ndarray:
    data = source.removeprefix('data:image/jpeg;base64,')
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_an_image_is_inlined_in_its_colors_and_shrunk():
    image = np.full((20, 40, 3), (200, 100, 50), np.uint8)
    assert decoded(image_source(image)).shape == (20, 40, 3)
    small = decoded(image_source(image, 10))
    assert small.shape == (5, 10, 3)
    assert np.abs(small[2, 5].astype(int) - (200, 100, 50)).max() < 4


def test_errors_beyond_the_top_have_the_last_color():
    colors = error_colors(np.array([[0.0, 1.0, 2.0, 9.0]]), 2.0)
    # The ends of matplotlib's inferno.
    assert colors[0, 0].tolist() == [0, 0, 4]
    assert (colors[0, 2] == colors[0, 3]).all()
    assert colors[0, 2].tolist() == [252, 255, 164]
    assert color_gradient(2) == 'linear-gradient(to right, #000004, #fcffa4)'


def test_a_chart_takes_the_color_of_the_text_and_no_fixed_size():
    svg = line_chart([({1: 0.5, 2: 0.25}, '#123456')])
    assert svg.startswith('<svg') and '#123456' in svg
    assert INK not in svg and 'currentColor' in svg
    assert 'pt"' not in svg.split('>')[0]


def test_a_page_extends_the_base_and_escapes_its_content(tmp_path):
    template = tmp_path / 'page.html'
    template.write_text("{% extends 'base.html' %}{% block main %}<p>{{ text }}</p>{% endblock %}")
    page = render_page(template, text='a < b')
    assert page.startswith('<!doctype html>') and '<p>a &lt; b</p>' in page
    with pytest.raises(UndefinedError, match='text'):
        render_page(template)
