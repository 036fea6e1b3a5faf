"""What the tools share: options, errors, processes."""

from __future__ import annotations

import pytest
import torch
from mmengine.config import Config

from mmsdag.utils.launch import (
    check_options,
    clear_errors,
    load_config,
    start_processes,
    stop_processes,
    tool_parser,
)

CONFIG = dict(
    model=dict(type='Net', generator=dict(type='Gen', width=4)),
    train_pipeline=[dict(type='Load'), dict(type='Flip', prob=0.5)],
    train_cfg=dict(max_iters=4, val_interval=2),
    load_from=None,
)


@pytest.mark.parametrize(
    'option',
    [
        'train_cfg.max_iters',
        'model.generator.width',
        'train_pipeline.1.prob',
        'model.generator.depth',
        'val_cfg',
        'auto_scale_lr.base_batch_size',
        'load_from',
        'find_unused_parameters',
    ],
)
def test_options_that_mean_something_pass(option):
    check_options(CONFIG, {option: 1})


@pytest.mark.parametrize(
    'option, hint',
    [
        ('train_cfg.max_iter', "did you mean 'max_iters'"),
        ('train_cgf.max_iters', "did you mean 'train_cfg'"),
        ('modell', "did you mean 'model'"),
        ('zebra.x', "the config has no 'zebra'"),
        ('model.generatr.width', "did you mean 'generator'"),
        ('model.encoder.width', "model has no 'encoder'; it has generator, type"),
        ('train_pipeline.2.prob', "train_pipeline has no '2'"),
        ('train_pipeline.first.prob', "train_pipeline has no 'first'"),
        ('train_cfg.max_iters.x', "train_cfg.max_iters has no 'x'"),
    ],
)
def test_options_that_name_nothing_are_errors_with_a_hint(option, hint):
    with pytest.raises(ValueError, match='--cfg-options') as error:
        check_options(CONFIG, {option: 1})
    assert hint in str(error.value)


def parse(*argv: str):
    return tool_parser('Do it.', 'none').parse_args(argv)


def test_a_base_that_is_not_there_is_told_with_its_neighbors(tmp_path, monkeypatch):
    (tmp_path / 'kinds').mkdir()
    for kind in ('bright', 'dark'):
        (tmp_path / f'kinds/{kind}.py').write_text(f'kind = {kind!r}')
    (tmp_path / 'a.py').write_text("_base_ = 'kinds/{{$KIND:dark}}.py'\n")
    args = parse(str(tmp_path / 'a.py'))
    assert load_config(args).kind == 'dark'
    monkeypatch.setenv('KIND', 'drak')
    with pytest.raises(
        FileNotFoundError,
        match=r"a.py': its base .*kinds/drak.py' does not "
        'exist; there are: bright, dark$',
    ):
        load_config(args)


def test_another_file_that_a_config_misses_is_no_base(tmp_path):
    (tmp_path / 'a.py').write_text("x = open('nowhere.txt').read()\n")
    with pytest.raises(FileNotFoundError, match='nowhere.txt') as error:
        load_config(parse(str(tmp_path / 'a.py')))
    assert 'base' not in str(error.value)


def test_options_reach_the_config(tmp_path):
    (tmp_path / 'a.py').write_text('x = 1\ntrain_cfg = dict(max_iters=3)\n')
    args = parse(str(tmp_path / 'a.py'), '--cfg-options', 'train_cfg.max_iters=5')
    cfg = load_config(args)
    assert cfg.train_cfg.max_iters == 5
    assert cfg.work_dir == 'work_dirs/a'
    assert cfg.launcher == 'none'


def test_the_work_dir_of_the_command_line_wins(tmp_path):
    (tmp_path / 'a.py').write_text("work_dir = 'here'\n")
    assert load_config(parse(str(tmp_path / 'a.py'))).work_dir == 'here'
    args = parse(str(tmp_path / 'a.py'), '--work-dir', 'there')
    assert load_config(args).work_dir == 'there'


def test_an_option_without_a_value_is_an_error(capsys):
    with pytest.raises(SystemExit) as error:
        parse('a.py', '--cfg-options', 'max_iters')
    assert error.value.code == 2
    assert "'max_iters' is not of the form key=value" in (capsys.readouterr().err)


def test_the_environment_is_printed_for_a_bug_report(capsys):
    with pytest.raises(SystemExit) as error:
        parse('--env')
    assert error.value.code == 0
    assert f'torch: {torch.__version__[:4]}' in capsys.readouterr().out


def test_errors_of_the_user_become_one_sentence(capsys):
    with pytest.raises(SystemExit) as error, clear_errors():
        raise KeyError('no such thing')
    assert error.value.code == 2
    assert capsys.readouterr().err.splitlines()[0] == 'error: no such thing'


def test_other_errors_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), clear_errors():
        raise ZeroDivisionError
    with pytest.raises(ValueError), clear_errors(unless=lambda: True):
        raise ValueError


def test_the_traceback_is_there_on_request(monkeypatch):
    monkeypatch.setenv('MMSDAG_TRACEBACK', '1')
    with pytest.raises(ValueError), clear_errors():
        raise ValueError


def test_a_launcher_without_its_variables_is_an_error(monkeypatch):
    monkeypatch.delenv('SLURM_PROCID', raising=False)
    with pytest.raises(ValueError, match='SLURM_PROCID.*slurm_'):
        start_processes(Config(dict(launcher='slurm')))


def test_more_processes_than_gpus_are_an_error(monkeypatch):
    monkeypatch.setattr('mmsdag.utils.launch.get_device', lambda: 'cuda')
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    for name, value in dict(RANK=1, WORLD_SIZE=2, LOCAL_RANK=1).items():
        monkeypatch.setenv(name, str(value))
    with pytest.raises(ValueError, match='1 GPUs'):
        start_processes(Config(dict(launcher='pytorch')))


@pytest.mark.parametrize(
    'chosen, options',
    [
        (
            None,
            dict(
                type='MMDistributedDataParallel',
                device_ids=None,
                broadcast_buffers=False,
                find_unused_parameters=False,
            ),
        ),
        (
            dict(broadcast_buffers=True),
            dict(type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=True),
        ),
        (dict(type='mmsdag.OwnStepDataParallel'), dict(type='mmsdag.OwnStepDataParallel')),
    ],
)
def test_on_a_cpu_a_wrapper_is_told_that_there_are_no_devices(monkeypatch, chosen, options):
    monkeypatch.setattr('mmsdag.utils.launch.get_device', lambda: 'cpu')
    for name, value in dict(
        RANK='0', WORLD_SIZE='1', LOCAL_RANK='0', MASTER_ADDR='127.0.0.1', MASTER_PORT='0'
    ).items():
        monkeypatch.setenv(name, value)
    cfg = Config(dict(launcher='pytorch'))
    if chosen is not None:
        cfg.model_wrapper_cfg = chosen
    try:
        start_processes(cfg)
    finally:
        stop_processes()
    assert cfg.model_wrapper_cfg.to_dict() == options
