"""Train recognizers on rendered scenes by day and test them by night.

Renders scenes; trains mmseg's DeepLabV3+ and mmdet's YOLOX, small and from
random weights, on those by day; trains an enhancer that both guide; tests both
on other scenes: by day, by night, and by night enhanced by mmsdag's data
preprocessors.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tqdm import tqdm

from mmsdag.models.loading import load_enhancer
from mmsdag.models.runner import EnhancerRunner
from mmsdag.synthetic.night_scenes import PALETTE, overlay_shapes, write_night_scenes
from mmsdag.utils.drawing import overlay_boxes
from mmsdag.utils.hashing import digest, file_digest
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image
from mmsdag.utils.quiet import quiet

from .options import RecognitionOptions
from .photographs import to_bytes, to_tensor
from .recognition_setup import (
    RESTORER,
    TASKS,
    Condition,
    check,
    conditions,
    restorer_config,
    task_config,
    test_config,
)
from .steps import config_identity, read_json, train, write_json

#: Metrics in percent by condition and column.
Metrics = dict[str, dict[str, float]]


class Pictures:
    """Draw the results of the recognizers on some of the scenes.

    Args:
        options: Options of the benchmark; the scenes are rendered.
        scale: Factor by which the pictures are larger than the scenes.
    """

    #: Boxes with a lower score are not drawn.
    SCORE = 0.4

    def __init__(self, options: RecognitionOptions, scale: int = 2) -> None:
        self.options = options
        self.scale = scale

    @torch.no_grad()
    def plain(self, number: int, condition: Condition) -> np.ndarray:
        """Return a scene as the recognizers see it, (H, W, 3), RGB, uint8."""
        path = self.options.out / 'scenes' / condition.time / 'test' / f'{number:04}.png'
        image = np.ascontiguousarray(read_image(path)[..., ::-1])
        if condition.enhancer:
            enhancer = EnhancerRunner(
                load_enhancer(condition.enhancer, condition.checkpoint), 'the demonstration'
            )
            image = to_bytes(enhancer.enhance_rgb(to_tensor(image)[None])[0])
        return cv2.resize(image, None, fx=self.scale, fy=self.scale, interpolation=cv2.INTER_CUBIC)

    @torch.no_grad()
    def write(self, runner: Runner, name: str, task: str, condition: Condition) -> None:
        """Write the scenes, plain and with the results of a recognizer."""
        dataset = runner.test_dataloader.dataset
        runner.model.eval()
        for number in self.options.shown:
            batch = pseudo_collate([dataset[number]])
            sample = runner.model.test_step(batch)[0].cpu()
            plain = self.plain(number, condition)
            for kind, image in ((task, self.draw(plain, sample)), ('plain', plain)):
                write_image(self.options.picture(number, name, kind), image[..., ::-1])

    def draw(self, image: np.ndarray, sample: Any) -> np.ndarray:
        """Draw the mask or the boxes of a data sample on an image."""
        if 'pred_sem_seg' in sample:
            mask = sample.pred_sem_seg.data[0].numpy().astype(np.uint8)
            return overlay_shapes(
                image, cv2.resize(mask, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
            )
        sure = sample.pred_instances[sample.pred_instances.scores > self.SCORE]
        boxes = (sure.bboxes.numpy() * self.scale).round()
        # The last row and column of a box are inside it.
        return overlay_boxes(
            image,
            boxes - [0, 0, 1, 1],
            PALETTE[sure.labels.numpy()],
            width=max(1, len(image) // 120),
        )


def run_recognition(options: RecognitionOptions) -> Metrics:
    """Render, train and test what is not done yet.

    Returns:
        The metric of each condition and task, in percent, as in
        ``figures.json``. ``pictures/`` shows some scenes.

    Raises:
        FileNotFoundError: If a checkpoint is missing.
        ValueError: See :func:`check`.
    """
    check(options)
    for path in (options.unguided, options.guided):
        if not path.is_file():
            raise FileNotFoundError(
                f'no checkpoint {path}: name one of Zero-DCE with --unguided and --guided'
            )
    # Other packages warn about themselves; each runner sets its scope.
    with warnings.catch_warnings(), DefaultScope.overwrite_default_scope('mmsdag'):
        warnings.simplefilter('ignore')
        return _run(options)


def _run(options: RecognitionOptions) -> Metrics:
    print('scenes', flush=True)
    counts = dict(train=options.train, test=options.test)
    if not write_night_scenes(options.out / 'scenes', counts, seed=options.seed):
        print('  done already', flush=True)
    identity = read_json(options.out / 'scenes' / 'manifest.json')['identity']
    for task in TASKS:
        cfg = task_config(task, options)
        print(f'{task.title} by day: {cfg.train_cfg.max_iters} iterations', flush=True)
        train(cfg, config_identity(cfg, identity), options.weights(task.name), task.name)
    cfg = restorer_config(options)
    print(f'BlendUNet guided by both: {cfg.train_cfg.max_iters} iterations', flush=True)
    train(
        cfg,
        config_identity(cfg, identity),
        options.weights(RESTORER),
        RESTORER,
        prefix='generator.',
    )
    print('tests', flush=True)
    return _test_all(options, identity)


def _test_all(options: RecognitionOptions, scenes_identity: str) -> Metrics:
    path = options.out / 'figures.json'
    used = [options.weights(name) for name in (*(task.name for task in TASKS), RESTORER)]
    identity = digest(
        [scenes_identity]
        + [file_digest(file) for file in (*used, options.unguided, options.guided)]
    )
    present = read_json(path)
    if present.get('identity') == identity:
        print('  done already', flush=True)
        return present['figures']
    pictures = Pictures(options)
    tests = conditions(options)
    metrics: Metrics = {name: {} for name in tests}
    runs = [(name, task) for name in tests for task in TASKS]
    for name, task in tqdm(runs, desc='tests', disable=None):
        # pycocotools and MMEngine print, too.
        with quiet():
            runner = Runner.from_cfg(
                test_config(
                    task_config(task, options),
                    tests[name],
                    options.weights(task.name),
                    options.out / 'tests' / f'{name}_{task.name}',
                )
            )
            result = runner.test()
            pictures.write(runner, name, task.name, tests[name])
        # mmseg returns percent, mmdet a fraction, and nothing at all if no
        # box is found.
        unit = 1 if task.name == 'segmentation' else 100
        metrics[name][task.column] = unit * float(result.get(task.metric, 0))
    write_json(path, dict(identity=identity, figures=metrics))
    return metrics


def table(metrics: Metrics, options: RecognitionOptions) -> list[list[str]]:
    """Return the metrics as rows of text, the head first."""
    tests = conditions(options)
    columns = [task.column for task in TASKS]
    return [['scenes', *columns]] + [
        [tests[name].title, *(f'{row[column]:.1f}' for column in columns)]
        for name, row in metrics.items()
    ]


def verdict(metrics: Metrics) -> list[str]:
    """Describe the metrics, one sentence per task, at printed precision."""
    sentences = []
    for task in TASKS:
        value = {name: round(row[task.column], 1) for name, row in metrics.items()}
        gains = ', '.join(
            f'{text} {value[name]:.1f} ({value[name] - value["night"]:+.1f})'
            for name, text in (
                ('gamma', 'gamma'),
                ('unguided', 'Zero-DCE'),
                ('guided', 'Zero-DCE guided by SDAG'),
                ('consistent', 'BlendUNet guided by the recognizers'),
            )
        )
        best = max(value[name] for name in value if name != 'day')
        if best == value['night']:
            end = 'None of them helps it'
        else:
            change = value['guided'] - value['unguided']
            end = (
                'SDAG makes no difference to it'
                if not change
                else f'SDAG {"gains" if change > 0 else "costs"} it {abs(change):.1f}'
            )
        sentences.append(
            f'{task.title} has {task.column} {value["day"]:.1f} by day and '
            f'{value["night"]:.1f} by night; by night with {gains}. {end}.'
        )
    return sentences


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text in columns."""
    width = max(len(row[0]) for row in rows)
    print()
    for row in rows:
        print(row[0].ljust(width) + ''.join(c.rjust(9) for c in row[1:]))
    print()
