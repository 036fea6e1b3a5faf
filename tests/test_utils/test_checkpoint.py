"""Checkpoints: nothing in them runs, MMEngine's own ones load."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine import fileio
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModule
from mmengine.optim import OneCycleLR, OneCycleParamScheduler
from mmengine.runner import CheckpointLoader
from mmengine.runner import load_checkpoint as mmengine_load
from torch import nn
from torch.optim import SGD

from mmsdag.cli import benchmark, demo, train
from mmsdag.cli import test as testing
from mmsdag.utils import (
    find_latest_checkpoint,
    flush_denormals,
    load_checkpoint,
    register_safe_loading,
    save_checkpoint,
)
from mmsdag.utils.checkpoint import check_fit

ROOT = Path(__file__).resolve().parents[2]


class Malicious:
    """Touches a file when it is unpickled."""

    def __init__(self, victim: Path) -> None:
        self.command = f'touch {victim}'

    def __reduce__(self):
        return os.system, (self.command,)


class CallsGetattr:
    """Asks for the globals of a module through an allowed class."""

    def __reduce__(self):
        return getattr, (HistoryBuffer.__init__, '__globals__')


@pytest.fixture(params=['zip', 'legacy'])
def evil(request, tmp_path):
    path, victim = tmp_path / 'evil.pth', tmp_path / 'victim'
    torch.save(
        dict(state_dict=dict(w=torch.ones(2)), meta=Malicious(victim)),
        path,
        _use_new_zipfile_serialization=request.param == 'zip',
    )
    return path, victim


def test_the_malicious_file_of_these_tests_does_harm_if_one_lets_it(evil):
    path, victim = evil
    torch.load(path, weights_only=False)
    assert victim.exists()


@pytest.fixture
def restored_loaders():
    before = dict(CheckpointLoader._schemes)
    yield
    CheckpointLoader._schemes.clear()
    CheckpointLoader._schemes.update(before)


@pytest.fixture
def safe_mmengine(restored_loaders):
    """MMEngine as in our tools."""
    register_safe_loading()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Torch's folder of downloads, in which it looks before it downloads."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    (tmp_path / 'hub' / 'checkpoints').mkdir(parents=True)
    return tmp_path / 'hub' / 'checkpoints'


@pytest.mark.parametrize(
    'load',
    [
        load_checkpoint,
        lambda path: CheckpointLoader.load_checkpoint(str(path)),
        lambda path: mmengine_load(nn.Linear(1, 1), str(path)),
    ],
    ids=['ours', 'mmengine loader', 'mmengine load_checkpoint'],
)
def test_a_malicious_pickle_is_refused_by_name_and_does_not_run(evil, load, safe_mmengine):
    path, victim = evil
    with pytest.raises(ValueError, match='refused') as error:
        load(path)
    assert not victim.exists()
    assert str(path) in str(error.value)
    assert 'posix.system' in str(error.value)
    assert 'weights_only=False' not in str(error.value)


def test_a_malicious_init_cfg_does_not_run(evil, safe_mmengine):
    path, victim = evil

    class Net(BaseModule):
        def __init__(self) -> None:
            super().__init__(dict(type='Pretrained', checkpoint=str(path)))
            self.layer = nn.Linear(1, 1)

    with pytest.raises(ValueError, match='refused'):
        Net().init_weights()
    assert not victim.exists()


@pytest.mark.parametrize(
    'load',
    [load_checkpoint, lambda source: CheckpointLoader.load_checkpoint(source)],
    ids=['ours', 'MMEngine in our tools'],
)
@pytest.mark.parametrize(
    'source, name',
    [
        ('https://example.org/a/evil.pth?x=1', 'evil.pth'),
        ('http://example.org/evil.pth', 'evil.pth'),
        ('torchvision://vgg16', 'vgg16-397923af.pth'),
        ('modelzoo://vgg16', 'vgg16-397923af.pth'),
        ('openmmlab://vgg16_caffe', 'vgg16_caffe-292e1171.pth'),
        ('open-mmlab://vgg16_caffe', 'vgg16_caffe-292e1171.pth'),
        ('mmcls://vgg11', 'vgg11_batch256_imagenet_20210208-4271cd6c.pth'),
        ('s3://bucket/evil.pth', None),
        ('petrel://bucket/evil.pth', None),
        ('cluster:s3://bucket/evil.pth', None),
    ],
)
def test_a_malicious_file_of_any_scheme_does_not_run(
    evil, source, name, load, cache, monkeypatch, safe_mmengine
):
    path, victim = evil
    if name:
        shutil.copy(path, cache / name)
    else:
        monkeypatch.setattr(fileio, 'get', lambda uri: path.read_bytes())
    with pytest.raises(ValueError, match='refused'):
        load(source)
    assert not victim.exists()


def test_every_scheme_of_mmengine_is_covered(safe_mmengine):
    assert {load.__module__ for load in CheckpointLoader._schemes.values()} == {
        'mmsdag.utils.checkpoint'
    }


@pytest.mark.parametrize('tool', [train, testing, benchmark, demo], ids=lambda tool: tool.__name__)
def test_our_tools_make_mmengine_load_safely(tool, tmp_path, restored_loaders):
    CheckpointLoader._schemes[''] = load_checkpoint  # not MMEngine's own
    arguments = {
        testing: ['nowhere.py', 'nowhere.pth'],
        demo: ['--data', 'nowhere', '--out', str(tmp_path)],
    }
    with pytest.raises(SystemExit):
        tool.main(arguments.get(tool, ['nowhere.py']))
    assert CheckpointLoader._schemes[''].__name__ == 'load_from_mmsdag'


@pytest.mark.parametrize(
    'source, message',
    [
        ('torchvision://vgg_16', "did you mean 'vgg16'"),
        ('pavi://a.pth', 'cannot load from pavi://; download it'),
    ],
)
def test_a_model_or_storage_that_is_not_known_is_named(source, message):
    with pytest.raises(ValueError, match=message):
        load_checkpoint(source)


def test_a_download_loads_without_denormals(cache):
    save_checkpoint(dict(w=torch.tensor([1e-40, 1.0])), cache / 'good.pth')
    content = load_checkpoint('https://example.org/good.pth')
    assert content['w'].tolist() == [0, 1]


def test_of_a_classifier_of_mmcls_the_backbone_is_loaded(cache):
    save_checkpoint(
        dict(state_dict={'backbone.a': torch.ones(1), 'b': torch.ones(1)}),
        cache / 'vgg11_batch256_imagenet_20210208-4271cd6c.pth',
    )
    assert load_checkpoint('mmcls://vgg11')['state_dict'].keys() == {'a'}


IMPORT = """
import os, torch.serialization
from mmengine.runner import CheckpointLoader
before = dict(os.environ), dict(CheckpointLoader._schemes), vars(
    torch.serialization).copy()
