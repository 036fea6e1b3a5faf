"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest
from helpers.exdark import FAULTY
from PIL import Image


@pytest.fixture
def exdark(tmp_path):
    """Three listed images, of which the last is not there."""
    (tmp_path / 'Annotations').mkdir()
    (tmp_path / 'JPEGImages' / 'Dog').mkdir(parents=True)
    for name, boxes in (('1.jpg', FAULTY.values()), ('2.png', []), ('3.jpg', [])):
        objects = ''.join(
            f'<object><name>{label}</name><difficult>{label == "Yeti":d}'
            f'</difficult><bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>'
            f'<xmax>{x2 + 1}</xmax><ymax>{y2 + 1}</ymax></bndbox></object>\n'
            for label, x1, y1, x2, y2 in boxes
        )
        (tmp_path / 'Annotations' / f'{name}.xml').write_text(
            f'<annotation><size><width>60</width><height>40</height></size>\n{objects}</annotation>'
        )
        Image.new('RGB', (60, 40)).save(tmp_path / 'JPEGImages' / 'Dog' / name)
    (tmp_path / 'JPEGImages/Dog/3.jpg').unlink()
    (tmp_path / 'list.txt').write_text('1.jpg\n2.png\n3.jpg\n')
    (tmp_path / 'imageclasslist.txt').write_text('1.JPG 9 1 1 1\n2.png 9 2 1 1\n3.jpg 9 3 1 2\n')
    return tmp_path
