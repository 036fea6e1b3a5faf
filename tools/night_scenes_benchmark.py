"""What enhancement does for recognisers, on rendered scenes, in minutes.

Renders scenes (tools/dataset_converters/night_scenes.py); trains mmseg's
DeepLabV3+ and mmdet's YOLOX, small and from random weights, on those by day;
tests both on other scenes: by day, by night as they are, and by night
enhanced through mmsdag's data preprocessors. The recognisers never see a dark
image in training, and the enhancers no scene. Called again with the same
arguments, it goes on where it was.
"""
from __future__ import annotations

import argparse
import copy
import io
import logging
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import steps
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tqdm import tqdm

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.datasets.night_scenes import (
    overlay_boxes,
    overlay_mask,
    write_night_scenes,
)
from mmsdag.models.enhancers import build_enhancer
from mmsdag.utils.image_io import read_image
from mmsdag.utils.launch import check_options, clear_errors
from mmsdag.utils.memory import keep_freed_memory

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / 'configs' / 'night_scenes'
EXAMPLES = """\
examples:
  # the enhancers that come with the repository
  python tools/night_scenes_benchmark.py

  # two of your own, both Zero-DCE
  python tools/night_scenes_benchmark.py \\
      --unguided work_dirs/a/iter_1000.pth --guided work_dirs/b/iter_1000.pth

  # more scenes, and longer trainings
  python tools/night_scenes_benchmark.py --out work_dirs/long \\
      --train 2000 --test 500 --cfg-options train_cfg.max_iters=3000 \\
      param_scheduler.total_steps=3000
"""


class Task(NamedTuple):
    """A recogniser: its name in files, its config, what is measured."""
    name: str
    config: str
    title: str
    metric: str
    column: str


TASKS = (
    Task('segmentation', 'deeplabv3plus_r18-quarter_scenes.py', 'DeepLabV3+',
         'mIoU', 'mIoU'),
    Task('detection', 'yolox-nano_scenes.py', 'YOLOX', 'coco/bbox_mAP_50',
         'mAP50'),
)


class Condition(NamedTuple):
    """What the recognisers are tested on.

    Attributes:
        title: For people.
        time: ``'day'`` or ``'night'``.
        enhancer: Of the data preprocessor, None for none.
        checkpoint: Of the enhancer.
    """
    title: str
    time: str
    enhancer: dict | None = None
    checkpoint: str | None = None


def conditions(unguided: Path, guided: Path) -> dict[str, Condition]:
    """All conditions, by their names in files.

    Args:
        unguided, guided: Checkpoints of Zero-DCE.
    """
    network = dict(type='mmsdag.ZeroDCENet')
    return dict(
        day=Condition('daylight', 'day'),
        night=Condition('night, as it is', 'night'),
        gamma=Condition('night, gamma 1/2.2', 'night',
                        dict(type='mmsdag.GammaEnhancer', gamma=2.2)),
        unguided=Condition('night, Zero-DCE', 'night', network,
                           str(unguided)),
        guided=Condition('night, Zero-DCE + SDAG', 'night', network,
                         str(guided)))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/night_scenes'),
        help='folder for all that is written (default: %(default)s)')
    for name, file in (('unguided', 'zero-dce_1xb8-1k_brackets_seed0.pth'),
                       ('guided', 'zero-dce-sdag_1xb8-1k_brackets_seed0.pth')):
        parser.add_argument(
            f'--{name}',
            type=Path,
            default=ROOT / 'checkpoints' / file,
            metavar='CHECKPOINT',
            help=f'{name} Zero-DCE (default: checkpoints/{file})')
    for split, count in (('train', 320), ('test', 120)):
        parser.add_argument(
            f'--{split}',
            type=int,
            default=count,
            metavar='SCENES',
            help=f'scenes to {split} on (default: %(default)s)')
    parser.add_argument(
        '--seed', type=int, default=0, help='of the scenes and trainings')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='override settings of both trainings')
    return parser.parse_args(argv)


def check(args: argparse.Namespace) -> None:
    """Find what is wrong with the command line before anything is done.

    Raises:
        ValueError: For an option that no config has, or too few scenes.
    """
    for task in TASKS:
        task_config(task, args)
    if min(args.train, args.test) < 1:
        raise ValueError(f'{args.train} scenes to train and {args.test} to '
                         'test on: one of each is the least')


def task_config(task: Task, args: argparse.Namespace) -> Config:
    """The config of a recogniser, as the command line wants it."""
    cfg = Config.fromfile(CONFIGS / task.config)
    check_options(cfg.to_dict(), args.cfg_options)
    cfg.merge_from_dict(args.cfg_options)
    scenes = args.out / 'scenes'
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(scenes)
    cfg.work_dir = str(args.out / 'training' / task.name)
    cfg.randomness = dict(seed=args.seed)
    cfg.train_dataloader.sampler.seed = args.seed
    return cfg