import mmsdag
from mmengine.logging import HistoryBuffer
assert before == (dict(os.environ), CheckpointLoader._schemes,
                  vars(torch.serialization))
torch.save(HistoryBuffer([1., 3.], [1, 1]), 'a.pth')
print(torch.load('a.pth', weights_only=True).statistics('mean', 2))
"""


def test_the_import_lets_mmengines_histories_load_and_changes_no_loader(tmp_path):
    run = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', IMPORT],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert run.stdout == '2.0\n', run.stderr


def test_a_training_checkpoint_loads_after_mmengine_has_loaded_one(tmp_path):
    # OneDL's MMEngine takes away what it allows while it loads.
    save_checkpoint(dict(x=HistoryBuffer([1.0], [1])), tmp_path / 'a.pth')
    for _ in range(2):
        assert load_checkpoint(tmp_path / 'a.pth')['x'].current() == 1
        CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'))


def test_the_users_leave_to_run_pickles_does_not_hold_here(evil, monkeypatch):
    path, victim = evil
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    with pytest.raises(ValueError, match='refused'):
        load_checkpoint(path)
    assert not victim.exists()


def test_a_torch_that_cannot_resume_safely_is_told_apart(tmp_path, monkeypatch):
    torch.save(dict(x=CallsGetattr()), tmp_path / 'a.pth')
    monkeypatch.delattr(torch.serialization, 'add_safe_globals')
    with pytest.raises(ValueError, match='resume it with torch >= 2.4'):
        load_checkpoint(tmp_path / 'a.pth')


def test_getattr_gets_nothing_but_methods_of_training_checkpoints(tmp_path):
    torch.save(dict(x=CallsGetattr()), tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='refused.*getattr'):
        load_checkpoint(tmp_path / 'evil.pth')


class CallsOtherMethod:
    """Asks an allowed class for a method that no checkpoint needs."""

    def __reduce__(self):
        return getattr, (OneCycleParamScheduler, 'build_iter_from_epoch')


def test_a_class_in_training_checkpoints_gives_no_other_method(tmp_path):
    torch.save(dict(x=CallsOtherMethod()), tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='refused.*getattr'):
        load_checkpoint(tmp_path / 'evil.pth')


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_a_one_cycle_schedule_resumes_where_it_was(tmp_path, strategy):
    # Of MMEngine's schedules, the one that keeps a function in its state.
    def schedule() -> tuple[SGD, OneCycleLR]:
        optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.1)
        return optimizer, OneCycleLR(
            optimizer, eta_max=1.0, total_steps=10, by_epoch=False, anneal_strategy=strategy
        )

    optimizer, steps = schedule()
    for _ in range(4):
        optimizer.step()
        steps.step()
    save_checkpoint(dict(param_schedulers=[steps.state_dict()]), tmp_path / 'a.pth')
    (state,) = load_checkpoint(tmp_path / 'a.pth')['param_schedulers']
    other, resumed = schedule()
    resumed.load_state_dict(state)
    other.load_state_dict(optimizer.state_dict())
    for scheduler in (steps, resumed):
        scheduler.step()
    assert 0 < other.param_groups[0]['lr'] < 1
    assert other.param_groups[0]['lr'] == optimizer.param_groups[0]['lr']


def test_a_message_hub_comes_back_as_it_was(tmp_path):
    hub = MessageHub.get_instance('hub of a test')
    for value in (3.0, 1.0, 2.0):
        hub.update_scalar('train/loss', value)
    hub.update_info(
        'dataset_meta',
        dict(
            scale=np.float64(0.5),
            count=np.int64(3),
            ok=np.bool_(True),
            name=np.str_('a'),
            palette=np.arange(6, dtype=np.uint8).reshape(2, 3),
        ),
    )
    save_checkpoint(dict(message_hub=hub.state_dict()), tmp_path / 'a.pth')
    state = load_checkpoint(tmp_path / 'a.pth')['message_hub']

    resumed = MessageHub.get_instance('resumed hub of a test')
    resumed.load_state_dict(state)
    loss = resumed.get_scalar('train/loss')
    assert (loss.current(), loss.mean(), loss.min()) == (2.0, 2.0, 1.0)
    meta = resumed.get_info('dataset_meta')
    assert meta['palette'].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert (meta['scale'], meta['count'], meta['ok'], meta['name']) == (0.5, 3, True, 'a')
    # Its methods, which are pickled with it, work as before.
    assert loss.statistics('mean', 2) == 1.5


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs no GPU')
def test_weights_from_a_gpu_are_not_called_damaged_without_one(shared):
    path = str(shared / 'weights' / 'zero_dce_official.pth')
    with pytest.raises(RuntimeError, match='map_location'):
        load_checkpoint(path, map_location=None)


def test_a_checkpoint_of_mmdet_loads(shared):
    content = load_checkpoint(shared / 'weights' / 'yolox_nano_coco_mmdet.pth')
    assert content['state_dict']['backbone.stem.conv.conv.weight'].shape[0]


@pytest.mark.parametrize('part', [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_an_error_that_says_so(tmp_path, part):
    path = tmp_path / 'a.pth'
    torch.save(dict(w=torch.randn(1000)), path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ValueError, match='a.pth.*cut off'):
        load_checkpoint(path)


@pytest.mark.parametrize(
    'content', [b'<html>404</html>', b'\x80', b'PK\x03\x04', pickle.dumps({}, 5), bytes(range(256))]
)
def test_what_is_no_checkpoint_is_an_error_that_says_so(tmp_path, content):
    path = tmp_path / 'a.pth'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='a.pth'):
        load_checkpoint(path)


def test_an_empty_file_is_an_error_that_says_so(tmp_path):
    (tmp_path / 'a.pth').touch()
    with pytest.raises(ValueError, match='a.pth.*0 bytes'):
        load_checkpoint(tmp_path / 'a.pth')


def test_a_folder_is_an_error_that_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match='is a folder'):
        load_checkpoint(tmp_path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        load_checkpoint(tmp_path / 'nowhere.pth')


def test_a_torchscript_file_is_an_error_that_says_so(tmp_path):
    path = tmp_path / 'a.pt'
    torch.jit.script(nn.Linear(1, 1)).save(str(path))
    with pytest.raises(ValueError, match='TorchScript'):
        load_checkpoint(path)


def smaller(weights: dict, than: float) -> int:
    return sum(int(((w != 0) & (w.abs() < than)).sum()) for w in weights.values())


def test_the_published_zero_dce_weights_lose_their_denormals(shared):
    path = shared / 'weights' / 'zero_dce_official.pth'
    before = torch.load(path, 'cpu', weights_only=True)
    assert sum(w.numel() for w in before.values()) == 79_416
    # The smallest normal float32 is 2 ** -126 = 1.175e-38; one weight lies
    # just above it, at 1.186e-38.
    assert smaller(before, than=2**-126) == 19_266
    assert smaller(before, than=1.2e-38) == 19_267
    assert smaller(load_checkpoint(path), than=1e-30) == 0


def test_only_what_is_below_the_threshold_becomes_zero():
    module = nn.Conv2d(2, 3, 1, bias=False).to(memory_format=torch.channels_last)
    values = torch.tensor([1e-40, -1e-31, 1e-29, -1e-29, 1.0, 0.0])
    module.weight.data.copy_(values.reshape(3, 2, 1, 1))
    flush_denormals(module)
    expected = torch.tensor([0.0, 0.0, 1e-29, -1e-29, 1.0, 0.0])
    assert torch.equal(module.weight.flatten(), expected)


def test_flushing_takes_buffers_and_leaves_other_things_alone():
    norm = nn.BatchNorm1d(2)
    norm.running_mean.fill_(1e-35)
    half = torch.tensor([1e-7], dtype=torch.float16)
    count = torch.tensor([1])
    flush_denormals(norm)
    flush_denormals(dict(a=[half], b=count, c='text', d=None))
    assert not norm.running_mean.any()
    assert half.item() > 0 and count.item() == 1


def test_optimizer_states_keep_their_tiny_numbers(tmp_path):
    tiny = torch.tensor([1e-35])
    save_checkpoint(
        dict(
            state_dict=OrderedDict(w=tiny.clone()),
            ema_state_dict=OrderedDict(w=tiny.clone()),
            optimizer=dict(exp_avg_sq=tiny.clone()),
        ),
        tmp_path / 'a.pth',
    )
    content = load_checkpoint(tmp_path / 'a.pth')
    assert content['state_dict']['w'] == 0
    assert content['ema_state_dict']['w'] == 0
    assert content['optimizer']['exp_avg_sq'] == tiny


def test_weights_outside_of_a_dict_are_flushed_too(tmp_path):
    save_checkpoint([torch.tensor([1e-35])], tmp_path / 'a.pth')
    assert load_checkpoint(tmp_path / 'a.pth')[0] == 0


def test_the_latest_checkpoint_is_found_also_after_a_move(tmp_path):
    assert find_latest_checkpoint(tmp_path) is None
    (tmp_path / 'iter_4.pth').touch()
    (tmp_path / 'last_checkpoint').write_text('/gone/iter_4.pth')
    assert find_latest_checkpoint(tmp_path) == tmp_path / 'iter_4.pth'


def test_a_latest_checkpoint_that_is_gone_is_an_error(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('/gone/iter_4.pth')
    with pytest.raises(FileNotFoundError, match='iter_4.pth'):
        find_latest_checkpoint(tmp_path)


def test_a_checkpoint_fits_a_model_by_one_weight_of_its_name_and_shape(tmp_path):
    path = str(tmp_path / 'a.pth')
    save_checkpoint(dict(state_dict=dict(weight=torch.ones(2, 3))), path)
    check_fit(nn.Linear(3, 2), path, 'checkpoint')
    for other in (nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 2))):
        with pytest.raises(ValueError, match='key .*a.pth.* is not one of'):
            check_fit(other, path, 'key')


def test_weights_of_an_enhancer_before_a_model_are_not_compared(tmp_path):
    path = str(tmp_path / 'a.pth')
    save_checkpoint(dict(state_dict=dict(weight=torch.ones(1))), path)
    model = nn.Module()
    model.data_preprocessor = nn.Linear(3, 2)
    check_fit(model, path, 'checkpoint')  # nothing to compare
    model.head = nn.Linear(3, 2)
    with pytest.raises(ValueError, match=r'head\.weight'):
        check_fit(model, path, 'checkpoint')


def test_a_checkpoint_of_the_web_is_not_fetched_for_the_check():
    check_fit(nn.Linear(3, 2), 'https://nowhere.invalid/a.pth', 'checkpoint')
