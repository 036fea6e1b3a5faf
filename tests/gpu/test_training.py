"""Stage one and a guided enhancer train on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmsdag.utils import load_checkpoint

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
Training = Callable[..., Config]


def weights(config: Config, iteration: int) -> dict[str, torch.Tensor]:
    """Return the weights of a checkpoint of a training."""
    path = Path(config.work_dir) / f'iter_{iteration}.pth'
    return load_checkpoint(path)['state_dict']


def assert_trained(config: Config, iteration: int) -> None:
    """Check that all weights are finite and that some have moved."""
    first, last = weights(config, 2), weights(config, iteration)
    assert all(torch.isfinite(w).all() for w in last.values())
    assert any(not torch.equal(first[name], last[name]) for name in last)


def run_tool(*command: object) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        text=True,
        timeout=300,
        env=dict(os.environ, PYTHON=sys.executable, OMP_NUM_THREADS='2', NCCL_DEBUG='VERSION'),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize('amp_dtype', [None, 'bfloat16', 'float16', 'auto'])
@pytest.mark.parametrize('kind', ['stage_one', 'guided'])
def test_it_trains_in_every_precision(
    kind: str, amp_dtype: str | None, training: Training, device: torch.device
) -> None:
    if device.type == 'cpu' and amp_dtype == 'float16':
        pytest.skip('slow on a CPU')
    config = training(kind, amp_dtype)
    runner = Runner.from_cfg(config)
    runner.train()
    assert next(runner.model.parameters()).device.type == device.type
    assert_trained(config, 4)


@pytest.mark.parametrize('kind', ['stage_one', 'guided'])
def test_it_trains_with_mmengines_mixed_precision(
    kind: str, training: Training, device: torch.device, tmp_path: Path
) -> None:
    config = training(kind)
    config.dump(tmp_path / 'config.py')
    amp = ['--amp'] if device.type == 'cuda' else []
    run_tool(sys.executable, TOOLS / 'train.py', tmp_path / 'config.py', *amp)
    saved = load_checkpoint(Path(config.work_dir) / 'iter_4.pth')
    if amp:
        assert 'loss_scaler' in saved['optimizer']
    assert all(torch.isfinite(w).all() for w in saved['state_dict'].values())


@pytest.mark.parametrize('kind', ['stage_one', 'guided'])
def test_resumed_training_ends_with_the_same_weights(
    kind: str, training: Training, tmp_path: Path
) -> None:
    config = training(kind, iterations=6)
    config.dump(tmp_path / 'config.py')
    command = (sys.executable, TOOLS / 'train.py', tmp_path / 'config.py', '--deterministic')
    run_tool(*command)
    expected = weights(config, 6)
    run_tool(
        *command,
        '--resume',
        Path(config.work_dir) / 'iter_2.pth',
        '--work-dir',
        tmp_path / 'resumed',
    )
    found = load_checkpoint(tmp_path / 'resumed' / 'iter_6.pth')['state_dict']
    assert expected.keys() == found.keys()
    for name, weight in expected.items():
        assert torch.equal(weight, found[name]), name


@pytest.mark.parametrize('kind', ['stage_one', 'guided'])
def test_distributed_training_on_one_gpu_equals_the_plain_one(
    kind: str, training: Training, device: torch.device, tmp_path: Path
) -> None:
    config = training(kind)
    config.dump(tmp_path / 'config.py')
    for script, count in (('train.py', ()), ('dist_train.sh', (1,))):
        start = ('bash',) if count else (sys.executable,)
        output = run_tool(
            *start,
            TOOLS / script,
            tmp_path / 'config.py',
            *count,
            '--deterministic',
            '--work-dir',
            tmp_path / script,
        )
    assert 'Distributed launcher: pytorch' in output
    assert ('NCCL version' in output) == (device.type == 'cuda')
    alone, together = (
        load_checkpoint(tmp_path / script / 'iter_4.pth')['state_dict']
        for script in ('train.py', 'dist_train.sh')
    )
    for name, weight in alone.items():
        torch.testing.assert_close(together[name], weight, atol=1e-6, rtol=1e-5)
