"""The benchmark runs, and both of its sides compute the same. No timings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import speed
import torch
import training_parity
from cases import CASES
from measuring import set_malloc
from sides import zero_dce_weights

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'benchmark'


@pytest.fixture(autouse=True, scope='module')
def restored_malloc():
    """Give freed memory back afterwards, as at the start."""
    yield
    set_malloc(keep=False)


def small(name: str, side: int):
    """The case of that name on two small images."""
    case = next(c for c in CASES if c.name == name)
    return case._replace(shape=(2, side, side))


METHODS = ['Zero-DCE++', 'SCI', 'RUAS', 'BlendUNet', 'EnlightenGAN']


@pytest.mark.slow
@pytest.mark.parametrize(
    'name',
    [
        'stage one',
        'guided Zero-DCE',
        'Zero-DCE inference',
        *(f'{method} inference' for method in METHODS),
    ],
)
def test_both_sides_make_the_same_images(name):
    case = small(name, 32)
    rows = speed.measure(case, rounds=1, device='cpu')
    differences = {row.variant: row.difference for row in rows}
    assert differences['ours, float32'] <= 1e-5
    # bfloat16 has 8 bits; SDAG's features pass through many layers of them.
    assert differences.get('ours, fast', 0) <= 0.1
    assert all(len(row.times) == len(row.ratios) == 1 for row in rows)


def test_sides_that_differ_are_not_timed():
    case = small('SCI inference', 16)

    def build(device, ours, amp_dtype=None):
        side = case.build(device, ours, amp_dtype)
        return side._replace(edit=lambda x: side.edit(x) + 2e-5 * ours)

    with pytest.raises(AssertionError, match='SCI inference 2x3x16x16: 2'):
        speed.measure(case._replace(build=build), 1, 'cpu')


def test_every_method_is_timed_at_both_sizes():
    for method in ('Zero-DCE', *METHODS):
        assert [c.shape for c in CASES if c.name == f'{method} inference'] == [
            (1, 400, 600),
            (1, 1080, 1920),
        ]


@pytest.mark.parametrize('task', ['stage-one', 'guided'])
def test_both_sides_train_alike(task):
    args = training_parity.parse_args(
        ['--task', task, '--iters', '2', '--batch', '2', '--crop', '32']
    )
    photographs = [torch.rand(3, 40, 36)]
    curves = {
        side: training_parity.train(args, side, 0, photographs) for side in training_parity.SIDES
    }
    assert curves['fast'] == pytest.approx(curves['plain'], rel=0.02)
    assert curves['plain'][0] != curves['plain'][1]


@pytest.mark.slow
@pytest.mark.parametrize('method', METHODS)
def test_both_sides_train_each_method_alike(method):
    case = small(f'{method} training', 32)
    images = case.images('cpu')
    losses = []
    for ours in (False, True):
        side = case.build('cpu', ours)
        torch.manual_seed(0)  # of EnlightenGAN's patches
        losses.append([side.run(images).item() for _ in range(3)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert losses[0][0] != losses[0][1]


def test_distance_is_measured_against_the_seeds():
    # One iteration needs no smoothing: |1 - 1.1| and |3 - 3.3|, mean 0.2;
    # the plain seeds are 2 apart.
    result = training_parity.compare(dict(plain=[[1.0], [3.0]], fast=[[1.1], [3.3]]))
    assert result['distance'] == pytest.approx(0.2)
    assert result['spread'] == pytest.approx(2.0)


def test_flops_are_those_of_the_convolutions():
    # Per pixel: 3-32, three 32-32, two 64-32, and 64-24 channels, 9 taps,
    # two operations each.
    channels = 3 * 32 + 3 * 32 * 32 + 2 * 64 * 32 + 64 * 24
    case = small('Zero-DCE inference', 40)
    assert speed.flops_of(case) == (channels * 9 * 2 * 2 * 40 * 40)


def test_ratios_are_taken_within_a_round():
    row = speed.Row(
        'case', 'ours, fast', 'bfloat16', [0.001, 0.002, 0.004], 2**21, 1e-3, [4.0, 3.0, 2.0], 0.5
    )
    cells = speed.lines([row]).split('|')[1:-1]
    assert [cell.strip() for cell in cells] == [
        'case',
        'ours, fast (bfloat16)',
        '2',
        '1-4',
        '3.00',
        '2.00-4.00',
        '2',
        '50%',
        '1.0e-03',
    ]


def run_tool(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(FOLDER / 'speed.py'), *options],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )


@pytest.mark.slow
def test_quick_run_writes_table_and_measurements(tmp_path):
    done = run_tool(
        '--quick',
        '--rounds',
        '1',
        '--cases',
        'guided',
        '--json',
        str(tmp_path / 'a.json'),
        '--markdown',
        str(tmp_path / 'a.md'),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'a.md').read_text().strip() in done.stdout
    content = json.loads((tmp_path / 'a.json').read_text())
    assert content['about']['matmul_gflops']['float32'] > 0
    assert content['rows'][0]['variant'] == 'plain'
    for row in content['rows']:
        assert row['case'] == 'guided Zero-DCE 4x3x64x64'
        # At least the two maps of 32 channels that a layer reads and writes.
        assert row['memory'] > 4 * 64 * 64 * 32 * 2 * 2


@pytest.mark.slow
def test_rows_measured_before_a_failure_are_kept(tmp_path, capsys, monkeypatch):
    done = speed.measure

    def measure(case, *args, **kwargs):
        if 'guided' in case.name:
            raise ValueError('told to fail')
        return done(case, *args, **kwargs)

    monkeypatch.setattr(speed, 'measure', measure)
    with pytest.raises(SystemExit):
        speed.main(
            [
                '--quick',
                '--rounds',
                '1',
                '--no-memory',
                '--cases',
                'stage one',
                'guided',
                '--markdown',
                str(tmp_path / 'a.md'),
            ]
        )
    assert 'stage one 16x3x32x32 | ours, float32' in ' '.join(capsys.readouterr().out.split())
    assert '| stage one 16x3x32x32 ' in (tmp_path / 'a.md').read_text()


@pytest.mark.slow
def test_times_are_kept_where_the_memory_cannot_be_measured(tmp_path, monkeypatch):
    def measure_memory(*args):
        raise MemoryError

    monkeypatch.setattr(speed, 'measure_memory', measure_memory)
    with pytest.raises(MemoryError):
        speed.main(
            [
                '--quick',
                '--rounds',
                '1',
                '--cases',
                'SCI inference',
                '--json',
                str(tmp_path / 'a.json'),
            ]
        )
    rows = json.loads((tmp_path / 'a.json').read_text())['rows']
    assert rows[0]['variant'] == 'plain' and rows[0]['times'][0] > 0
    assert rows[0]['memory'] is None


@pytest.mark.parametrize(
    'options, told',
    [
        (['--cases', 'nothing'], 'guided Zero-DCE'),
        (['--rounds', '0'], '--rounds 0'),
        (['--published', 'missing.pth'], 'missing.pth'),
    ],
)
def test_wrong_options_are_named(capsys, options, told):
    with pytest.raises(SystemExit) as stop:
        speed.main(options)
    assert stop.value.code == 2
    assert told in capsys.readouterr().err


def test_published_denormals_are_timed_against_ours(tmp_path):
    weights = {
        name.replace('conv', 'e_conv'): weight for name, weight in zero_dce_weights().items()
    }
    weights['e_conv4.weight'][0] = 1e-40
    torch.save(weights, tmp_path / 'published.pth')
    rows = speed.measure_published(
        small('Zero-DCE inference', 32),
        str(tmp_path / 'published.pth'),
        1,
        'cpu',
        time.perf_counter,
    )
    assert rows[0].variant == 'plain, as published'
    assert rows[1].difference <= 1e-6


@pytest.mark.parametrize(
    'options, told',
    [
        (['--seeds', '1'], 'at least two'),
        (['--crop', '4000'], '--crop 4000'),
        (['--data', 'nowhere'], 'nowhere'),
    ],
)
def test_wrong_options_of_parity_are_named(capsys, tmp_path, options, told):
    with pytest.raises(SystemExit) as stop:
        training_parity.main([*options, '--out', str(tmp_path)])
    assert stop.value.code == 2
    assert told in capsys.readouterr().err


def test_parity_writes_curves_and_a_picture(tmp_path, capsys):
    training_parity.main(
        [
            '--task',
            'guided',
            '--iters',
            '2',
            '--batch',
            '2',
            '--crop',
            '32',
            '--seeds',
            '0',
            '1',
            '--out',
            str(tmp_path),
        ]
    )
    content = json.loads((tmp_path / 'curves.json').read_text())
    assert np.shape(content['curves']['plain']) == (2, 2)
    assert (tmp_path / 'curves.png').stat().st_size > 1000
    assert 'spread' in capsys.readouterr().out
