"""The threshold between dark and light images is measured on folders."""

from __future__ import annotations

import cv2
import darkness_threshold
import numpy as np
import pytest


def test_threshold_lies_in_the_middle_between_two_folders(tmp_path, capsys):
    for kind, levels in (('dark', (20, 40)), ('light', (100, 150))):
        (tmp_path / kind).mkdir()
        for level in levels:
            cv2.imwrite(str(tmp_path / kind / f'{level}.png'), np.full((8, 8, 3), level, np.uint8))
    darkness_threshold.main(
        ['--dark', f'a={tmp_path / "dark"}', '--light', f'a={tmp_path / "light"}']
    )
    # 40 / 255 = 0.157 and 100 / 255 = 0.392
    assert 'best: 0.16 to 0.39, middle 0.28' in capsys.readouterr().out


def test_one_kind_of_images_is_not_enough(tmp_path):
    with pytest.raises(SystemExit):
        darkness_threshold.main(['--dark', f'a={tmp_path}'])
