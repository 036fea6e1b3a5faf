"""Render labeled scenes by day and by night, without any download.

A scene has shapes of random size and pose, shaded and partly occluded, on a
photograph. Each class has its own colors, mixed with the texture of a
photograph. Masks and boxes are exact. Each scene is rendered again by night:
little light, and a camera's noise. The splits share no photograph.
"""

from __future__ import annotations

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

from mmsdag.datasets.transforms import LowLightDegradation
from mmsdag.utils import write_atomically
from mmsdag.utils.drawing import contact_sheet, overlay_boxes, overlay_mask
from mmsdag.utils.hashing import digest, file_digest
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image

from . import embedded_photographs as photos

#: Classes of the objects; 0 in the masks is the background.
CLASSES = ('disc', 'box', 'triangle', 'star', 'ring', 'cross')
#: Color of each class, RGB.
PALETTE = np.array(
    ((230, 85, 60), (65, 135, 215), (95, 185, 90), (240, 195, 60), (165, 95, 200), (70, 195, 195)),
    np.uint8,
)

#: Photographs of each split. The demonstration trains on none of the test's.
SPLITS: dict[str, tuple[photos.Embedded, ...]] = dict(
    train=(
        photos.ASTRONAUT,
        photos.BRICK,
        photos.CAMERA,
        photos.FLOWER,
        photos.GRASS,
        photos.MOTORCYCLE_LEFT,
        photos.MOTORCYCLE_RIGHT,
        photos.ROCKET,
    ),
    val=(photos.GRAVEL, photos.HUBBLE, photos.RETINA),
    test=(photos.CHELSEA, photos.CHINA, photos.COFFEE),
)

#: The night: 2 to 8 % of the light, log-uniform, and the noise of a camera at
#: high gain.
NIGHT: dict[str, Any] = dict(order='camera', exposure=(0.02, 0.08), shot=5e-4, read=1e-6)

_MANIFEST = 'manifest.json'
_SUPERSAMPLING = 4
_OBJECTS = (3, 7)
# Half the diameter, relative to the side of the image.
_RADIUS = (0.08, 0.22)
# Smallest visible part of an object.
_VISIBLE = 0.5
_PLACEMENTS = 20


class Scene(NamedTuple):
    """A rendered scene by day.

    Attributes:
        image: (H, W, 3), RGB, uint8.
        instances: (H, W), int: 0, or 1 + the index of the visible object.
        classes: Class of each object, an index into :data:`CLASSES`.
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
        """Return left, top, width and height of each object's visible part."""
        return [
            cv2.boundingRect((self.instances == n + 1).astype(np.uint8))
            for n in range(len(self.classes))
        ]


def render_scene(photographs: Sequence[np.ndarray], size: int, rng: np.random.Generator) -> Scene:
    """Render a scene.

    Args:
        photographs: Backgrounds and textures, each (H, W, 3), RGB, uint8.
        size: Height and width in pixels.
        rng: Source of all random choices.
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
    return Scene((image.clip(0, 1) * 255).round().astype(np.uint8), instances, classes)


def _texture(photographs: Sequence[np.ndarray], size: int, rng: np.random.Generator) -> np.ndarray:
    """Crop and scale a photograph: (size, size, 3), [0, 1]."""
    photo = photographs[int(rng.integers(len(photographs)))]
    side = int(min(photo.shape[:2]) * rng.uniform(0.3, 1))
    y, x = (rng.integers(s - side + 1) for s in photo.shape[:2])
    crop = photo[y : y + side, x : x + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    return (
        cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=cv2.INTER_AREA).astype(
            np.float32
        )
        / 255
    )


def _outline(kind: str, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return the polygons of a shape at a random pose; a second is a hole."""
    outlines = [_polar(*_SHAPES[kind])]
    if kind == 'ring':
        outlines.append(0.55 * outlines[0])
    low, high = np.log(_RADIUS)
    radius = size * np.exp(rng.uniform(low, high))
    turn, tilt = rng.uniform(0, 2 * np.pi, 2)
    squeeze = np.diag([1, rng.uniform(0.65, 1)])
    pose = radius * _rotation(turn) @ squeeze @ _rotation(tilt)
    # The center lies inside, so that the shape can still be recognized.
    center = rng.uniform(radius / 2, size - radius / 2, 2)
    return [points @ pose.T + center for points in outlines]


