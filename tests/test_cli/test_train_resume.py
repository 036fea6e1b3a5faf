"""Training killed at any moment goes on to the very same weights."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsdag.utils import find_latest_checkpoint, load_checkpoint

TESTS = Path(__file__).resolve().parents[1]
TRAIN = TESTS.parent / 'tools' / 'train.py'
CONFIG = TESTS / 'helpers' / 'tiny_config.py'
LAST = 24

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != 'linux', reason='needs SIGKILL and /proc'),
]


def start(work_dir: Path, *options: str, **env: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, TRAIN, CONFIG, '--work-dir', work_dir, *options],
        env={
            **os.environ,
            'PYTHONPATH': os.pathsep.join([str(TESTS), os.environ.get('PYTHONPATH', '')]),
            'OMP_NUM_THREADS': '1',
            'TINY_PROCESS': '1',
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def iterations(work_dir: Path) -> list[int]:
    trace = work_dir / 'trace'
    if not trace.exists():
        return []
    return [int(i) for i in trace.read_text().split()]


def final(work_dir: Path) -> dict:
    return load_checkpoint(work_dir / f'iter_{LAST}.pth')


def assert_identical(a, b, where: str = '') -> None:
    """Equal bit for bit, in all tensors, numbers and texts."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_identical(a[key], b[key], f'{where}.{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (one, other) in enumerate(zip(a, b)):
            assert_identical(one, other, f'{where}.{i}')
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
    """Work dirs of one run left alone and one that is killed twice."""
    alone, killed = (tmp_path_factory.mktemp(n) for n in ('alone', 'killed'))
    reference = start(alone)

    at = random.randrange(5, 12)
    print(f'first kill after iteration {at}')
    process = start(killed, TINY_DELAY='0.05')
    while not (iterations(killed) and iterations(killed)[-1] >= at):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.1))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    first = find_latest_checkpoint(killed), len(iterations(killed))

    # Worker processes must make no difference.
    process = start(
        killed,
        '--resume',
        '--cfg-options',
        'train_dataloader.num_workers=1',
        TINY_DIE_WRITING='iter_20.pth',
    )
    output = process.communicate(timeout=300)[0]
    assert process.returncode == -signal.SIGKILL, output
    latest = find_latest_checkpoint(killed)
    second = latest.name, load_checkpoint(latest)['meta']['iter']
    left = sorted(p.name for p in killed.glob('*iter_*'))

    log = finish(start(killed, '--resume'))
    finish(reference)
    return dict(alone=alone, killed=killed, first=first, second=second, left=left, log=log)


def test_the_runs_were_killed_and_resumed(runs):
    latest, trained = runs['first']
    saved = int(latest.stem.split('_')[1])
    assert saved in (4, 8, 12) and saved <= trained < LAST
    # From the checkpoint on, and not from the beginning, twice.
    assert iterations(runs['killed'])[trained:] == [*range(saved + 1, 21), *range(17, LAST + 1)]
    assert 'resumed epoch: 0, iter: 16' in runs['log']


def test_a_kill_inside_saving_leaves_the_checkpoint_before_as_latest(runs):
    assert runs['second'] == ('iter_16.pth', 16)
    # Half a file was there, under a name that nobody takes for a checkpoint,
    # and the old checkpoints were not yet gone.
    assert runs['left'] == ['.iter_20.pth.tmp', 'iter_12.pth', 'iter_16.pth']


def test_nothing_is_left_of_the_kills_in_the_end(runs):
    names = {p.name for p in runs['killed'].glob('*iter_*')}
    assert names == {'iter_20.pth', 'iter_24.pth'}


@pytest.mark.parametrize('part', ['state_dict', 'ema_state_dict', 'optimizer', 'param_schedulers'])
def test_killed_and_resumed_ends_bit_for_bit_like_left_alone(runs, part):
    assert_identical(final(runs['killed'])[part], final(runs['alone'])[part])


def test_the_weights_did_move(runs):
    before = load_checkpoint(runs['alone'] / 'iter_20.pth')['state_dict']
    after = final(runs['alone'])['state_dict']
    assert not torch.equal(before['net.0.weight'], after['net.0.weight'])


def test_the_smoothed_losses_of_the_log_resume_too(runs):
    hubs = [final(runs[n])['message_hub']['log_scalars'] for n in ('killed', 'alone')]
    for name in ('train/loss', 'train/loss_a', 'train/lr', 'train/grad_norm'):
        killed, alone = (hub[name].data[0] for hub in hubs)
        assert len(alone) == LAST
        assert np.array_equal(killed, alone), name
