"""The options of tools/train.py and tools/test.py, and their errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.weights import save_weights
from mmengine.config import Config

from mmsdag.cli import test as tester
from mmsdag.cli import train
from mmsdag.models import ZeroDCENet
from mmsdag.utils import save_checkpoint

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
TOOLS = ROOT / 'tools'


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / 'config.py'
    path.write_text(f"""
model = dict(type='Net')
train_dataloader = dict(batch_size=2)
train_cfg = dict(type='ResumableTrainLoop', max_iters=4)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
val_dataloader = val_cfg = val_evaluator = dict()
work_dir = {str(tmp_path / 'work')!r}
""")
    return path


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    path = tmp_path / 'work' / 'iter_2.pth'
    save_checkpoint(
        dict(state_dict=dict(w=torch.ones(1)), meta=dict(iter=2), message_hub={}, optimizer={}),
        path,
    )
    (path.parent / 'last_checkpoint').write_text(str(path))
    return path


def prepared(config: Path, *options: str) -> Config:
    return train.prepare(train.parse_args([str(config), *options]))


def failure(capsys, tool, *arguments) -> str:
    with pytest.raises(SystemExit) as error:
        tool.main([str(a) for a in arguments])
    assert error.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[0].startswith('error: '), lines
    return lines[0]


def test_seed_determinism_and_validation_follow_the_options(config, monkeypatch):
    monkeypatch.delenv('CUBLAS_WORKSPACE_CONFIG', raising=False)
    cfg = prepared(config, '--seed', '7', '--deterministic', '--no-validate')
    assert cfg.randomness == dict(seed=7, deterministic=True)
    assert cfg.val_cfg is cfg.val_dataloader is cfg.val_evaluator is None
    assert os.environ['CUBLAS_WORKSPACE_CONFIG'] == ':4096:8'
    plain = prepared(config)
    assert plain.randomness == dict(seed=None)
    assert plain.val_cfg is not None


def test_the_learning_rate_is_scaled_if_the_config_says_from_what(config, capsys):
    cfg = prepared(config, '--auto-scale-lr', '--cfg-options', 'auto_scale_lr.base_batch_size=16')
    assert cfg.auto_scale_lr == dict(base_batch_size=16, enable=True)
    assert 'base_batch_size' in failure(capsys, train, config, '--auto-scale-lr')


@pytest.mark.parametrize(
    'model, told',
    [
        ("type='mmsdag.ZeroDCE'", 'set --cfg-options model.amp_dtype=auto'),
        (
            "type='mmsdag.ZeroDCE', amp_dtype='auto'",
            "the config has model.amp_dtype='auto', which works on a CPU",
        ),
        ("type='mmdet.YOLOX'", 'train in float32'),
        ("type='Unknown'", 'train in float32'),
    ],
)
def test_amp_on_a_cpu_is_an_error_that_advises_what_the_model_has(
    config, capsys, monkeypatch, model, told
):
    monkeypatch.setattr(train, 'get_device', lambda: 'cpu')
    with config.open('a') as file:
        file.write(f'model = dict({model})')
    error = failure(capsys, train, config, '--amp')
    assert 'needs a GPU' in error and told in error
    assert ('cfg-options' in error) == ('cfg-options' in told)


def test_amp_on_a_gpu_says_what_it_adds_to_the_models_own_precision(config, monkeypatch):
    monkeypatch.setattr(train, 'get_device', lambda: 'cuda')
    said = []
    monkeypatch.setattr(train, 'print_log', lambda text, _: said.append(text))
    prepared(config, '--amp')
    assert not said
    prepared(config, '--amp', '--cfg-options', 'model.amp_dtype=auto')
    assert "model.amp_dtype='auto' stays in force" in said[0]


def test_amp_changes_the_optimizer_wrappers(config, capsys, monkeypatch):
    monkeypatch.setattr(train, 'get_device', lambda: 'cuda')
    wrapper = prepared(config, '--amp').optim_wrapper
    assert wrapper.type == 'AmpOptimWrapper'
    assert wrapper.loss_scale == 'dynamic'

    several = Config(
        dict(
            optim_wrapper=dict(
                constructor='MultiOptimWrapperConstructor',
                a=dict(type='OptimWrapper', optimizer=dict(type='Adam')),
                b=dict(type='AmpOptimWrapper', optimizer=dict(), loss_scale=8.0),
            )
        )
    )
    train.use_amp(several)
    assert several.optim_wrapper.a.type == 'AmpOptimWrapper'
    assert several.optim_wrapper.b.loss_scale == 8.0

    error = failure(capsys, train, config, '--amp', '--cfg-options', 'optim_wrapper.type=Mine')
    assert "'Mine'" in error


def test_resume_takes_the_latest_checkpoint_or_starts_anew(config, checkpoint):
    for options in (['--resume'], ['--resume', 'auto']):
        cfg = prepared(config, *options)
        assert cfg.resume is True and cfg.load_from == str(checkpoint)
    cfg = prepared(config, '--resume', '--work-dir', str(config.parent / 'b'))
    assert cfg.resume is False and cfg.get('load_from') is None
    assert prepared(config).resume is False


def test_resume_takes_the_checkpoint_that_is_named(config, checkpoint):
    other = checkpoint.rename(checkpoint.with_name('iter_1.pth'))
    cfg = prepared(config, '--resume', str(other))
    assert cfg.resume is True and cfg.load_from == str(other)


def test_a_config_that_says_resume_resumes(config, checkpoint):
    with config.open('a') as file:
        file.write('resume = True\n')
    assert prepared(config).load_from == str(checkpoint)


def test_weights_alone_are_no_checkpoint_to_resume_from(config, tmp_path, capsys):
    path = tmp_path / 'weights.pth'
    save_checkpoint(dict(state_dict={}), path)
    error = failure(capsys, train, config, '--resume', path)
    assert 'no message_hub, meta, optimizer' in error
    assert f'load_from={path}' in error
    cfg = prepared(config, '--cfg-options', f'load_from={path}')
    assert cfg.load_from == str(path) and cfg.resume is False


@pytest.mark.parametrize(
    'options, expected',
    [
        (['--resume', 'gone.pth'], "'gone.pth' does not exist"),
        (['--cfg-options', 'load_from=gone.pth'], "'gone.pth' does not exist"),
        (['--cfg-options', 'train_cfg.max_iter=1'], "did you mean 'max_iters'"),
        (['--cfg-options', 'optim_wrapper=None'], 'has no optim_wrapper'),
        (['--launcher', 'pytorch'], 'dist_'),
        ([], 'Net is not in the'),
    ],
)
def test_wrong_input_is_one_sentence(config, capsys, options, expected, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    assert expected in failure(capsys, train, config, *options)


def test_a_schedule_that_begins_after_a_shortened_training_is_named(config, capsys):
    scheduler = dict(type='CosineAnnealingLR', by_epoch=False, begin=20)
    config.write_text(config.read_text() + f'param_scheduler = [{scheduler!r}]\n')
    error = failure(capsys, train, config)
    assert 'param_scheduler[0].begin=20 of CosineAnnealingLR' in error
    assert 'train_cfg.max_iters=4' in error
    remedy = error.split('--cfg-options ')[1]
    assert prepared(config, '--cfg-options', remedy).param_scheduler[0].begin == 0
    scheduler['end'] = 30
    config.write_text(config.read_text() + f'param_scheduler = [{scheduler!r}]\n')
    assert prepared(config).param_scheduler[0].end == 30


def test_a_missing_config_is_one_sentence(capsys):
    assert "'gone.py'" in failure(capsys, train, 'gone.py')
    assert "'gone.py'" in failure(capsys, tester, 'gone.py', 'a.pth')


def test_a_config_with_a_slip_in_its_syntax_is_one_sentence(tmp_path, capsys):
    (tmp_path / 'a.py').write_text('model = dict(\n')
    assert 'never closed' in failure(capsys, train, tmp_path / 'a.py')


def test_a_missing_default_path_is_told_with_its_variable(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('MMSDAG_BRACKETS', raising=False)
    arguments = [
        str(ROOT / 'configs/zero_dce/zero-dce_1xb8-1k_brackets.py'),
        '--work-dir',
        str(tmp_path / 'work'),
    ]
    with pytest.raises(SystemExit):
        train.main(arguments)
    error = capsys.readouterr().err
    assert 'no folder ../shared/brackets' in error
    assert 'the environment variable MMSDAG_BRACKETS' in error
    assert error.count('environment variable') == 1
    monkeypatch.setenv('MMSDAG_BRACKETS', 'mine')
    with pytest.raises(SystemExit):
        train.main(arguments)
    error = capsys.readouterr().err
    assert 'no folder mine' in error and 'environment variable' not in error


@pytest.mark.parametrize('tool', [train, tester])
def test_the_help_teaches_by_examples(tool, capsys):
    with pytest.raises(SystemExit):
        tool.main(['--help'])
    text = capsys.readouterr().out
    assert 'examples:' in text and 'bash tools/dist_' in text


def test_a_config_without_a_test_set_cannot_be_tested(config, capsys):
    error = failure(capsys, tester, config, 'a.pth')
    assert 'has no test_dataloader' in error


def tested(config: Path, *options: str) -> Config:
    with config.open('a') as file:
        file.write(
            'test_dataloader = dict(dataset=dict(dataset=dict('
            "pipeline=['plain'])))\n"
            'test_cfg = test_evaluator = dict()\n'
        )
    return tester.prepare(tester.parse_args([str(config), 'a.pth', *options]))


def test_tta_wraps_the_model_and_replaces_the_innermost_pipeline(config):
    with config.open('a') as file:
        file.write("tta_model = dict(type='TTA', cfg=1)\ntta_pipeline = ['flipped']\n")
    cfg = tested(config, '--tta')
    assert cfg.model == dict(type='TTA', cfg=1, module=dict(type='Net'))
    assert cfg.test_dataloader.dataset == dict(dataset=dict(pipeline=['flipped']))


def test_tta_without_its_settings_is_an_error(config, capsys):
    tested(config)
    error = failure(capsys, tester, config, 'a.pth', '--tta')
    assert 'no tta_model and no tta_pipeline' in error


@pytest.mark.parametrize('hook', ['DetVisualizationHook', 'mmseg.SegVisualizationHook'])
def test_pictures_of_recognition_go_where_the_option_says(config, tmp_path, monkeypatch, hook):
    monkeypatch.chdir(tmp_path)
    with config.open('a') as file:
        file.write(
            f'default_hooks = dict(visualization=dict(type={hook!r}))\n'
            "visualizer = dict(type='Visualizer')\n"
        )
    cfg = tested(config, '--show-dir', 'shown')
    drawn = cfg.default_hooks.visualization
    assert drawn.draw
    assert str(tmp_path / 'shown') == drawn.get('test_out_dir', cfg.visualizer.get('save_dir'))


def test_pictures_of_an_enhancer_are_what_it_makes(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 99, (8, 10, 3), np.uint8)
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in/a.png'), image)
    # A name of its own: MMEngine tells runs of one second by it.
    (tmp_path / 'show.py').write_text(f"""
