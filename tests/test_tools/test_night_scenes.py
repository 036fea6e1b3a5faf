"""The rendering tool, and the recognisers that are trained on its scenes."""
from __future__ import annotations

import importlib.util
import json
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from mmsdag.utils.image_io import read_image

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
CONDITIONS = ['day', 'night', 'gamma', 'unguided', 'guided']
TINY = [
    '--train', '3', '--test', '2', '--cfg-options', 'train_cfg.max_iters=2',
    'train_dataloader.batch_size=2', 'param_scheduler.total_steps=2'
]


def load_tool(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        Path(path).stem + '_tool', TOOLS / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def tool() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TOOLS))
        yield load_tool('night_scenes_benchmark.py')


@pytest.fixture(scope='module')
def done(tool, tmp_path_factory) -> tuple[Namespace, dict]:
    out = tmp_path_factory.mktemp('benchmark')
    args = tool.parse_args(['--out', str(out), *TINY])
    return args, tool.run(args)


def test_the_renderer_says_what_it_made(tmp_path, capsys):
    renderer = load_tool('dataset_converters/night_scenes.py')
    arguments = [
        str(tmp_path / 'set'), '--train', '2', '--val', '1', '--test', '1',
        '--size', '64'
    ]
    renderer.main(arguments)
    shown = capsys.readouterr().out
    content = json.loads(
        (tmp_path / 'set/annotations/train.json').read_text())
    assert f'train: 2 scenes, {len(content["annotations"])} objects' in shown
    assert (tmp_path / 'set/contact_sheet.jpg').is_file()
    renderer.main(arguments)
    assert 'done already' in capsys.readouterr().out


def test_the_renderer_names_a_wrong_option(tmp_path, capsys):
    renderer = load_tool('dataset_converters/night_scenes.py')
    with pytest.raises(SystemExit):
        renderer.main([str(tmp_path / 'set'), '--train', '0'])
    assert 'above 0' in capsys.readouterr().err


def test_every_condition_is_measured_in_both_tasks(done):
    _, figures = done
    assert list(figures) == CONDITIONS
    for row in figures.values():
        assert list(row) == ['mIoU', 'mAP50']
        assert 0 <= row['mIoU'] <= 100
        assert row['mAP50'] <= 100


def test_a_second_call_does_nothing_again(tool, done, capsys):
    args, figures = done
    assert tool.run(args) == figures
    # The scenes, two trainings, the tests.
    assert capsys.readouterr().out.count('done already') == 4


def test_recognisers_learn_by_day_only(tool, done):
    args, _ = done
    for task in tool.TASKS:
        cfg = tool.task_config(task, args)
        prefix = cfg.train_dataloader.dataset.data_prefix
        assert 'day/train' in prefix.values()
        assert not any('night' in folder for folder in prefix.values())
        assert 'enhancer' not in cfg.model.data_preprocessor


@pytest.mark.parametrize('number, plug_in', [
    (0, 'mmsdag.EnhancedSegDataPreprocessor'),
    (1, 'mmsdag.EnhancedDetDataPreprocessor')])
def test_a_night_test_is_stock_but_for_the_plug_in(tool, done, number,
                                                   plug_in):
    args, _ = done
    task = tool.TASKS[number]
    cfg = tool.task_config(task, args)
    tests = tool.conditions(args.unguided, args.guided)
    weights = tool.weights_path(args.out, task)
    dark = tool.test_config(cfg, tests['night'], weights, args.out)
    bright = tool.test_config(cfg, tests['gamma'], weights, args.out)
    assert dark.model == cfg.model
    folders = dark.test_dataloader.dataset.data_prefix
    assert 'night/test' in folders.values()
    assert bright.model.data_preprocessor.pop('type') == plug_in
    assert bright.model.data_preprocessor.pop('enhancer') == dict(
        type='mmsdag.GammaEnhancer', gamma=2.2)
    bright.model.data_preprocessor.pop('enhancer_checkpoint')
    dark.model.data_preprocessor.pop('type')
    assert bright.model == dark.model
    # What was given is left as it is.
    assert 'day/test' in cfg.test_dataloader.dataset.data_prefix.values()


def test_pictures_show_each_condition(tool, done):
    args, _ = done
    for number in (0, 1):
        for name in CONDITIONS:
            for task in ('plain', 'segmentation', 'detection'):
                path = tool.picture_path(args.out, number, name, task)
                assert Image.open(path).size == (256, 256)
    night, gamma = (
        read_image(tool.picture_path(args.out, 0, name, 'plain')).mean()
        for name in ('night', 'gamma'))
    assert gamma > 2 * night


def test_gamma_pictures_are_gamma_of_the_night(tool, done):
    args, _ = done
    pictures = tool.Pictures(args.out / 'scenes', [0], scale=1)
    condition = tool.conditions(args.unguided, args.guided)['gamma']
    dark = np.asarray(
        Image.open(args.out / 'scenes/night/test/0000.png'), np.float64)
    expected = 255 * (dark / 255)**(1 / 2.2)
    assert np.abs(pictures.plain(0, condition) - expected).max() <= 1


def test_only_sure_boxes_are_drawn(tool):
    from mmdet.structures import DetDataSample
    from mmengine.structures import InstanceData
    sample = DetDataSample(
        pred_instances=InstanceData(
            bboxes=torch.tensor([[2., 3., 12., 11.], [20., 20., 30., 30.]]),
            labels=torch.tensor([0, 1]),
            scores=torch.tensor([0.9, 0.1])))
    pictures = tool.Pictures(Path(), [], scale=2)
    drawn = pictures._draw(np.zeros((80, 80, 3), np.uint8), sample)
    ys, xs = np.nonzero(drawn.any(-1))
    # The sure one, doubled; the last row and column are its own.
    assert (xs.min(), ys.min(), xs.max(), ys.max()) == (4, 6, 23, 21)


def figures(**values: float) -> dict:
    return {
        name: dict(mIoU=value, mAP50=value) for name, value in values.items()
    }


@pytest.mark.parametrize('guided, words', [
    (42., 'Guidance gains it 2.0'), (39., 'Guidance costs it 1.0'),
    (40., 'Guidance makes no difference')])
def test_the_verdict_follows_the_figures(tool, guided, words):
    sentences = tool.verdict(
        figures(day=60., night=20., gamma=35., unguided=40., guided=guided))
    assert len(sentences) == 2
    for sentence in sentences:
        assert words in sentence
        assert '60.0 by day and 20.0 by night' in sentence
        assert 'gamma 35.0 (+15.0)' in sentence


def test_the_verdict_admits_that_nothing_helps(tool):
    sentences = tool.verdict(
        figures(day=60., night=30., gamma=25., unguided=20., guided=10.))
    assert all('None of them helps it' in text for text in sentences)


def error_of(tool: ModuleType, capsys, *args: str) -> str:
    with pytest.raises(SystemExit):
        tool.main([*args])
    return capsys.readouterr().err


def test_wrong_options_are_named_before_anything_is_done(tool, capsys,
                                                         tmp_path):
    out = tmp_path / 'out'
    for options, words in (
        (['--guided', 'none.pth'], 'none.pth'), (['--train', '0'], '0 scenes'),
        (['--cfg-options', 'train_cfg.max_iter=3'], 'max_iter')):
        error = error_of(tool, capsys, '--out', str(out), *options)
        assert words in error
        assert not out.exists()
