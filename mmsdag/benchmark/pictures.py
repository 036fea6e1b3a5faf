"""Draw ground truth and predictions on some images of a benchmark."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from tqdm import tqdm

from mmsdag.datasets.transforms import Darken
from mmsdag.models.runner import EnhancerRunner
from mmsdag.utils.drawing import overlay_boxes, overlay_mask, shrink
from mmsdag.utils.hashing import digest, file_digest
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image

from .collect import MAP_SIDE
from .plan import Plan
from .runs import Result
from .sources import Enhancer, EvaluationSet
from .statistics import Block

#: Boxes of a lower score are not drawn.
SCORE = 0.3
#: RGB.
TRUE_COLOR, FOUND_COLOR = (70, 200, 130), (255, 150, 60)


class Picture(NamedTuple):
    """One version of an image, with its ground truth or predictions.

    Attributes:
        title: Title of the version.
        image: (H, W, 3), RGB, uint8.
        text: The predictions in words.
    """

    title: str
    image: np.ndarray
    text: str


def chosen_images(data: EvaluationSet, count: int) -> list[int]:
    """Return indices of images, evenly spread over those with objects."""
    there = [
        i for i, info in enumerate(data.infos) if data.task != 'det' or info.get('instances')
    ] or list(range(len(data.infos)))
    count = min(count, len(there))
    return [there[(2 * i + 1) * len(there) // (2 * count)] for i in range(count)]


def pictures(plan: Plan, block: Block) -> Iterator[tuple[str, list[Picture]]]:
    """Yield images of a block: the ground truth, then each enhancer."""
    data = plan.datasets[block.dataset]
    chosen = chosen_images(data, plan.pictures)
    for index in tqdm(chosen, desc=f'pictures of {data.name}', disable=None):
        info = data.infos[index]
        path = Path(info['img_path'])
        full = _photograph(path, data.entry.darken)
        raw = _small(full)
        scale = np.array(raw.shape[1::-1] * 2) / (full.shape[1::-1] * 2)
        truth = _truth(raw, info, data, block, index, scale)
        versions = [Picture('ground truth', *truth)]
        for row in block.rows:
            enhancer, result = plan.enhancers[row.enhancer], row.results[0]
            image = (
                raw if enhancer.config is None else _enhanced(plan, enhancer, result.run.seed, full)
            )
            found = _found(image, data, result, index, scale)
            versions.append(Picture(enhancer.title, *found))
        light = info.get('lighting')
        yield path.name + (f' · {light}' if light else ''), versions


def _photograph(path: Path, darken: dict) -> np.ndarray:
    """Read an image (H, W, 3), RGB, darkened as its test set is."""
    image = read_image(path)
    if darken:
        results: Any = Darken(**darken)(dict(img=image, img_path=str(path)))
        image = results['img']
    return image[..., ::-1]


def _small(image: np.ndarray) -> np.ndarray:
    image = shrink(image, MAP_SIDE)
    return np.ascontiguousarray(image.round().astype(np.uint8))


def _enhanced(plan: Plan, enhancer: Enhancer, seed: int, full: np.ndarray) -> np.ndarray:
    """Enhance an image (H, W, 3), RGB, once; keep the result as a file."""
    checkpoint = enhancer.checkpoints[seed]
    key = digest(
        [
            enhancer.config,
            checkpoint and file_digest(checkpoint),
            enhancer.amp_dtype,
            hashlib.sha256(full.tobytes()).hexdigest(),
            MAP_SIDE,
        ]
    )[:20]
    kept = plan.work_dir / 'pictures' / f'{key}.png'
    if kept.is_file():
        return read_image(kept)[..., ::-1]
    runner = EnhancerRunner(
        enhancer.networks[seed],
        'the benchmark',
        amp_dtype=enhancer.amp_dtype,
        device=torch.device('cpu'),
    )
    bgr = np.ascontiguousarray(full[None, ..., ::-1])
    (image,) = runner.enhance_array(bgr, np.dtype(np.uint8))
    image = image[..., ::-1]
    image = _small(image)
    write_image(kept, image[..., ::-1])
    return image


def _truth(
    raw: np.ndarray, info: dict, data: EvaluationSet, block: Block, index: int, scale: np.ndarray
) -> tuple[np.ndarray, str]:
    """Draw the ground truth of an image."""
    if data.task == 'seg':
        labels = block.rows[0].results[0].arrays[f'label_{index}']
        return _overlay(raw, labels, data), ''
    if data.task == 'cls':
        return raw, data.classes[info['gt_label']]
    boxes = [box for box in info['instances'] if not box.get('ignore_flag')]
    names = [data.classes[box['bbox_label']] for box in boxes]
    image = draw_boxes(raw, [box['bbox'] for box in boxes], names, TRUE_COLOR, scale)
    return image, f'{len(boxes)} boxes'


def _found(
    image: np.ndarray, data: EvaluationSet, result: Result, index: int, scale: np.ndarray
) -> tuple[np.ndarray, str]:
    """Draw the predictions on an image."""
    arrays = result.arrays
    if data.task == 'seg':
        found, label = arrays[f'found_{index}'], arrays[f'label_{index}']
        counts = label != 255
        right = (found == label)[counts].mean() if counts.any() else np.nan
        return (_overlay(image, found, data), f'{right:.0%} of the pixels correct')
    if data.task == 'cls':
        return image, data.classes[arrays['found'][index]]
    place = arrays['place'][index]
    mine = (arrays['box_image'] == place) & (arrays['box_score'] >= SCORE)
    names = [
        f'{data.classes[label]} {score:.2f}'
        for label, score in zip(arrays['box_label'][mine], arrays['box_score'][mine])
    ]
    return (
        draw_boxes(image, arrays['box'][mine], names, FOUND_COLOR, scale),
        f'{len(names)} found',
    )


def draw_boxes(
    image: np.ndarray, boxes: Any, names: list[str], color: tuple[int, int, int], scale: np.ndarray
) -> np.ndarray:
    """Draw boxes with their names.

    Args:
        image: (H, W, 3), RGB, uint8.
        boxes: (N, 4), x1, y1, x2, y2 in pixels of the original.
        names: N texts.
        color: RGB.
        scale: (4,), factors from the original to the image.

    Returns:
        A copy of the image with the boxes.
    """
    corners = np.asarray(boxes, np.float64).reshape(-1, 4) * scale
    return overlay_boxes(image, corners, [color] * len(names), names, width=2)


def _overlay(image: np.ndarray, labels: np.ndarray, data: EvaluationSet) -> np.ndarray:
    """Color the pixels by their labels; ignored ones stay."""
    labels = cv2.resize(labels, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return overlay_mask(image, labels, np.asarray(data.palette, np.uint8), 0.55)