def test_config(cfg: Config, condition: Condition, weights: Path,
                work_dir: Path) -> Config:
    """The config of a test: a stock one, but for the plug-in.

    Args:
        cfg: Of the training.
        condition: Decides on the images and the data preprocessor.
        weights: Of the recogniser.
        work_dir: For MMEngine's logs.
    """
    cfg = copy.deepcopy(cfg)
    prefix = cfg.test_dataloader.dataset.data_prefix
    for key in ('img', 'img_path'):
        if key in prefix:
            prefix[key] = f'{condition.time}/test'
    if condition.enhancer:
        plug_in = ('Det' if 'img' in prefix else 'Seg')
        cfg.model.data_preprocessor.update(
            type=f'mmsdag.Enhanced{plug_in}DataPreprocessor',
            enhancer=condition.enhancer,
            enhancer_checkpoint=condition.checkpoint)
    # What belongs to the training.
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper',
                'param_scheduler'):
        cfg[key] = None
    cfg.load_from, cfg.resume = str(weights), False
    cfg.work_dir = str(work_dir)
    return cfg


class Pictures:
    """Draws what the recognisers find in some of the scenes.

    Args:
        scenes: Folder of the set.
        numbers: Of the scenes.
        scale: How many times larger the pictures are.
    """

    # Boxes below it are not drawn.
    SCORE = 0.4

    def __init__(self, scenes: Path, numbers: Sequence[int],
                 scale: int = 2) -> None:
        self.scenes = scenes
        self.numbers = numbers
        self.scale = scale

    @torch.no_grad()
    def plain(self, number: int, condition: Condition) -> np.ndarray:
        """A scene as the recognisers see it, (H, W, 3), RGB, uint8."""
        path = self.scenes / condition.time / 'test' / f'{number:04}.png'
        image = np.ascontiguousarray(read_image(path)[..., ::-1])
        if condition.enhancer:
            network = build_enhancer(condition.enhancer, condition.checkpoint)
            pixels = torch.from_numpy(image.transpose(2, 0, 1)).float() / 255
            pixels = network.enhance(pixels[None])[0].clamp(0, 1)
            image = (pixels * 255).round().byte().permute(1, 2, 0).numpy()
        return cv2.resize(
            image,
            None,
            fx=self.scale,
            fy=self.scale,
            interpolation=cv2.INTER_CUBIC)

    @torch.no_grad()
    def found(self, runner: Runner,
              condition: Condition) -> dict[int, np.ndarray]:
        """The scenes with what a recogniser finds, by number."""
        dataset = runner.test_dataloader.dataset
        runner.model.eval()
        drawn = {}
        for number in self.numbers:
            batch = pseudo_collate([dataset[number]])
            sample = runner.model.test_step(batch)[0].cpu()
            drawn[number] = self._draw(self.plain(number, condition), sample)
        return drawn

    def _draw(self, image: np.ndarray, sample: Any) -> np.ndarray:
        if 'pred_sem_seg' in sample:
            mask = sample.pred_sem_seg.data[0].numpy().astype(np.uint8)
            return overlay_mask(
                image,
                cv2.resize(
                    mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST))
        sure = sample.pred_instances[
            sample.pred_instances.scores > self.SCORE]
        boxes = sure.bboxes.numpy() * self.scale
        boxes[:, 2:] -= boxes[:, :2]
        return overlay_boxes(image, boxes, sure.labels.tolist())