_base_ = [{str(ROOT / 'configs/_base_/default_runtime.py')!r},
          {str(ROOT / 'configs/_base_/models/zero_dce.py')!r}]
model = dict(generator=dict(channels=4), amp_dtype=None)
test_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root={str(tmp_path / 'in')!r},
        min_size=0,
        pipeline=[dict(type='mmsdag.LoadLowLightImage'),
                  dict(type='mmsdag.PackImages')]))
test_cfg = dict()
test_evaluator = dict(type='mmsdag.NIQE')
""")
    network = ZeroDCENet(channels=4)
    save_weights(network, tmp_path / 'a.pth')
    tester.main(
        [
            str(tmp_path / 'show.py'),
            str(tmp_path / 'a.pth'),
            '--work-dir',
            str(tmp_path / 'work'),
            '--show-dir',
            str(tmp_path / 'shown'),
        ]
    )
    x = torch.from_numpy(image[..., ::-1] / np.float32(255))
    expected = network.enhance(x.permute(2, 0, 1)[None])[0].detach()
    found = cv2.imread(str(tmp_path / 'shown/a.png'))[..., ::-1]
    difference = found - expected.permute(1, 2, 0).numpy() * 255
    assert abs(difference).max() <= 0.51


@pytest.fixture
def tiny(monkeypatch) -> Path:
    """The tiny training, in this process."""
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    return TESTS / 'helpers' / 'tiny_config.py'


def test_training_and_testing_work_together(tiny, tmp_path, capsys):
    work_dir = str(tmp_path)
    train.main([str(tiny), '--work-dir', work_dir, '--cfg-options', 'train_cfg.max_iters=2'])
    checkpoint = tmp_path / 'iter_2.pth'
    metrics = tester.main(
        [str(tiny), str(checkpoint), '--work-dir', work_dir, '--out', str(tmp_path / 'out.json')]
    )
    assert json.loads((tmp_path / 'out.json').read_text()) == metrics
    assert set(metrics) == {'score'}

    # A checkpoint of something else; a name that no format goes with.
    save_checkpoint(dict(state_dict=dict(x=torch.ones(1))), tmp_path / 'b.pth')
    for arguments, expected in (
        ((tmp_path / 'b.pth',), 'not one of TinyModel'),
        ((checkpoint, '--out', 'out.txt'), 'out.txt'),
        (('gone.pth',), 'gone.pth'),
    ):
        capsys.readouterr()
        with pytest.raises(SystemExit):
            tester.main([str(a) for a in (tiny, *arguments, '--work-dir', work_dir)])
        error = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error')]
        assert len(error) == 1 and expected in error[0]


def test_it_runs_from_anywhere(tmp_path):
    done = subprocess.run(
        [sys.executable, TOOLS / 'train.py', 'gone.py'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: config 'gone.py' does not exist")
