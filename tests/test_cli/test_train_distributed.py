"""Several processes on a CPU do what one does alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmsdag.registry import MODELS
from mmsdag.utils import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.slow

TESTS = Path(__file__).resolve().parents[1]
TOOLS = TESTS.parent / 'tools'
CONFIG = TESTS / 'helpers' / 'tiny_config.py'


def start(command: list) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        env={
            **os.environ,
            'PYTHONPATH': os.pathsep.join([str(TESTS), os.environ.get('PYTHONPATH', '')]),
            'PYTHON': sys.executable,
            'OMP_NUM_THREADS': '1',
            'TINY_PROCESS': '1',
            'CUDA_VISIBLE_DEVICES': '',
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def one_step(config: Path, folder: Path, batch_size: int, *options: str) -> tuple[dict, dict]:
    """Train by one process on a batch, and by two on a half each.

    A step of SGD at a rate of 1: the weights move by the gradient (clipped).

    Args:
        config: A training config whose losses are means over the batch and
            whose augmentation depends on the draw alone.
        folder: Where the two trainings go.
        batch_size: Size of the joint batch, even.
        *options: Further options, in the form ``key=value``.

    Returns:
        The two checkpoints.
    """
    processes = []
    for count, launcher in (
        (1, [sys.executable, TOOLS / 'train.py', config]),
        (2, ['bash', TOOLS / 'dist_train.sh', config, '2']),
    ):
        processes.append(
            start(
                [
                    *launcher,
                    '--work-dir',
                    folder / str(count),
                    '--no-validate',
                    '--seed',
                    '3',
                    '--cfg-options',
                    'train_cfg.max_iters=1',
                    f'train_dataloader.batch_size={batch_size // count}',
                    'optim_wrapper.optimizer.type=SGD',
                    'optim_wrapper.optimizer.lr=1',
                    *options,
                ]
            )
        )
    for process in processes:
        finish(process)
    return tuple(load_checkpoint(folder / str(count) / 'iter_1.pth') for count in (1, 2))


def assert_same_weights(one: dict, two: dict, atol: float) -> None:
    one, two = one['state_dict'], two['state_dict']
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=0, atol=atol)


def test_two_processes_take_the_step_of_one_on_the_joint_batch(tmp_path):
    one, two = one_step(CONFIG, tmp_path, 4, 'model.noise=0', 'model.norm=False', 'custom_hooks=[]')
    # The gradient is clipped to a norm of 0.1.
    assert_same_weights(one, two, atol=1e-6)


def test_so_do_they_with_guidance(tmp_path, shared, official):
    net = official(
        MODELS.build(
            dict(type='mmsdag.SDAGNet', extractor=dict(type='mmsdag.VGGExtractor', init_cfg=None))
        ),
        'sdag',
        'sdag_official.pth',
    )
    save_checkpoint(dict(state_dict=net.state_dict()), tmp_path / 'sdag.pth')
    one, two = one_step(
        TESTS / 'helpers' / 'guided_config.py',
        tmp_path,
        4,
        f'custom_hooks.0.checkpoint={tmp_path / "sdag.pth"}',
        f'train_dataloader.dataset.data_root={shared / "images" / "exdark"}',
    )
    # The process of rank 0 logs the loss of its half.
    for checkpoint in (one, two):
        losses = checkpoint['message_hub']['log_scalars']
        assert losses['train/loss_sdag'].current() > 1e-3
    assert_same_weights(one, two, atol=1e-6)


@pytest.fixture(scope='module')
def steps(tmp_path_factory) -> list[dict]:
    """What each of two processes says of distributed_steps.py."""
    folder = tmp_path_factory.mktemp('steps')
    processes = [
        start([sys.executable, TESTS / 'helpers' / 'distributed_steps.py', str(rank), folder])
        for rank in range(2)
    ]
    for process in processes:
        finish(process)
    return [torch.load(folder / f'{rank}.pth') for rank in range(2)]


@pytest.mark.parametrize(
    'name, learns',
    [
        ('detector', 'data_preprocessor.enhancer.'),
        ('detector_unused', 'data_preprocessor.enhancer.'),
        ('ruas', 'generator.illumination.'),
        ('ruas', 'generator.denoiser.'),
    ],
)
def test_enhancers_learn_in_two_processes_what_they_learn_in_one(steps, name, learns):
    one, two = (process[name] for process in steps)
    weights = [key for key in one['before'] if key.startswith(learns)]
    assert any(not torch.equal(one['before'][key], one['together'][key]) for key in weights)
    for key in weights:
        assert torch.equal(one['together'][key], two['together'][key])
        change = one['alone'][key] - one['before'][key]
        torch.testing.assert_close(
            one['together'][key] - one['before'][key], change, rtol=1e-3, atol=1e-7
        )


def test_two_processes_test_like_one(tmp_path):
    weights = {
        f'net.{name}': value
        for name, value in torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 1, 3),
        )
        .state_dict()
        .items()
    }
    torch.save(dict(state_dict=weights), tmp_path / 'a.pth')
    scores = []
    processes = []
    for count, launcher in (
        (1, [sys.executable, TOOLS / 'test.py', CONFIG, tmp_path / 'a.pth']),
        (2, ['bash', TOOLS / 'dist_test.sh', CONFIG, tmp_path / 'a.pth', '2']),
    ):
        processes.append(
            start(
                [
                    *launcher,
                    '--work-dir',
                    tmp_path,
                    '--out',
                    tmp_path / f'{count}.json',
                    '--cfg-options',
                    'custom_hooks=[]',
                ]
            )
        )
    for process, count in zip(processes, (1, 2)):
        finish(process)
        scores.append(json.loads((tmp_path / f'{count}.json').read_text())['score'])
    assert scores[0] == pytest.approx(scores[1], rel=1e-6)
    assert scores[0] != 0


@pytest.mark.parametrize(
    'script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh']
)
def test_the_scripts_say_how_to_call_them(script):
    done = subprocess.run(['bash', TOOLS / script], capture_output=True, text=True)
    assert done.returncode == 2
    assert f'bash tools/{script}' in done.stderr


def test_slurm_starts_the_tool_with_its_arguments(tmp_path):
    # An srun that shows what it was asked for.
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    done = subprocess.run(
        ['bash', TOOLS / 'slurm_train.sh', 'part', 'job', 'a b.py', 'out', '--resume'],
        env={
            **os.environ,
            'PATH': f'{tmp_path}:{os.environ["PATH"]}',
            'GPUS': '2',
            'PYTHON': 'python3',
        },
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert {'--job-name=job', '--gres=gpu:2', '--ntasks=2'} <= {*lines}
    assert lines[lines.index('python3') :] == [
        'python3',
        '-u',
        f'{TOOLS}/train.py',
        'a b.py',
        '--work-dir',
        'out',
        '--resume',
        '--launcher',
        'slurm',
    ]
