"""Seeds, denormals, checkpoints and the progress bar."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

from mmsdag.engine.hooks import AtomicCheckpointHook, DenormalHook
from mmsdag.utils import load_checkpoint


def checkpoint_hook(**kwargs) -> dict:
    return dict(type='mmsdag.AtomicCheckpointHook', interval=1, by_epoch=False, **kwargs)


def names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir() if p.is_file()}


def test_steps_draw_the_same_whatever_ran_before(make_runner, tmp_path):
    plain = make_runner(tmp_path / 'a')
    plain.train()
    disturbed = make_runner(tmp_path / 'b')
    torch.randn(3)
    disturbed.train()
    assert disturbed.model.noise == plain.model.noise
    assert len(set(plain.model.noise)) == 6
    other = make_runner(tmp_path / 'c', randomness=dict(seed=6))
    other.train()
    assert other.model.noise != plain.model.noise


def test_weights_that_decay_become_zero_instead_of_denormal(make_runner):
    runner = make_runner(
        # Saving would flush as well.
        default_hooks=dict(checkpoint=checkpoint_hook(save_begin=100)),
        custom_hooks=[dict(type='mmsdag.DenormalHook')],
        # Weight decay halves the weight in each step, from 4e-30 on.
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1.0, weight_decay=0.5)),
    )
    seen = []

    def decaying(inputs, mode):
        seen.append(runner.model.layer.weight.item())
        return dict(loss=runner.model.layer.bias.sum())

    runner.model.forward = decaying
    runner.model.layer.weight.data.fill_(4e-30)
    runner.model.layer.weight.grad = torch.zeros(1, 1)
    runner.model.layer.register_buffer('statistic', torch.tensor([1e-40]))
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    zero_grad = runner.optim_wrapper.optimizer.zero_grad
    runner.optim_wrapper.optimizer.zero_grad = lambda: zero_grad(set_to_none=False)
    runner.train()
    assert seen == pytest.approx([4e-30, 2e-30, 0, 0, 0, 0], rel=1e-6, abs=0)
    assert runner.model.layer.statistic == 0


def test_averaged_weights_are_saved_without_denormals():
    tiny = torch.tensor([1e-40, 1.0])
    checkpoint = dict(
        state_dict=dict(w=tiny.clone()),
        ema_state_dict=dict(w=tiny.clone()),
        optimizer=dict(w=tiny.clone()),
    )
    DenormalHook().before_save_checkpoint(None, checkpoint)
    assert checkpoint['state_dict']['w'].tolist() == [0, 1]
    assert checkpoint['ema_state_dict']['w'].tolist() == [0, 1]
    assert torch.equal(checkpoint['optimizer']['w'], tiny)


def test_the_last_checkpoints_are_kept_and_the_pointer_names_the_newest(make_runner, tmp_path):
    runner = make_runner(default_hooks=dict(checkpoint=checkpoint_hook(max_keep_ckpts=2)))
    runner.train()
    kept = {n for n in names(tmp_path) if n.startswith('iter')}
    assert kept == {'iter_5.pth', 'iter_6.pth'}
    # What a resumed run goes by.
    assert runner.message_hub.get_info('keep_ckpt_ids') == [5, 6]
    pointer = (tmp_path / 'last_checkpoint').read_text()
    assert pointer == str(tmp_path / 'iter_6.pth')


def test_outdated_checkpoints_that_are_folders_go_too(make_runner, tmp_path):
    # DeepSpeed's strategy saves a checkpoint as a folder.
    runner = make_runner(default_hooks=dict(checkpoint=checkpoint_hook(max_keep_ckpts=2)))

    def save(out_dir, filename, *args, **kwargs):
        folder = Path(out_dir, filename)
        folder.mkdir()
        (folder / 'model_states.pt').touch()

    runner.save_checkpoint = save
    runner.train()
    assert {path.name for path in tmp_path.glob('iter*')} == {'iter_5.pth', 'iter_6.pth'}


def test_a_resumed_run_forgets_no_old_checkpoint(make_runner, tmp_path):
    hooks = dict(checkpoint=checkpoint_hook(max_keep_ckpts=2))
    make_runner(
        default_hooks=hooks, train_cfg=dict(type='mmsdag.ResumableTrainLoop', max_iters=3)
    ).train()
    make_runner(default_hooks=hooks, resume=True).train()
    assert {n for n in names(tmp_path) if n.startswith('iter')} == {'iter_5.pth', 'iter_6.pth'}


def test_all_checkpoints_stay_by_default(make_runner, tmp_path):
    make_runner().train()
    assert {f'iter_{i}.pth' for i in range(1, 7)} <= names(tmp_path)


def test_the_only_checkpoint_stays_until_the_next_is_whole(make_runner, tmp_path, monkeypatch):
    runner = make_runner(default_hooks=dict(checkpoint=checkpoint_hook(max_keep_ckpts=1)))
    replace = os.replace

    def fail_at_four(source, target):
        if Path(target).name == 'iter_4.pth':
            raise OSError('No space left on device')
        replace(source, target)

    monkeypatch.setattr(os, 'replace', fail_at_four)
    with pytest.raises(OSError, match='No space'):
        runner.train()
    assert (tmp_path / 'last_checkpoint').read_text().endswith('iter_3.pth')
    assert load_checkpoint(tmp_path / 'iter_3.pth')['meta']['iter'] == 3


def test_a_remote_folder_gets_the_storage_that_its_name_says():
    assert AtomicCheckpointHook(out_dir='s3://bucket').backend_args is None
    assert AtomicCheckpointHook(out_dir='here').backend_args == dict(backend='atomic')
    own = dict(backend='local')
    assert AtomicCheckpointHook(backend_args=own).backend_args == own


PROGRESS = dict(
    checkpoint=dict(type='mmsdag.AtomicCheckpointHook', interval=100, by_epoch=False),
    progress=dict(type='mmsdag.ProgressHook'),
)


def test_a_terminal_gets_a_bar_with_the_loss(make_runner, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    make_runner(default_hooks=PROGRESS).train()
    shown = capsys.readouterr().err
    assert 'train: 100%' in shown and '6/6' in shown and 'loss=' in shown


def test_a_resumed_bar_starts_where_the_run_was(make_runner, tmp_path, monkeypatch, capsys):
    make_runner().train()
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True)
    make_runner(default_hooks=PROGRESS, resume=True, load_from=str(tmp_path / 'iter_4.pth')).train()
    assert '4/6' in capsys.readouterr().err


def test_a_log_file_gets_no_bar(make_runner, capsys):
    make_runner(default_hooks=PROGRESS).train()
    assert 'train:' not in capsys.readouterr().err
