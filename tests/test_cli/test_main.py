"""The ``mmsdag`` command, called in this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.weights import save_weights

from mmsdag import __version__
from mmsdag.apis import LowLightInferencer
from mmsdag.cli import main
from mmsdag.cli.enhance import DEFAULT_MODEL
from mmsdag.cli.main import COMMANDS
from mmsdag.models import ZeroDCENet
from mmsdag.utils.model_index import model_names


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A working folder with a photograph, and a folder of two."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'folder/sub').mkdir(parents=True)
    images = {}
    for i, name in enumerate(('a.jpg', 'folder/b.png', 'folder/sub/c.png')):
        image = np.full((12, 16, 3), 10 * (i + 1), np.uint8)
        image[..., 0] += 9  # not gray
        cv2.imwrite(str(tmp_path / name), image)
        images[name] = cv2.imread(str(tmp_path / name))
    return images


def failure(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    return capsys.readouterr().err


def test_a_photograph_is_enhanced_by_the_model_that_comes_along(photos):
    assert main(['enhance', 'a.jpg', '--device', 'cpu']) == 0
    model = model_names()[DEFAULT_MODEL]
    expected = LowLightInferencer(model.config, model.checkpoint, device='cpu').enhance(
        photos['a.jpg']
    )
    found = cv2.imread('enhanced/a.png')
    np.testing.assert_array_equal(found, expected)
    assert found.mean() > 2 * photos['a.jpg'].mean()


def test_files_and_folders_keep_their_names(photos, tmp_path, capsys):
    command = ['enhance', 'a.jpg', 'folder', '--out', 'out', '--model', 'zero_dce']
    assert main(command) == 0
    assert {
        str(path.relative_to(tmp_path / 'out')) for path in (tmp_path / 'out').rglob('*.png')
    } == {'a.png', 'b.png', 'sub/c.png'}
    assert 'in out: 3 enhanced, 0 skipped' in capsys.readouterr().out
    assert main(command) == 0
    assert 'in out: 0 enhanced, 3 skipped' in capsys.readouterr().out
    assert main([*command, '--overwrite']) == 0
    assert 'in out: 3 enhanced, 0 skipped' in capsys.readouterr().out


def test_a_model_of_the_users_own_brings_its_weights(photos, tmp_path):
    (tmp_path / 'mine.py').write_text(
        "model = dict(generator=dict(type='mmsdag.ZeroDCENet', channels=4))"
    )
    network = ZeroDCENet(channels=4)
    save_weights(network, tmp_path / 'mine.pth')
    assert main(['enhance', 'folder/b.png', '--model', 'mine.py', '--checkpoint', 'mine.pth']) == 0
    # BGR (29, 20, 20), as RGB.
    x = torch.full((1, 3, 12, 16), 20 / 255)
    x[:, 2] = 29 / 255
    expected = (network.enhance(x)[0].flip(0) * 255).permute(1, 2, 0)
    found = cv2.imread('enhanced/b.png')
    assert abs(found - expected.detach().numpy()).max() <= 0.51


def test_a_broken_photograph_is_named_and_the_others_are_done(photos, tmp_path, capsys):
    (tmp_path / 'folder/bad.png').write_bytes(b'no image')
    assert main(['enhance', 'folder']) == 1
    assert 'bad.png' in capsys.readouterr().out
    assert (tmp_path / 'enhanced/sub/c.png').exists()


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['nowhere.jpg'], "'nowhere.jpg' does not exist"),
        (['a.jpg', '--model', 'zero-dc'], 'did you mean zero_dce'),
        (['a.jpg', 'folder', '--out', 'folder'], 'lies in it'),
        (['a.jpg', '--device', 'gpu'], "device='gpu'"),
        (['a.jpg', '--checkpoint', 'nowhere.pth'], 'nowhere.pth'),
        (['a.jpg', '--checkpoint', 'a.pth', '--weights', 'b.pth'], 'two names of one argument'),
    ],
)
def test_wrong_input_is_one_sentence(photos, capsys, arguments, message):
    error = failure(capsys, 'enhance', *arguments)
    assert error.startswith('error: ') and message in error


def test_two_photographs_of_one_name_are_not_mixed_up(photos, capsys):
    cv2.imwrite('folder/a.png', photos['a.jpg'])
    assert 'would both be written' in failure(capsys, 'enhance', 'a.jpg', 'folder')


def test_models_are_listed_with_what_their_names_may_be_cut_to(capsys):
    assert main(['models']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert '  zero_dce.sdag_brackets (short: zero_dce.sdag), seed 0, 1, 2' in (lines)
    assert '  fixed_gamma: x ** (1 / 2.2)' in lines
    guides = lines[lines.index('guides of enhancers:') + 1 :]
    assert guides[0] == '  sdag.vgg16_brackets (short: sdag)'
    listed = {
        line.split()[0].rstrip(',:')
        for line in lines
        if line.startswith('  ') and not line.startswith('   ')
    }
    assert listed - {'sdag.vgg16_brackets'} <= {*LowLightInferencer.list_models()}


@pytest.mark.parametrize(
    'pattern, names',
    [
        ('zero_dce_p*', ['zero_dce_pp.brackets', 'zero_dce_pp.sdag_brackets']),
        ('zero-dce-pp', ['zero_dce_pp.brackets']),
        ('ruas.sdag*_seed1', ['ruas.sdag_dark_brackets']),
        ('clahe', ['clahe']),
    ],
)
def test_models_are_listed_by_a_pattern(capsys, pattern, names):
    assert main(['models', pattern]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0].rstrip(',') for line in lines if not line.startswith('    ')] == names


def test_models_are_listed_with_training_data_and_every_seeds_metrics(capsys):
    assert main(['models', 'zero_dce.sdag']) == 0
    # docs/experiments.md: 70.3, 71.5, 72.9, a mean of 71.6
    assert capsys.readouterr().out.splitlines()[2:4] == [
        '      trained on SICE Part 1, all shots of scenes 1 to 900 (905 images), guided by SDAG',
        "      box AP50 70.3: all 77 dark bracket shots, COCO's YOLOX-nano",
    ]
    assert main(['models', 'zero_dce.sdag_brackets']) == 0
    assert (
        "      box AP50 71.6 (70.3, 71.5, 72.9): all 77 dark bracket shots, COCO's YOLOX-nano"
    ) in capsys.readouterr().out


def test_a_pattern_that_no_model_matches_is_an_error(capsys):
    assert "'yolo*'" in failure(capsys, 'models', 'yolo*')


def test_the_environment_is_reported(capsys):
    assert main(['env']) == 0
    assert f'torch: {torch.__version__.split("+")[0]}' in (capsys.readouterr().out)


@pytest.mark.parametrize('command', list(COMMANDS))
def test_every_command_has_a_help(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([command, '--help'])
    assert stop.value.code == 0
    assert f'usage: mmsdag {command}' in capsys.readouterr().out


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, '-m', 'mmsdag', '--version'], capture_output=True, text=True
    )
    assert done.stdout == f'mmsdag {__version__}\n'


def test_files_that_are_not_images_are_counted_and_named(photos, capsys):
    Path('folder/notes.txt').touch()
    Path('folder/sub/clip.mov').touch()
    assert main(['enhance', 'folder', '--device', 'cpu']) == 0
    assert (
        '2 other files in folder were skipped:\n  notes.txt\n  sub/clip.mov\n'
    ) in capsys.readouterr().out


def test_an_empty_path_does_not_stand_for_the_current_folder(photos, capsys):
    assert 'empty path' in failure(capsys, 'enhance', '')


def test_results_have_the_bits_and_tiles_that_are_asked_for(photos):
    image = np.random.default_rng(0).integers(0, 60, (80, 70, 3), np.uint8)
    cv2.imwrite('folder/b.png', image)
    plain = ['enhance', 'folder/b.png', '--device', 'cpu']
    assert main([*plain, '--bit-depth', '16', '--out', 'whole']) == 0
    assert main([*plain, '--bit-depth', '16', '--tile', '40']) == 0
    whole, tiled = (
        cv2.imread(f'{folder}/b.png', cv2.IMREAD_UNCHANGED) for folder in ('whole', 'enhanced')
    )
    assert whole.dtype == np.uint16
    np.testing.assert_allclose(tiled, whole, atol=2)


def test_without_a_command_it_teaches(capsys):
    assert main([]) == 0
    assert 'mmsdag enhance photo.jpg' in capsys.readouterr().out