#: Distances of successive corners from the center, and their repetitions.
_SHAPES: dict[str, tuple[tuple[float, ...], int]] = dict(
    disc=((1.0,), 48),
    box=((1.0,), 4),
    triangle=((1.0,), 3),
    star=((1.0, 0.42), 5),
    ring=((1.0,), 48),
    cross=((1.0, 1.0, 0.45), 4),
)


def _polar(distances: tuple[float, ...], times: int) -> np.ndarray:
    """Return corners (N, 2) at equal angles."""
    distance = np.tile(distances, times)
    angle = np.linspace(0, 2 * np.pi, len(distance), endpoint=False)
    return distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def _rotation(angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def _coverage(outlines: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Return the covered part of each pixel: (size, size), [0, 1]."""
    fine = np.zeros((size * _SUPERSAMPLING,) * 2, np.uint8)
    points = [(line * _SUPERSAMPLING).round().astype(np.int32) for line in outlines]
    cv2.fillPoly(fine, points, 255)
    coarse = cv2.resize(fine, (size, size), interpolation=cv2.INTER_AREA)
    return coarse.astype(np.float32) / 255


def _paint(
    image: np.ndarray,
    alpha: np.ndarray,
    kind: int,
    photographs: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> np.ndarray:
    """Paint a shaded object and its shadow on an image in [0, 1]."""
    size = len(image)
    offset = rng.uniform(0.01, 0.04) * size
    shadow = cv2.GaussianBlur(
        cv2.warpAffine(alpha, np.array([[1, 0, offset], [0, 1, offset]]), (size, size)),
        (0, 0),
        0.02 * size,
    )
    image = image * (1 - 0.5 * shadow[..., None])
    # Each class has a sixth of the hues; neighbors overlap.
    hue = 360 * (kind / len(CLASSES) + rng.normal(0, 0.06)) % 360
    hsv = np.array([[[hue, rng.uniform(0.5, 1), rng.uniform(0.4, 1)]]], np.float32)
    color = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
    share = rng.uniform(0.5, 0.9)
    surface = share * color + (1 - share) * _texture(photographs, size, rng)
    slope = np.linspace(-0.25, 0.25, size, dtype=np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    shade = 1 + np.cos(angle) * slope + np.sin(angle) * slope[:, None]
    alpha = alpha[..., None]
    return image * (1 - alpha) + surface * shade[..., None] * alpha


def write_night_scenes(
    out: str | Path, counts: Mapping[str, int], size: int = 128, seed: int = 0
) -> bool:
    """Render a set of scenes, unless it is done already.

    ``day/SPLIT/0000.png`` and ``night/SPLIT/0000.png`` are the images,
    ``masks/SPLIT/0000.png`` the class of each pixel (as
    ``mmseg.BaseSegDataset`` reads it), ``annotations/SPLIT.json`` the objects
    (COCO), and ``contact_sheet.jpg`` shows some of each. A scene depends on
    the seed, its split and its index only.

    Args:
        out: Folder of the set, written whole or not at all. A set of other
            settings is replaced.
        counts: Number of scenes of each split, keys as in :data:`SPLITS`.
        size: Height and width in pixels.
        seed: Seed of all random choices.

    Returns:
        Whether the set was rendered.

    Raises:
        FileNotFoundError: If scikit-image or scikit-learn lack a photograph.
        ValueError: If a count or the size is too small, a split is unknown,
            or the folder holds something else.
    """
    out = Path(os.path.abspath(out))
    unknown = set(counts) - set(SPLITS)
    if unknown or min(counts.values(), default=0) < 1:
        raise ValueError(
            f'counts={dict(counts)!r} must give a number above 0 '
            f'for each split, of {", ".join(SPLITS)}'
        )
    if size < 32:
        raise ValueError(f'size={size} pixels: objects need 32 at least')
    identity = digest(
        [
            file_digest(__file__),
            dict(counts),
            size,
            seed,
            [file_digest(i.find()) for split in counts for i in SPLITS[split]],
        ]
    )
    manifest = out / _MANIFEST
    if manifest.is_file():
        if json.loads(manifest.read_text())['identity'] == identity:
            return False
    elif out.exists() and any(out.iterdir()):
        raise ValueError(f'{out} holds something else than night scenes: name another folder')
    staging = out.with_name(f'.{out.name}.tmp')
    shutil.rmtree(staging, ignore_errors=True)
    _write_set(staging, counts, size, seed, identity)
    if out.exists():
        shutil.rmtree(out)
    staging.replace(out)
    return True


def _write_set(
    folder: Path, counts: Mapping[str, int], size: int, seed: int, identity: str
) -> None:
    """Render and write all splits, the contact sheet and the manifest."""
    tiles: list[np.ndarray] = []
    for split, count in counts.items():
        tiles += _write_split(folder, split, count, size, seed)
    write_image(folder / 'contact_sheet.jpg', contact_sheet(tiles, 4)[..., ::-1])
    content = dict(
        identity=identity,
        seed=seed,
        size=size,
        counts=dict(counts),
        classes=CLASSES,
        night=NIGHT,
        photographs={
            split: [f'{item.name}: {item.credit}' for item in SPLITS[split]] for split in counts
        },
    )
    write_atomically(folder / _MANIFEST, json.dumps(content, indent=1).encode())


def _write_split(folder: Path, split: str, count: int, size: int, seed: int) -> list[np.ndarray]:
    """Render and write a split; return tiles of the contact sheet."""
    photographs = [read_image(item.find())[..., ::-1] for item in SPLITS[split]]
    night = LowLightDegradation(**NIGHT)
    images: list[dict] = []
    annotations: list[dict] = []
    tiles = []
    for number in tqdm(range(count), desc=f'scenes ({split})', disable=None):
        entropy = np.random.SeedSequence((seed, list(SPLITS).index(split), number))
        scene = render_scene(photographs, size, np.random.default_rng(entropy))
        dark = _darken(scene.image, night, entropy)
        name = f'{number:04}.png'
        for part, image in dict(day=scene.image, night=dark).items():
            write_image(folder / part / split / name, image[..., ::-1])
        write_image(folder / 'masks' / split / name, scene.mask)
        images.append(dict(id=number, file_name=name, height=size, width=size))
        annotations += _annotations(scene, number, len(annotations))
        if number < 2:
            tiles += [
                scene.image,
                dark,
                overlay_shapes(scene.image, scene.mask),
                overlay_boxes(
                    scene.image,
                    [(x, y, x + w - 1, y + h - 1) for x, y, w, h in scene.boxes],
                    PALETTE[scene.classes],
                ),
            ]
    content = dict(
        info=dict(description=f'Rendered scenes, {split}, seed {seed}'),
        images=images,
        annotations=annotations,
        categories=[dict(id=number, name=name) for number, name in enumerate(CLASSES, start=1)],
    )
    write_atomically(folder / 'annotations' / f'{split}.json', json.dumps(content).encode())
    return tiles


def _darken(
    image: np.ndarray, night: LowLightDegradation, entropy: np.random.SeedSequence
) -> np.ndarray:
    generator = torch.Generator().manual_seed(int(entropy.generate_state(2)[1]))
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
                segmentation=dict(size=code['size'], counts=code['counts'].decode()),
            )
        )
    return entries


def overlay_shapes(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Blend the class colors of a mask into an image.

    Args:
        image: (H, W, 3), RGB, uint8.
        mask: (H, W), values as in :attr:`Scene.mask`.

    Returns:
        A copy; the background stays as it is.
    """
    # 0, the background, becomes 255, which is beyond the palette.
    return overlay_mask(image, mask.astype(np.uint8) - 1, PALETTE, 0.65)
