"""compare_enhancers.py and plot_losses.py do what their help says."""

from __future__ import annotations

import json

import compare_enhancers
import cv2
import numpy as np
import plot_losses
import pytest

GAMMA = """
model = dict(type='mmsdag.UnsupervisedEnhancer',
             generator=dict(type='mmsdag.ZeroDCENet'))
test_dataloader = dict(dataset=dict(
    type='mmsdag.LowLightFolderDataset', data_root={root!r}, min_size=0,
    pipeline=[dict(type='mmsdag.LoadLowLightImage'),
              dict(type='mmsdag.PackImages')]))
"""


def test_a_row_has_guidance_loss_mean_and_contrast(tmp_path, capsys):
    image = np.full((16, 20, 3), 51, np.uint8)
    image[:8] = 102
    (tmp_path / 'photos').mkdir()
    cv2.imwrite(str(tmp_path / 'photos/a.png'), image)
    config = tmp_path / 'config.py'
    config.write_text(GAMMA.format(root=str(tmp_path / 'photos')))
    compare_enhancers.main(
        [
            str(config),
            '--judge',
            'own=sdag.vgg16',
            '--gamma',
            '2',
            '--picture',
            str(tmp_path / 'sheet.jpg'),
            '--photographs',
            '1',
        ]
    )
    rows = {
        line.split('|')[1].strip(): line.split('|')[2:-1]
        for line in capsys.readouterr().out.splitlines()
    }
    # Half of the pixels have 0.2, half 0.4: mean 0.3, deviation 0.1; of 960
    # values, PyTorch's deviation is sqrt(960 / 959) times as large.
    assert [float(v) for v in rows['raw'][1:]] == pytest.approx([0.3, 0.1001], abs=1e-4)
    roots = np.sqrt([0.2, 0.4])
    assert [float(v) for v in rows['gamma 1/2'][1:]] == pytest.approx(
        [roots.mean(), roots.std() * np.sqrt(960 / 959)], abs=1e-4
    )
    assert float(rows['raw'][0]) > 0
    sheet = cv2.imread(str(tmp_path / 'sheet.jpg'))
    assert sheet.shape == (18 + 256, 2 * 256, 3)
    assert abs(int(sheet[18 + 20, 100, 0]) - 102) < 4


def test_loss_curves_are_those_of_the_latest_log(tmp_path):
    for number, value in enumerate((9.0, 1.0)):
        folder = tmp_path / f'run/2026010{number}/vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text(
            ''.join(json.dumps(dict(step=step, loss_a=value, lr=1)) + '\n' for step in (10, 20))
        )
    assert plot_losses.read_losses(tmp_path / 'run') == {'loss_a': ([10, 20], [1.0, 1.0])}
    plot_losses.main([str(tmp_path / 'a.png'), str(tmp_path / 'run')])
    assert cv2.imread(str(tmp_path / 'a.png')).std() > 1


def test_a_folder_without_a_log_is_an_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        plot_losses.main([str(tmp_path / 'a.png'), str(tmp_path)])
    assert stop.value.code == 2
    assert 'scalars.json' in capsys.readouterr().err
