"""Labelled scenes by day and by night, rendered without any download.

Shapes with the textures of photographs, each class in colours of its own, lie
on photographs, in any size and pose, shaded, and partly behind each other;
each pixel's class and each object's box are exact. The same scene is then
taken again by night, with little light and a camera's noise. The splits share
no photograph.
"""
from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from tqdm import tqdm

from mmsdag.utils import write_atomically
from mmsdag.utils.image_io import read_image

from . import embedded_photographs as photos
from .transforms import LowLightDegradation

#: Classes of the objects; 0 in the masks is the background.
CLASSES = ('disc', 'box', 'triangle', 'star', 'ring', 'cross')
#: Colour of each value of a mask, RGB.
PALETTE = ((60, 60, 66), (230, 85, 60), (65, 135, 215), (95, 185, 90),
           (240, 195, 60), (165, 95, 200), (70, 195, 195))

#: Photographs of each split. Those for training are in the training, those
#: for the test are held out, in ``tools/demo.py`` too.
SPLITS: dict[str, tuple[photos.Embedded, ...]] = dict(
    train=(photos.ASTRONAUT, photos.BRICK, photos.CAMERA, photos.FLOWER,
           photos.GRASS, photos.MOTORCYCLE_LEFT, photos.MOTORCYCLE_RIGHT,
           photos.ROCKET),
    val=(photos.GRAVEL, photos.HUBBLE, photos.RETINA),
    test=(photos.CHELSEA, photos.CHINA, photos.COFFEE))

#: How the night comes: 2 to 8 % of the light, log-uniform, and the noise of
#: a camera at high gain.
NIGHT: dict[str, Any] = dict(
    order='camera', exposure=(0.02, 0.08), shot=5e-4, read=1e-6)

_MANIFEST = 'manifest.json'
_SUPERSAMPLING = 4
_OBJECTS = (3, 7)
# Half the diameter, as a share of the image's side.
_RADIUS = (0.08, 0.22)
# The least share of an object that the others must leave visible.
_VISIBLE = 0.5
_PLACEMENTS = 20


class Scene(NamedTuple):
    """A rendered scene by day.

    Attributes:
        image: (H, W, 3), RGB, uint8.
        instances: (H, W), int: 0, or 1 + the number of the object seen.
        classes: Of each object, an index into :data:`CLASSES`.
    """
    image: np.ndarray
    instances: np.ndarray
    classes: list[int]

    @property
    def mask(self) -> np.ndarray:
        """(H, W), uint8: 0, or 1 + the class."""
        values = np.array([0, *(c + 1 for c in self.classes)], np.uint8)
        return values[self.instances]

    @property
    def boxes(self) -> list[tuple[int, int, int, int]]:
        """Left, top, width and height of what is visible of each object."""
        return [
            cv2.boundingRect((self.instances == n + 1).astype(np.uint8))
            for n in range(len(self.classes))
        ]


def render_scene(photographs: Sequence[np.ndarray], size: int,
                 rng: np.random.Generator) -> Scene:
    """Render a scene.

    Args:
        photographs: For background and textures, each (H, W, 3), RGB, uint8.
        size: Height and width in pixels.
        rng: Decides on everything.
    """
    image = _texture(photographs, size, rng) * rng.uniform(0.6, 1.1)
    instances = np.zeros((size, size), np.int32)
    classes: list[int] = []
    areas: list[int] = []
    for _ in range(rng.integers(_OBJECTS[0], _OBJECTS[1] + 1)):
        for _ in range(_PLACEMENTS):
            kind = int(rng.integers(len(CLASSES)))
            alpha = _coverage(_outline(CLASSES[kind], size, rng), size)
            mask = alpha >= 0.5
            left = [
                np.count_nonzero((instances == n + 1) & ~mask) / area
                for n, area in enumerate(areas)
            ]
            if mask.any() and min(left, default=1) >= _VISIBLE:
                break
        else:
            continue
        image = _paint(image, alpha, kind, photographs, rng)
        classes.append(kind)
        areas.append(np.count_nonzero(mask))
        instances[mask] = len(classes)
    return Scene((image.clip(0, 1) * 255).round().astype(np.uint8), instances,
                 classes)


