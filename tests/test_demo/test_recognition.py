"""The benchmark on rendered scenes: recognizers by day and by night."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mmsdag.cli import night_scenes_benchmark as tool
from mmsdag.demo import recognition
from mmsdag.demo import recognition_setup as setup
from mmsdag.demo.options import RecognitionOptions
from mmsdag.demo.recognition_setup import TASKS, conditions, restorer_config, task_config
from mmsdag.demo.steps import config_identity, loss_history, train
from mmsdag.utils import load_checkpoint
from mmsdag.utils.image_io import read_image

pytestmark = pytest.mark.slow

CONDITIONS = ['day', 'night', 'gamma', 'unguided', 'guided', 'consistent']
TINY = [
    '--train',
    '3',
    '--test',
    '2',
    '--cfg-options',
    'train_cfg.max_iters=2',
    'train_dataloader.batch_size=2',
    'param_scheduler.total_steps=2',
]


@pytest.fixture(scope='module')
def done(tmp_path_factory) -> tuple[RecognitionOptions, dict]:
    out = tmp_path_factory.mktemp('benchmark')
    options = RecognitionOptions(**vars(tool.parse_args(['--out', str(out), *TINY])))
    return options, recognition.run_recognition(options)


def test_every_condition_is_measured_in_both_tasks(done):
    _, metrics = done
    assert list(metrics) == CONDITIONS
    for row in metrics.values():
        assert list(row) == ['mIoU', 'mAP50']
        assert 0 <= row['mIoU'] <= 100
        assert row['mAP50'] <= 100


def test_a_second_call_does_nothing_again(done, capsys):
    options, metrics = done
    assert recognition.run_recognition(options) == metrics
    # The scenes, three trainings, the tests.
    assert capsys.readouterr().out.count('done already') == 5


def test_recognizers_learn_by_day_only(done):
    options, _ = done
    for task in TASKS:
        cfg = task_config(task, options)
        prefix = cfg.train_dataloader.dataset.data_prefix
        assert 'day/train' in prefix.values()
        assert not any('night' in folder for folder in prefix.values())
        assert 'enhancer' not in cfg.model.data_preprocessor


def test_the_recognizers_of_this_run_guide_by_day_only(done):
    options, _ = done
    cfg = restorer_config(options)
    assert cfg.train_dataloader.dataset.data_prefix == dict(img_path='day/train')
    segmentor, detector = [(task.config, str(options.weights(task.name))) for task in TASKS]
    assert [
        [(Path(r.config).name, r.checkpoint) for r in hook.recognizers] for hook in cfg.custom_hooks
    ] == [[segmentor, detector], [segmentor], [detector]]
    history = loss_history(Path(cfg.work_dir))
    assert history['loss_consistency'][2] > 0
    # Class scores after two iterations are nearly the same for any image.
    assert 2 in history['loss_agreement'] and 2 in history['loss_agreement_2']
    assert conditions(options)['consistent'].checkpoint == str(options.weights('blend-unet'))


def test_the_enhancer_begins_with_the_committed_weights(done):
    options, _ = done
    cfg = restorer_config(options)
    committed = load_checkpoint(cfg.load_from)['state_dict']
    cfg.work_dir = str(options.out / 'untrained')
    cfg.optim_wrapper.optimizer.lr = 0.0
    cfg.optim_wrapper.optimizer.weight_decay = 0.0
    cfg.param_scheduler = None
    weights = options.out / 'untrained.pth'
    train(cfg, 'untrained', weights, 'untrained', prefix='generator.')
    begun = load_checkpoint(weights)['state_dict']
    assert begun.keys() == committed.keys() != set()
    for name, value in begun.items():
        assert torch.equal(value, committed[name].float())


def test_another_start_is_another_training(done):
    options, _ = done
    cfg = restorer_config(options)
    first = config_identity(cfg, 'data')
    cfg.load_from = None
    assert config_identity(cfg, 'data') != first


@pytest.mark.parametrize(
    'number, plug_in',
    [(0, 'mmsdag.EnhancedSegDataPreprocessor'), (1, 'mmsdag.EnhancedDetDataPreprocessor')],
)
def test_a_night_test_is_stock_but_for_the_plug_in(done, number, plug_in):
    options, _ = done
    task = TASKS[number]
    cfg = task_config(task, options)
    tests = conditions(options)
    weights = options.weights(task.name)
    dark = setup.test_config(cfg, tests['night'], weights, options.out)
    bright = setup.test_config(cfg, tests['gamma'], weights, options.out)
    assert dark.model == cfg.model
    folders = dark.test_dataloader.dataset.data_prefix
    assert 'night/test' in folders.values()
    assert bright.model.data_preprocessor.pop('type') == plug_in
    assert bright.model.data_preprocessor.pop('enhancer') == dict(
        type='mmsdag.GammaEnhancer', gamma=2.2
    )
    bright.model.data_preprocessor.pop('checkpoint')
    dark.model.data_preprocessor.pop('type')
    assert bright.model == dark.model
    # What was given is left as it is.
    assert 'day/test' in cfg.test_dataloader.dataset.data_prefix.values()


def test_pictures_show_each_condition(done):
    options, _ = done
    for number in (0, 1):
        for name in CONDITIONS:
            for task in ('plain', 'segmentation', 'detection'):
                path = options.picture(number, name, task)
                assert Image.open(path).size == (256, 256)
    night, gamma = (
        read_image(options.picture(0, name, 'plain')).mean() for name in ('night', 'gamma')
    )
    assert gamma > 2 * night


def test_gamma_pictures_are_gamma_of_the_night(done):
    options, _ = done
    pictures = recognition.Pictures(options, scale=1)
    condition = conditions(options)['gamma']
    dark = np.asarray(Image.open(options.out / 'scenes/night/test/0000.png'), np.float64)
    expected = 255 * (dark / 255) ** (1 / 2.2)
    assert np.abs(pictures.plain(0, condition) - expected).max() <= 1


def test_only_sure_boxes_are_drawn():
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData

    sample = DetDataSample(
        pred_instances=InstanceData(
            bboxes=torch.tensor([[2.0, 3.0, 12.0, 11.0], [20.0, 20.0, 30.0, 30.0]]),
            labels=torch.tensor([0, 1]),
            scores=torch.tensor([0.9, 0.1]),
        )
    )
    pictures = recognition.Pictures(RecognitionOptions(), scale=2)
    drawn = pictures.draw(np.zeros((80, 80, 3), np.uint8), sample)
    ys, xs = np.nonzero(drawn.any(-1))
    # The sure one, doubled; the last row and column are its own.
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (4, 6, 23, 21)


def metrics_of(**values: float) -> dict:
    return {name: dict(mIoU=value, mAP50=value) for name, value in values.items()}


@pytest.mark.parametrize(
    'guided, words',
    [(42.0, 'SDAG gains it 2.0'), (39.0, 'SDAG costs it 1.0'), (40.0, 'SDAG makes no difference')],
)
def test_the_verdict_follows_the_metrics(guided, words):
    sentences = recognition.verdict(
        metrics_of(day=60.0, night=20.0, gamma=35.0, unguided=40.0, guided=guided, consistent=50.0)
    )
    assert len(sentences) == 2
    for sentence in sentences:
        assert words in sentence
        assert '60.0 by day and 20.0 by night' in sentence
        assert 'gamma 35.0 (+15.0)' in sentence
        assert 'guided by the recognizers 50.0 (+30.0)' in sentence


def test_the_verdict_admits_that_nothing_helps():
    sentences = recognition.verdict(
        metrics_of(day=60.0, night=30.0, gamma=25.0, unguided=20.0, guided=10.0, consistent=9.0)
    )
    assert all('None of them helps it' in text for text in sentences)


def error_of(capsys, *args: str) -> str:
    with pytest.raises(SystemExit):
        tool.main([*args])
    return capsys.readouterr().err


def test_wrong_options_are_named_before_anything_is_done(capsys, tmp_path):
    out = tmp_path / 'out'
    for options, words in (
        (['--guided', 'none.pth'], 'none.pth'),
        (['--train', '0'], '0 scenes'),
        (['--cfg-options', 'train_cfg.max_iter=3'], 'max_iter'),
    ):
        error = error_of(capsys, '--out', str(out), *options)
        assert words in error
        assert not out.exists()