def run(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Render, train and test what is not there yet.

    Args:
        args: As :func:`parse_args` gives them.

    Returns:
        Of each condition and task the figure, in per cent; as in
        ``figures.json``. Pictures are in ``pictures/``, named by scene,
        condition and task.
    """
    check(args)
    # Of other packages, about themselves; and each runner leaves its scope.
    with warnings.catch_warnings(), DefaultScope.overwrite_default_scope(
            'mmsdag'):
        warnings.simplefilter('ignore')
        return _run(args)


def _run(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    tests = conditions(args.unguided, args.guided)
    for path in (args.unguided, args.guided):
        if not path.is_file():
            raise FileNotFoundError(f'no checkpoint {path}: name one of '
                                    'Zero-DCE with --unguided and --guided')
    configs = {task.name: task_config(task, args) for task in TASKS}
    scenes = args.out / 'scenes'
    print('scenes', flush=True)
    if not write_night_scenes(
            scenes, dict(train=args.train, test=args.test), seed=args.seed):
        print('  done already', flush=True)
    identity = steps.read_json(scenes / 'manifest.json')['identity']
    for task in TASKS:
        cfg = configs[task.name]
        print(f'{task.title} by day: {cfg.train_cfg.max_iters} iterations',
              flush=True)
        steps.train(cfg, steps.config_identity(cfg, identity),
                    weights_path(args.out, task), task.name)
    print('tests', flush=True)
    return _test_all(args, configs, tests, identity)


def weights_path(out: Path, task: Task) -> Path:
    """The trained weights of a recogniser."""
    return out / 'checkpoints' / f'{task.name}.pth'


def picture_path(out: Path, number: int, condition: str, task: str) -> Path:
    """A picture of a scene; the task ``plain`` has nothing drawn on it."""
    return out / 'pictures' / f'{number:04} {condition} {task}.png'


def picture_numbers(args: argparse.Namespace) -> list[int]:
    """The scenes that are shown: the first of the test."""
    return list(range(min(3, args.test)))


def _test_all(args: argparse.Namespace, configs: dict[str, Config],
              tests: dict[str, Condition],
              scenes_identity: str) -> dict[str, dict[str, float]]:
    path = args.out / 'figures.json'
    used = [weights_path(args.out, task) for task in TASKS]
    identity = steps.digest([scenes_identity] + [
        steps.sha256(file) for file in (*used, args.unguided, args.guided)])
    present = steps.read_json(path)
    if present.get('identity') == identity:
        print('  done already', flush=True)
        return present['figures']
    pictures = Pictures(args.out / 'scenes', picture_numbers(args))
    figures: dict[str, dict[str, float]] = {name: {} for name in tests}
    cells = [(name, task) for name in tests for task in TASKS]
    for name, task in tqdm(cells, desc='tests', disable=None):
        condition = tests[name]
        # pycocotools and MMEngine print, too.
        with steps.quiet(logging.WARNING), redirect_stdout(io.StringIO()):
            runner = Runner.from_cfg(
                test_config(configs[task.name], condition,
                            weights_path(args.out, task),
                            args.out / 'tests' / f'{name}_{task.name}'))
            metrics = runner.test()
            found = pictures.found(runner, condition)
        # mmseg gives per cent, mmdet shares of one, and nothing at all where
        # no box is found.
        unit = 1 if task.name == 'segmentation' else 100
        figures[name][task.column] = unit * float(
            metrics.get(task.metric, 0))
        for number, image in found.items():
            steps.write_image(
                picture_path(args.out, number, name, task.name),
                image[..., ::-1])
            steps.write_image(
                picture_path(args.out, number, name, 'plain'),
                pictures.plain(number, condition)[..., ::-1])
    steps.write_json(path, dict(identity=identity, figures=figures))
    return figures


def table(figures: dict[str, dict[str, float]],
          tests: dict[str, Condition]) -> list[list[str]]:
    """The figures as rows of text, the first the head."""
    columns = [task.column for task in TASKS]
    return [['scenes', *columns]] + [
        [tests[name].title, *(f'{row[column]:.1f}' for column in columns)]
        for name, row in figures.items()
    ]


def verdict(figures: dict[str, dict[str, float]]) -> list[str]:
    """What the figures say, a sentence a task, at the printed precision."""
    sentences = []
    for task in TASKS:
        value = {
            name: round(row[task.column], 1) for name, row in figures.items()
        }
        gains = ', '.join(
            f'{text} {value[name]:.1f} ({value[name] - value["night"]:+.1f})'
            for name, text in (('gamma', 'gamma'), ('unguided', 'Zero-DCE'),
                               ('guided', 'Zero-DCE guided by SDAG')))
        best = max(value[name] for name in value if name != 'day')
        if best == value['night']:
            end = 'None of them helps it'
        else:
            change = value['guided'] - value['unguided']
            end = ('Guidance makes no difference to it' if not change else
                   f'Guidance {"gains" if change > 0 else "costs"} it '
                   f'{abs(change):.1f}')
        sentences.append(
            f'{task.title} has {task.column} {value["day"]:.1f} by day and '
            f'{value["night"]:.1f} by night; by night with {gains}. {end}.')
    return sentences


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text in columns."""
    width = max(len(row[0]) for row in rows)
    print()
    for row in rows:
        print(row[0].ljust(width) + ''.join(c.rjust(9) for c in row[1:]))
    print()


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    keep_freed_memory()
    try:
        with clear_errors():
            figures = run(args)
            print_table(
                table(figures, conditions(args.unguided, args.guided)))
            print('\n'.join(verdict(figures)))
            print(args.out / 'pictures')
    except KeyboardInterrupt:
        print('\nstopped; the same command goes on from here',
              file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == '__main__':
    main()
