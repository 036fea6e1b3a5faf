"""compare_enhancers.py and plot_losses.py do what their help says."""

from __future__ import annotations

import json

import compare_enhancers
import cv2
import numpy as np
import plot_losses
import pytest
import torch

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
    assert [float(v) for v in rows['raw'][1:3]] == pytest.approx([0.3, 0.1001], abs=1e-4)
    roots = np.sqrt([0.2, 0.4])
    assert [float(v) for v in rows['gamma 1/2'][1:3]] == pytest.approx(
        [roots.mean(), roots.std() * np.sqrt(960 / 959)], abs=1e-4
    )
    assert float(rows['raw'][0]) > 0
    sheet = cv2.imread(str(tmp_path / 'sheet.jpg'))
    assert sheet.shape == (18 + 256, 2 * 256, 3)
    assert abs(int(sheet[18 + 20, 100, 0]) - 102) < 4


def test_every_second_photograph_of_another_config_is_compared(tmp_path, capsys):
    (tmp_path / 'photos').mkdir()
    # Blue, green and red: OpenCV writes BGR.
    for name, level in (('a', (10, 20, 30)), ('b', (255, 255, 255)), ('c', (30, 60, 90))):
        pixels = np.full((32, 32, 3), level, np.uint8)
        cv2.imwrite(str(tmp_path / f'photos/{name}.png'), pixels)
    config = tmp_path / 'data.py'
    config.write_text(GAMMA.format(root=str(tmp_path / 'photos')))
    enhancers = tmp_path / 'enhancers.py'
    enhancers.write_text("model = dict(type='mmsdag.ZeroDCE')")
    compare_enhancers.main(
        [str(enhancers), '--data', str(config), '--every', '2', '--judge', 'own=sdag.vgg16']
    )
    head, _, raw, _ = (line.split('|') for line in capsys.readouterr().out.splitlines())
    colors = [float(v) * 255 for name, v in zip(head, raw) if name.strip() in ('red', 'green')]
    assert colors == pytest.approx([60, 40], abs=0.02)


def test_structure_is_the_correlation_of_brightness_in_windows():
    textured = torch.zeros(1, 3, 32, 16)
    textured[..., :16, 8:] = 0.5  # the lower window is flat
    assert compare_enhancers.structure(textured / 2 + 0.3, textured) == pytest.approx(1, abs=1e-5)
    assert compare_enhancers.structure(1 - textured, textured) == pytest.approx(-1, abs=1e-5)
    # Halves at right angles: two of four quarters agree, two are opposite.
    turned = torch.zeros(1, 3, 32, 16)
    turned[..., 8:16, :] = 0.5
    assert compare_enhancers.structure(turned, textured) == pytest.approx(0, abs=1e-5)
    # 2x2 means remove what alternates from pixel to pixel.
    noise = torch.tensor([0.0, 0.1]).repeat(8)
    assert compare_enhancers.structure(textured + noise, textured) == pytest.approx(1, abs=1e-5)
    assert np.isnan(compare_enhancers.structure(textured, torch.zeros(1, 3, 32, 16)))
    # The deviation of the textured window is 0.25.
    assert np.isnan(compare_enhancers.structure(textured, textured, texture=0.26))


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
