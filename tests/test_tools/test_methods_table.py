"""The table of methods says what is so, of each in its row."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import methods_table as tool
import numpy as np
import pytest
import torch
from PIL import Image

from mmsdag.models import SCINet, ZeroDCENet, ZeroDCEPPNet

ROOT = Path(__file__).resolve().parents[2]
ZERO_DCE = 'zero_dce/zero-dce_1xb8-1k_brackets'


@pytest.fixture(autouse=True)
def restored_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def brackets(tmp_path, monkeypatch):
    """Two scenes of 24x32 pixels: pairs of dark and bright, RGB, uint8."""
    rng = np.random.default_rng(0)
    pairs, scenes = [], []
    (tmp_path / 'images').mkdir()
    for number in (901, 911):
        dark = rng.integers(0, 90, (24, 32, 3), np.uint8)
        pairs.append((dark, dark * 2 + 60))
        names = [f'{number}.png', f'{number + 1}.png']
        for name, pixels in zip(names, pairs[-1]):
            Image.fromarray(pixels).save(tmp_path / 'images' / name)
        scenes.append(dict(images=names, dark=names[:1], bright=names[1]))
    (tmp_path / 'scenes.json').write_text(json.dumps(scenes))
    monkeypatch.setenv('MMSDAG_BRACKETS', str(tmp_path))
    monkeypatch.setenv('MMSDAG_ALEXNET', 'none')
    return pairs


def read(out: Path) -> dict[str, dict[str, str]]:
    with open(out / 'methods.csv', newline='') as file:
        return {row['name']: row for row in csv.DictReader(file)}


@pytest.mark.slow
def test_a_row_has_figures_size_speed_and_what_recognisers_say(brackets, tmp_path, capsys):
    gamma = tmp_path / 'gamma.py'
    gamma.write_text("model = dict(generator=dict(type='mmsdag.GammaEnhancer'))")
    downstream = tmp_path / 'figures.csv'
    downstream.write_text(
        'dataset,recogniser,enhancer,minus,subset,metric,value\n'
        'held_out,yolox_nano,gamma,,all,bbox_mAP,54.06\n'
        'held_out,yolox_nano,gamma,raw,all,bbox_mAP,12.6\n'
        'held_out,yolox_nano,gamma,,class: car,bbox_mAP,1\n'
    )
    checkpoint = 'checkpoints/zero-dce_1xb8-1k_brackets_seed0.pth'
    args = [
        f'gamma={gamma}:none',
        f'dce={ZERO_DCE}:{ROOT / checkpoint}',
        '--sizes',
        '64x48',
        '--repeats',
        '1',
        '--out',
        str(tmp_path),
        '--downstream',
        str(downstream),
    ]
    tool.main(args)
    rows = read(tmp_path)
    expected = np.mean(
        [
            -10 * np.log10(np.mean(((dark / 255) ** (1 / 2.2) - bright / 255) ** 2))
            for dark, bright in brackets
        ]
    )
    assert float(rows['gamma']['PSNR']) == pytest.approx(expected, rel=1e-5)
    assert rows['gamma']['mAP, held_out (yolox_nano)'] == '54.06'
    assert rows['gamma']['GFLOPs, 64×48'] == ''
    dce = rows['dce']
    assert int(dce['parameters']) == 79416
    # 79,200 weights of 3x3 convolutions at each of 64x48 pixels.
    assert float(dce['GFLOPs, 64×48']) == pytest.approx(2 * 79_200 * 64 * 48 / 1e9)
    assert float(dce['ms, 64×48']) > 0
    assert dce['mAP, held_out (yolox_nano)'] == ''
    shown = capsys.readouterr().out
    assert f'| gamma | {expected:.2f} | ' in shown
    assert '| 54.1 |\n' in shown
    assert (tmp_path / 'methods.md').read_text() in shown

    # Called again, it judges nothing anew: it reads what it has kept.
    for path in (tmp_path / 'judged').iterdir():
        kept = json.loads(path.read_text())
        path.write_text(json.dumps(dict(kept, PSNR=math.pi)))
    tool.main([*args, '--repeats', '0'])
    rows = read(tmp_path)
    assert {row['PSNR'] for row in rows.values()} == {str(math.pi)}
    assert 'ms, 64×48' not in rows['dce']
    # Other pixels are other figures.
    gamma.write_text("model = dict(generator=dict(type='mmsdag.GammaEnhancer', gamma=1.))")
    tool.main([*args, '--repeats', '0'])
    assert float(read(tmp_path)['gamma']['PSNR']) < expected


def test_committed_checkpoints_of_enhancers_are_rows_with_their_seeds():
    methods = {m.name: m for m in tool.committed_methods()}
    dark = methods['zero_dce.sdag_dark_brackets']
    assert [c[-9:] for c in dark.checkpoints] == ['seed0.pth', 'seed1.pth', 'seed2.pth']
    assert methods['raw'].enhancer is None
    assert {'gamma 2.2', 'CLAHE', 'zero_dce.brackets'} <= methods.keys()
    assert not any(name.startswith('sdag') for name in methods)


def test_a_benchmarks_enhancers_are_rows_under_its_names():
    methods = {m.name: m for m in tool.methods_of_spec('benchmark/brackets')}
    assert methods['raw'].enhancer is None
    assert methods['raw'].checkpoints == [None]
    assert methods['clahe'].title == 'CLAHE'
    assert len(methods['dark_zero_dce_sdag'].checkpoints) == 3
    # Only a detector sees the original beside the enhanced image.
    names = {m.name for m in tool.methods_of_spec('benchmark/real_night')}
    assert 'blend_unet_brackets_guided' in names
    assert not any(name.endswith('_both') for name in names)


@pytest.mark.parametrize(
    'network, count',
    [
        (ZeroDCENet, 79416),
        # Depthwise 3x3 and pointwise: 3, then 32, 32, 32, 64, 64, 64 channels in.
        (
            ZeroDCEPPNet,
            (3 + 32 * 3 + 64 * 3) * 10 + (3 + 32 * 3 + 64 * 2) * 32 + 64 * 3 + 32 * 6 + 3,
        ),
        # Of the first stage alone: 3x3 convolutions and a normalisation.
        (SCINet, 258),
    ],
)
def test_parameters_are_those_that_an_image_goes_through(network, count):
    assert tool.used_parameters(network().eval()) == count


@pytest.mark.parametrize(
    'args, message',
    [
        (['a=b'], 'is not of the form NAME=CONFIG:CHECKPOINT'),
        (['--sizes', '600'], 'is not of the form WIDTHxHEIGHT'),
        (['--downstream', 'gone.csv'], 'error: --downstream gone.csv: no such'),
        (['--spec', ZERO_DCE], 'it has no enhancers'),
    ],
)
def test_wrong_options_are_named(args, message, capsys):
    with pytest.raises(SystemExit) as stop:
        tool.main(args)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_figures_of_other_enhancers_are_refused(tmp_path):
    path = tmp_path / 'figures.csv'
    path.write_text(
        'dataset,recogniser,enhancer,minus,subset,metric,value\nd,r,theirs,,all,bbox_mAP,1\n'
    )
    with pytest.raises(ValueError, match='is about theirs, none of .* ours'):
        tool.read_downstream(path, ['ours'])
