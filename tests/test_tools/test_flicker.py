"""The flicker of a clip is measured before and after enhancers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip('av')
import flicker  # noqa: E402


def test_each_model_has_a_row_and_steadying_lowers_the_flicker(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(flicker, 'FRAMES', 12)
    # Odd sizes are cut. Noise and compression hardly change the mean.
    photograph = np.full((33, 65, 3), 40, np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), photograph)
    flicker.main([str(tmp_path / 'a.png'), 'gamma', '--device', 'cpu'])
    row = capsys.readouterr().out.splitlines()[-1]
    name, before, by_frame, steadied = (cell.strip(' `%') for cell in row.strip('|').split('|'))
    assert name == 'gamma'
    # Neighbors drawn evenly from 0.9 to 1.1 differ by a third of 0.2.
    light = np.random.default_rng(0)
    expected = []
    for _ in range(12):
        expected.append(light.uniform(0.9, 1.1))
        light.normal(0, 1, (32, 64, 3))
    assert float(before) == pytest.approx(
        100 * np.abs(np.diff(expected)).mean() / np.mean(expected), abs=0.5
    )
    assert float(steadied) < float(by_frame) / 2
