"""tools/enhance.py: a folder, in shards, past broken files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.weights import save_weights
from mmengine.config import Config

from mmsdag.cli import enhance
from mmsdag.models import ZeroDCENet

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'enhance.py'


@pytest.fixture
def job(tmp_path):
    """A config, weights, and a folder of five small images."""
    Config(
        dict(
            model=dict(type='mmsdag.ZeroDCE', generator=dict(type='mmsdag.ZeroDCENet', channels=4))
        )
    ).dump(tmp_path / 'config.py')
    save_weights(ZeroDCENet(channels=4), tmp_path / 'weights.pth')
    (tmp_path / 'in' / 'sub').mkdir(parents=True)
    for i in range(4):
        image = np.full((8, 10, 3), 40 + i, np.uint8)
        cv2.imwrite(str(tmp_path / 'in' / f'{i}.jpg'), image)
    cv2.imwrite(str(tmp_path / 'in' / 'sub' / '4.png'), image)
    return tmp_path


def run(job: Path, *options: str, **replaced: str) -> int:
    names = dict(config='config.py', checkpoint='weights.pth', in_dir='in', out_dir='out')
    paths = [str(job / name) for name in (names | replaced).values()]
    return enhance.main([*paths, '--device', 'cpu', *options])


def written(job: Path) -> set[str]:
    out = job / 'out'
    return {p.relative_to(out).as_posix() for p in out.rglob('*') if p.is_file()}


ALL = {'0.png', '1.png', '2.png', '3.png', 'sub/4.png'}


def test_a_folder_is_enhanced_and_the_exit_status_is_zero(job, capsys):
    assert run(job) == 0
    assert written(job) == ALL
    assert '5 enhanced, 0 skipped' in capsys.readouterr().out


def test_an_enhancer_without_weights_takes_none(job):
    Config(dict(model=dict(generator=dict(type='mmsdag.GammaEnhancer')))).dump(job / 'gamma.py')
    assert (
        enhance.main(
            [str(job / 'gamma.py'), 'none', str(job / 'in'), str(job / 'out'), '--device', 'cpu']
        )
        == 0
    )
    # 255 * (43 / 255) ** (1 / 2.2) = 113.6
    image = cv2.imread(str(job / 'out' / 'sub' / '4.png'))
    assert (image == 114).all()


def test_a_second_run_does_what_is_missing(job, capsys):
    run(job)
    (job / 'out' / '2.png').unlink()
    capsys.readouterr()
    assert run(job) == 0
    assert '1 enhanced, 4 skipped' in capsys.readouterr().out
    assert written(job) == ALL


def test_overwrite_enhances_all_again(job, capsys):
    run(job)
    capsys.readouterr()
    run(job, '--overwrite')
    assert '5 enhanced, 0 skipped' in capsys.readouterr().out


def test_broken_files_are_named_at_the_end_with_status_one(job, capsys):
    (job / 'in' / '1.jpg').write_bytes(b'\xff\xd8 cut off')
    assert run(job) == 1
    out = capsys.readouterr().out
    assert '4 enhanced, 0 skipped (their results exist), 1 failed' in out
    assert str(job / 'in' / '1.jpg') in out
    assert written(job) == ALL - {'1.png'}


def test_the_bar_shows_progress_and_the_time_left(job, capsys):
    run(job)
    # tqdm: 5/5 [elapsed<left, speed]
    assert re.search(r'5/5 \[\d+:\d+<\d+:\d+', capsys.readouterr().err)


def test_sixteen_bit_results_are_written_on_demand(job):
    run(job, '--bit-depth', '16')
    image = cv2.imread(str(job / 'out' / '0.png'), cv2.IMREAD_UNCHANGED)
    assert image.dtype == np.uint16


@pytest.mark.parametrize(
    'replaced, message',
    [
        (dict(config='no_config.py'), 'no_config.py'),
        (dict(checkpoint='no_weights.pth'), 'no_weights.pth'),
        (dict(in_dir='no_folder'), 'no_folder'),
        (dict(in_dir='empty'), 'has no images'),
        (dict(out_dir='in'), 'choose a folder beside it'),
        (dict(out_dir='in/out'), 'choose a folder beside it'),
    ],
)
def test_wrong_input_gives_one_sentence_and_status_two(job, capsys, replaced, message):
    (job / 'empty').mkdir()
    with pytest.raises(SystemExit) as exit_:
        run(job, **replaced)
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert 'Traceback' not in error
    assert written(job) == set()


def test_names_that_clash_stop_before_any_work(job, capsys):
    (job / 'in' / '0.png').write_bytes((job / 'in' / '0.jpg').read_bytes())
    with pytest.raises(SystemExit) as exit_:
        run(job)
    assert exit_.value.code == 2
    assert 'would both be written' in capsys.readouterr().err


@pytest.mark.parametrize(
    'options',
    [
        ['--tile', 'big'],
        ['--tile', '-5'],
        ['--batch-size', '0'],
        ['--amp-dtype', 'int8'],
        ['--bit-depth', '12'],
    ],
)
def test_a_wrong_option_gives_status_two(job, options):
    with pytest.raises(SystemExit) as exit_:
        run(job, *options)
    assert exit_.value.code == 2


def test_help_shows_examples(capsys):
    with pytest.raises(SystemExit) as exit_:
        enhance.main(['--help'])
    assert exit_.value.code == 0
    help_ = capsys.readouterr().out
    assert 'examples:' in help_
    assert 'torchrun' in help_


def test_each_rank_takes_its_share_and_reports(job, monkeypatch, capsys):
    # Sorted: 0.jpg, 1.jpg, 2.jpg, 3.jpg, sub/4.png; every second to a rank.
    monkeypatch.setenv('WORLD_SIZE', '2')
    monkeypatch.setenv('RANK', '1')
    assert run(job) == 0
    assert written(job) == {'1.png', '3.png'}
    assert '2 enhanced' in capsys.readouterr().out
    monkeypatch.setenv('RANK', '0')
    assert run(job) == 0
    assert written(job) == ALL


@pytest.mark.slow
def test_torchrun_finishes_all_shares_in_spite_of_a_broken_file(job):
    (job / 'in' / '0.jpg').write_bytes(b'')
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'torch.distributed.run',
            '--nproc-per-node=2',
            '--standalone',
            TOOL,
            job / 'config.py',
            job / 'weights.pth',
            job / 'in',
            job / 'out',
            '--device',
            'cpu',
        ],
        capture_output=True,
        text=True,
        env=dict(os.environ, OMP_NUM_THREADS='1'),
        timeout=120,
    )
    assert done.returncode == 1
    assert written(job) == ALL - {'0.png'}
    assert '4 enhanced, 0 skipped (their results exist), 1 failed' in (done.stdout)
    assert done.stdout.count('failed') == 1  # said by one of the two
