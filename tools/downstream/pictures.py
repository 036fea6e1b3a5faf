"""What recognisers find in pictures, drawn on them."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from tqdm import tqdm

from mmsdag.models.enhancers.build import build_enhancer
from mmsdag.utils import write_atomically
from mmsdag.utils.image_io import read_image

from .cells import MAP_SIDE, Result
from .figures import Block
from .spec import Data, Enhancer, Spec, digest, sha256

#: Boxes of a lower score are not drawn.
SCORE = 0.3
#: RGB.
TRUE_COLOR, FOUND_COLOR = (70, 200, 130), (255, 150, 60)


class Picture(NamedTuple):
    """One version of an image, with what was found in it.

    Attributes:
        title: Of the version.
        image: (H, W, 3), RGB, uint8.
        text: What was found, in words.
    """
    title: str
    image: np.ndarray
    text: str


def chosen_images(data: Data, count: int) -> list[int]:
    """Indices of some images, evenly spread over those with objects."""
    there = [
        i for i, info in enumerate(data.infos)
        if data.task == 'seg' or info.get('instances')
    ] or list(range(len(data.infos)))
    count = min(count, len(there))
    return [there[(2 * i + 1) * len(there) // (2 * count)]
            for i in range(count)]


def pictures(spec: Spec,
             block: Block) -> Iterator[tuple[str, list[Picture]]]:
    """Some images of a block: the truth, then every enhancer's version."""
    data = spec.datasets[block.dataset]
    chosen = chosen_images(data, spec.pictures)
    for index in tqdm(
            chosen, desc=f'pictures of {data.name}', disable=None):
        info = data.infos[index]
        path = Path(info['img_path'])
        raw = _fit(read_image(path)[..., ::-1])
        versions = [_truth(raw, info, data, block, index)]
        for row in block.rows:
            enhancer = spec.enhancers[row.enhancer]
            result = row.results[0]
            image = _enhanced(spec, enhancer, result.cell.seed, path, raw)
            versions.append(
                _found(image, info, data, result, index, enhancer.title))
        light = info.get('lighting')
        yield path.name + (f' · {light}' if light else ''), versions


def _enhanced(spec: Spec, enhancer: Enhancer, seed: int, path: Path,
              raw: np.ndarray) -> np.ndarray:
    """An enhancer's version of an image, made once and kept as a file."""
    if enhancer.config is None:
        return raw
    checkpoint = enhancer.checkpoints[seed]
    key = digest([
        enhancer.config, checkpoint and sha256(Path(checkpoint)),
        sha256(path), MAP_SIDE
    ])[:20]
    kept = spec.work_dir / 'pictures' / f'{key}.png'
    if kept.is_file():
        image = cv2.imread(str(kept))
        if image is not None:
            return image[..., ::-1]
    full = np.ascontiguousarray(read_image(path)[..., ::-1].transpose(2, 0, 1))
    with torch.inference_mode():
        image = build_enhancer(enhancer.config, checkpoint).enhance(
            torch.from_numpy(full).float()[None] / 255)[0]
    image = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    image = _fit(image)
    data = cv2.imencode('.png', image[..., ::-1])[1]
    write_atomically(kept, data.tobytes())
    return image


def _fit(image: np.ndarray) -> np.ndarray:
    scale = MAP_SIDE / max(image.shape)
    if scale < 1:
        image = cv2.resize(
            image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image.round().astype(np.uint8))


def _truth(raw: np.ndarray, info: dict, data: Data, block: Block,
           index: int) -> Picture:
    if data.task == 'seg':
        result = block.rows[0].results[0]
        image = _overlay(raw, result.arrays[f'label_{index}'], data)
        return Picture('labelled', image, '')
    boxes = [box for box in info['instances'] if not box.get('ignore_flag')]
    image = draw_boxes(
        raw, np.array([box['bbox'] for box in boxes]).reshape(-1, 4),
        [data.classes[box['bbox_label']] for box in boxes], TRUE_COLOR,
        _scale(raw, info))
    return Picture('annotated', image, f'{len(boxes)} boxes')


def _found(image: np.ndarray, info: dict, data: Data, result: Result,
           index: int, title: str) -> Picture:
    arrays = result.arrays
    if data.task == 'seg':
        found = arrays[f'found_{index}']
        label = arrays[f'label_{index}']
        counts = label != 255
        right = (found == label)[counts].mean() if counts.any() else np.nan
        return Picture(title, _overlay(image, found, data),
                       f'{right:.0%} of the pixels right')
    place = arrays['place'][index]
    mine = ((arrays['box_image'] == place) & (arrays['box_score'] >= SCORE))
    names = [
        f'{data.classes[label]} {score:.2f}' for label, score in zip(
            arrays['box_label'][mine], arrays['box_score'][mine])
    ]
    drawn = draw_boxes(image, arrays['box'][mine], names, FOUND_COLOR,
                       _scale(image, info))
    return Picture(title, drawn, f'{len(names)} found')


def _scale(image: np.ndarray, info: dict) -> tuple[float, float]:
    """Of coordinates in the original, to those in the picture."""
    height, width = image.shape[:2]
    if 'width' not in info:
        size = read_image(info['img_path']).shape
        return width / size[1], height / size[0]
    return width / info['width'], height / info['height']


def draw_boxes(image: np.ndarray, boxes: np.ndarray, names: Sequence[str],
               color: tuple[int, int, int],
               scale: tuple[float, float] = (1, 1)) -> np.ndarray:
    """Draw boxes with their names.

    Args:
        image: (H, W, 3), RGB, uint8.
        boxes: (N, 4), x1, y1, x2, y2 in pixels of the original.
        names: N texts.
        color: RGB.
        scale: From the original to the image, of x and of y.
    """
    image = np.ascontiguousarray(image).copy()
    corners = (boxes * np.array([*scale, *scale])).round().astype(int)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.42
    for (x1, y1, x2, y2), name in zip(corners.tolist(), names):
        cv2.rectangle(image, (x1, y1), (x2, y2), color, 2)
        (width, height), _ = cv2.getTextSize(name, font, size, 1)
        left = max(0, min(x1, image.shape[1] - width - 4))
        top = y1 if y1 < height + 6 else y1 - height - 6
        cv2.rectangle(image, (left, top), (left + width + 4,
                                           top + height + 6), color, -1)
        cv2.putText(image, name, (left + 2, top + height + 3), font, size,
                    (0, 0, 0), 1, cv2.LINE_AA)
    return image


def _overlay(image: np.ndarray, labels: np.ndarray,
             data: Data) -> np.ndarray:
    """Colour the pixels by their labels; ignored ones stay."""
    colors: Any = np.asarray(data.palette, np.uint8)
    labels = cv2.resize(
        labels, image.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    known = labels < len(colors)
    mixed = image.copy()
    mixed[known] = (image[known] * 0.45
                    + colors[labels[known]] * 0.55).astype(np.uint8)
    return mixed
