"""Recognizers and test conditions of the night scenes benchmark."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import NamedTuple

from mmengine.config import Config

from mmsdag.utils.configs import config_folder
from mmsdag.utils.launch import check_options

from .options import RecognitionOptions


class Task(NamedTuple):
    """A recognizer.

    Attributes:
        name: Its name in paths.
        config: File in ``configs/night_scenes``.
        title: Its name in tables and sentences.
        metric: Key of its metric in the evaluator's results.
        column: Name of its metric in tables.
    """

    name: str
    config: str
    title: str
    metric: str
    column: str


TASKS = (
    Task('segmentation', 'deeplabv3plus_r18-quarter_scenes.py', 'DeepLabV3+', 'mIoU', 'mIoU'),
    Task('detection', 'yolox-nano_scenes.py', 'YOLOX', 'coco/bbox_mAP_50', 'mAP50'),
)

#: Name in paths of the enhancer that the recognizers guide.
RESTORER = 'blend-unet'


class Condition(NamedTuple):
    """A condition of the test.

    Attributes:
        title: Its name in tables.
        time: ``'day'`` or ``'night'``.
        enhancer: Config of the data preprocessor's enhancer; None for none.
        checkpoint: Weights of the enhancer.
    """

    title: str
    time: str
    enhancer: dict | None = None
    checkpoint: str | None = None


def conditions(options: RecognitionOptions) -> dict[str, Condition]:
    """Return all conditions by their names in paths."""
    network = dict(type='mmsdag.ZeroDCENet')
    return dict(
        day=Condition('daylight', 'day'),
        night=Condition('night, as it is', 'night'),
        gamma=Condition(
            'night, gamma 1/2.2', 'night', dict(type='mmsdag.GammaEnhancer', gamma=2.2)
        ),
        unguided=Condition('night, Zero-DCE', 'night', network, str(options.unguided)),
        guided=Condition('night, Zero-DCE + SDAG', 'night', network, str(options.guided)),
        consistent=Condition(
            'night, BlendUNet + recognizers',
            'night',
            dict(type='mmsdag.BlendUNet'),
            str(options.weights(RESTORER)),
        ),
    )


def check(options: RecognitionOptions) -> None:
    """Check the options before anything is done.

    Raises:
        ValueError: If no config has an option, or there are too few scenes.
    """
    for task in TASKS:
        task_config(task, options)
    restorer_config(options)
    if min(options.train, options.test) < 1:
        raise ValueError(
            f'{options.train} scenes to train and {options.test} '
            'to test on: give at least one of each'
        )


def task_config(task: Task, options: RecognitionOptions) -> Config:
    """Read the config of a recognizer and apply the options."""
    cfg = _training_config(task.config, task.name, options)
    cfg.test_dataloader.dataset.data_root = str(options.out / 'scenes')
    return cfg


def restorer_config(options: RecognitionOptions) -> Config:
    """Read the config of the enhancer that the recognizers guide."""
    cfg = _training_config('blend-unet-recognizers_scenes.py', RESTORER, options)
    for hook in cfg.custom_hooks:
        for recognizer in hook.recognizers:
            recognizer.checkpoint = str(options.weights(Path(recognizer.checkpoint).stem))
    return cfg


def _training_config(file: str, name: str, options: RecognitionOptions) -> Config:
    cfg = Config.fromfile(config_folder() / 'night_scenes' / file)
    check_options(cfg.to_dict(), options.cfg_options)
    cfg.merge_from_dict(options.cfg_options)
    cfg.train_dataloader.dataset.data_root = str(options.out / 'scenes')
    cfg.work_dir = str(options.out / 'training' / name)
    cfg.randomness = dict(seed=options.seed)
    cfg.train_dataloader.sampler.seed = options.seed
    return cfg


def test_config(cfg: Config, condition: Condition, weights: Path, work_dir: Path) -> Config:
    """Return the config of a test: stock, except for the enhancer.

    Args:
        cfg: Config of the training.
        condition: Sets the images and the data preprocessor.
        weights: Weights of the recognizer.
        work_dir: Folder for MMEngine's logs.
    """
    cfg = copy.deepcopy(cfg)
    prefix = cfg.test_dataloader.dataset.data_prefix
    for key in ('img', 'img_path'):
        if key in prefix:
            prefix[key] = f'{condition.time}/test'
    if condition.enhancer:
        package = 'Det' if 'img' in prefix else 'Seg'
        cfg.model.data_preprocessor.update(
            type=f'mmsdag.Enhanced{package}DataPreprocessor',
            enhancer=condition.enhancer,
            checkpoint=condition.checkpoint,
        )
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'):
        cfg[key] = None
    cfg.load_from, cfg.resume = str(weights), False
    cfg.work_dir = str(work_dir)
    return cfg