def _texture(photographs: Sequence[np.ndarray], size: int,
             rng: np.random.Generator) -> np.ndarray:
    """A part of one of the photographs, (size, size, 3), [0, 1]."""
    photo = photographs[int(rng.integers(len(photographs)))]
    side = int(min(photo.shape[:2]) * rng.uniform(0.3, 1))
    y, x = (rng.integers(s - side + 1) for s in photo.shape[:2])
    crop = photo[y:y + side, x:x + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return cv2.resize(
        np.ascontiguousarray(crop), (size, size),
        interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _outline(kind: str, size: int,
             rng: np.random.Generator) -> list[np.ndarray]:
    """Polygons of a shape somewhere in the image; a second is a hole."""
    outlines = [_polar(*_SHAPES[kind])]
    if kind == 'ring':
        outlines.append(0.55 * outlines[0])
    low, high = np.log(_RADIUS)
    radius = size * np.exp(rng.uniform(low, high))
    turn, tilt = rng.uniform(0, 2 * np.pi, 2)
    squeeze = np.diag([1, rng.uniform(0.65, 1)])
    pose = radius * _rotation(turn) @ squeeze @ _rotation(tilt)
    # The centre is inside, so that the shape can still be told.
    centre = rng.uniform(radius / 2, size - radius / 2, 2)
    return [points @ pose.T + centre for points in outlines]


#: Distance of the corners from the centre, in turn, and how many times.
_SHAPES: dict[str, tuple[tuple[float, ...], int]] = dict(
    disc=((1., ), 48),
    box=((1., ), 4),
    triangle=((1., ), 3),
    star=((1., 0.42), 5),
    ring=((1., ), 48),
    cross=((1., 1., 0.45), 4))


def _polar(distances: tuple[float, ...], times: int) -> np.ndarray:
    """Corners (N, 2) at equal angles."""
    distance = np.tile(distances, times)
    angle = np.linspace(0, 2 * np.pi, len(distance), endpoint=False)
    return distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def _rotation(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _coverage(outlines: Sequence[np.ndarray], size: int) -> np.ndarray:
    """How much of each pixel the polygons cover, (size, size), [0, 1]."""
    fine = np.zeros((size * _SUPERSAMPLING, ) * 2, np.uint8)
    points = [(line * _SUPERSAMPLING).round().astype(np.int32)
              for line in outlines]
    cv2.fillPoly(fine, points, 255)
    coarse = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return coarse.astype(np.float32) / 255


def _paint(image: np.ndarray, alpha: np.ndarray, kind: int,
           photographs: Sequence[np.ndarray],
           rng: np.random.Generator) -> np.ndarray:
    """Lay an object, with shading and a shadow, over an image in [0, 1]."""
    size = len(image)
    offset = rng.uniform(0.01, 0.04) * size
    shadow = cv2.GaussianBlur(
        cv2.warpAffine(alpha, np.array([[1, 0, offset], [0, 1, offset]]),
                       (size, size)), (0, 0), 0.02 * size)
    image = image * (1 - 0.5 * shadow[..., None])
    # Each class has a sixth of the hues; neighbours overlap.
    hue = 360 * (kind / len(CLASSES) + rng.normal(0, 0.06)) % 360
    hsv = np.array([[[hue, rng.uniform(0.5, 1), rng.uniform(0.4, 1)]]],
                   np.float32)
    colour = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
    share = rng.uniform(0.5, 0.9)
    surface = (share * colour
               + (1 - share) * _texture(photographs, size, rng))
    slope = np.linspace(-0.25, 0.25, size, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    shade = 1 + np.cos(angle) * slope + np.sin(angle) * slope[:, None]
    alpha = alpha[..., None]
    return image * (1 - alpha) + surface * shade[..., None] * alpha


def write_night_scenes(out: str | Path,
                       counts: Mapping[str, int],
                       size: int = 128,
                       seed: int = 0) -> bool:
    """Render a set of scenes, unless it is there.

    ``day/SPLIT/0000.png`` and ``night/SPLIT/0000.png`` are the images,
    ``masks/SPLIT/0000.png`` the classes of their pixels in the layout of
    ``mmseg.BaseSegDataset``, ``annotations/SPLIT.json`` the objects in that
    of COCO, and ``contact_sheet.jpg`` some of each. A scene depends on the
    seed, its split and its number only.

    Args:
        out: Folder of the set; it is there whole, or not at all. One of
            other settings is replaced.
        counts: Number of scenes of each split, of those in :data:`SPLITS`.
        size: Height and width in pixels.
        seed: Of everything.

    Returns:
        Whether it had to be rendered.

    Raises:
        FileNotFoundError: If scikit-image or scikit-learn lack a photograph.
        ValueError: For counts or a size that make no set, or a folder that
            holds something else.
    """
    out = Path(os.path.abspath(out))
    unknown = set(counts) - set(SPLITS)
    if unknown or min(counts.values(), default=0) < 1:
        raise ValueError(f'counts={dict(counts)!r} must give a number above 0 '
                         f'for each split, of {", ".join(SPLITS)}')
    if size < 32:
        raise ValueError(f'size={size} pixels: objects need 32 at least')
    identity = _identity(counts, size, seed)
    manifest = out / _MANIFEST
    if manifest.is_file():
        if json.loads(manifest.read_text())['identity'] == identity:
            return False
    elif out.exists() and any(out.iterdir()):
        raise ValueError(f'{out} holds something else than night scenes: '
                         'name another folder')
    staging = out.with_name(f'.{out.name}.tmp')
    shutil.rmtree(staging, ignore_errors=True)
    sheet = []
    for split, count in counts.items():
        sheet += _write_split(staging, split, count, size, seed)
    _write_image(staging / 'contact_sheet.jpg', np.concatenate(sheet))
    content = dict(
        identity=identity,
        seed=seed,
        size=size,
        counts=dict(counts),
        classes=CLASSES,
        night=NIGHT,
        photographs={
            split: [f'{item.name}: {item.credit}' for item in SPLITS[split]]
            for split in counts
        })
    write_atomically(staging / _MANIFEST, json.dumps(content,
                                                     indent=1).encode())
    if out.exists():
        shutil.rmtree(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    staging.replace(out)
    return True


def _identity(counts: Mapping[str, int], size: int, seed: int) -> str:
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for split in counts:
        for item in SPLITS[split]:
            digest.update(item.find().read_bytes())
    digest.update(json.dumps([dict(counts), size, seed]).encode())
    return digest.hexdigest()


def _write_split(folder: Path, split: str, count: int, size: int,
                 seed: int) -> list[np.ndarray]:
    """Render and write a split; returns rows of the contact sheet."""
    photographs = [
        read_image(item.find())[..., ::-1] for item in SPLITS[split]
    ]
    night = LowLightDegradation(**NIGHT)
    images: list[dict] = []
    annotations: list[dict] = []
    rows = []
    for number in tqdm(range(count), desc=f'scenes ({split})', disable=None):
        entropy = np.random.SeedSequence(
            (seed, list(SPLITS).index(split), number))
        scene = render_scene(photographs, size, np.random.default_rng(entropy))
        dark = _darken(scene.image, night, entropy)
        name = f'{number:04}.png'
        for part, image in dict(day=scene.image, night=dark).items():
            _write_image(folder / part / split / name, image)
        _write_image(folder / 'masks' / split / name, scene.mask)
        images.append(
            dict(id=number, file_name=name, height=size, width=size))
        annotations += _annotations(scene, number, len(annotations))
        if number < 2:
            rows.append(np.concatenate([
                scene.image, dark, overlay_mask(scene.image, scene.mask),
                overlay_boxes(scene.image, scene.boxes, scene.classes)
            ], 1))
    content = dict(
        info=dict(description=f'Rendered scenes, {split}, seed {seed}'),
        images=images,
        annotations=annotations,
        categories=[
            dict(id=number, name=name)
            for number, name in enumerate(CLASSES, start=1)
        ])
    write_atomically(folder / 'annotations' / f'{split}.json',
                     json.dumps(content).encode())
    return rows


def _darken(image: np.ndarray, night: LowLightDegradation,
            entropy: np.random.SeedSequence) -> np.ndarray:
    generator = torch.Generator().manual_seed(
        int(entropy.generate_state(2)[1]))
    pixels = torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 255
    dark = night.degrade(pixels, generator)
    return (dark * 255).round().byte().permute(1, 2, 0).numpy()


def _annotations(scene: Scene, image_id: int, first: int) -> list[dict]:
    from pycocotools import mask as rle  # comes with mmdet
    entries = []
    for n, (kind, box) in enumerate(zip(scene.classes, scene.boxes)):
        visible = np.asfortranarray(scene.instances == n + 1, np.uint8)
        code = rle.encode(visible)
        entries.append(
            dict(
                id=first + n + 1,
                image_id=image_id,
                category_id=kind + 1,
                bbox=list(box),
                area=int(visible.sum()),
                iscrowd=0,
                segmentation=dict(
                    size=code['size'], counts=code['counts'].decode())))
    return entries


def overlay_mask(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Lay the colours of a mask's classes over an image.

    Args:
        image: (H, W, 3), RGB, uint8.
        mask: (H, W), values as in :attr:`Scene.mask`.

    Returns:
        A new image; the background stays as it is.
    """
    colours = np.array(PALETTE, np.float32)[mask]
    share = np.where(mask > 0, 0.65, 0)[..., None]
    return (image * (1 - share) + colours * share).round().astype(np.uint8)


def overlay_boxes(image: np.ndarray, boxes: Sequence[Sequence[float]],
                  classes: Sequence[int]) -> np.ndarray:
    """Draw boxes in the colours of their classes.

    Args:
        image: (H, W, 3), RGB, uint8.
        boxes: Left, top, width and height of each, in pixels.
        classes: Of each, an index into :data:`CLASSES`.

    Returns:
        A new image.
    """
    drawn = np.ascontiguousarray(image).copy()
    for box, kind in zip(boxes, classes):
        x, y, w, h = (int(round(value)) for value in box)
        cv2.rectangle(drawn, (x, y), (x + w - 1, y + h - 1),
                      PALETTE[kind + 1], max(1, len(image) // 120))
    return drawn


def _write_image(path: Path, image: np.ndarray) -> None:
    """Write (H, W, 3), RGB, or (H, W), uint8."""
    pixels = image if image.ndim == 2 else image[..., ::-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), pixels):
        raise OSError(f'{path} cannot be written')
