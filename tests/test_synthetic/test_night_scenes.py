"""Rendered scenes: their labels are exact, and a seed means the same files."""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image
from pycocotools.coco import COCO

from mmsdag.synthetic import night_scenes
from mmsdag.synthetic.night_scenes import (
    CLASSES,
    PALETTE,
    SPLITS,
    Scene,
    overlay_shapes,
    render_scene,
    write_night_scenes,
)
from mmsdag.utils.configs import config_folder

COUNTS = dict(train=3, val=1, test=2)


@pytest.fixture(scope='module')
def scenes(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp('scenes') / 'set'
    assert write_night_scenes(out, COUNTS, size=64, seed=3)
    return out


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob('*')
        if path.is_file()
    }


def drawn(kind: str, seed: int = 0, size: int = 200) -> np.ndarray:
    """A mask of one object, drawn by the renderer's own outline."""
    rng = np.random.default_rng(seed)
    outline = night_scenes._outline(kind, size, rng)
    return night_scenes._coverage(outline, size) >= 0.5


def training_sample(scenes: Path, config: str, prob: float) -> dict:
    """The second training sample, flipped with a probability."""
    cfg = Config.fromfile(config_folder() / 'night_scenes' / config)
    dataset = cfg.train_dataloader.dataset
    dataset.data_root = str(scenes)
    dataset.pipeline = [
        dict(step, prob=prob) if 'RandomFlip' in step.type else step
        for step in dataset.pipeline
        if 'HSV' not in step.type
    ]
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return DATASETS.build(dataset)[1]


def test_masks_are_flipped_with_their_scenes(scenes):
    plain, flipped = (
        training_sample(scenes, 'deeplabv3plus_r18-quarter_scenes.py', p) for p in (0.0, 1.0)
    )
    assert torch.equal(flipped['inputs'], plain['inputs'].flip(-1))
    masks = [s['data_samples'].gt_sem_seg.data for s in (plain, flipped)]
    assert torch.equal(masks[1], masks[0].flip(-1))
    assert not torch.equal(masks[1], masks[0])


def test_boxes_are_flipped_with_their_scenes(scenes):
    plain, flipped = (training_sample(scenes, 'yolox-nano_scenes.py', p) for p in (0.0, 1.0))
    assert torch.equal(flipped['inputs'], plain['inputs'].flip(-1))
    boxes = [s['data_samples'].gt_instances.bboxes.tensor for s in (plain, flipped)]
    width = plain['inputs'].shape[-1]
    assert len(boxes[0])
    assert torch.equal(boxes[1][:, [0, 2]], width - boxes[0][:, [2, 0]])


def test_the_tree_is_that_of_mmseg_and_coco(scenes):
    for split, count in COUNTS.items():
        names = [f'{number:04}.png' for number in range(count)]
        for folder in ('day', 'night', 'masks'):
            found = sorted(p.name for p in (scenes / folder / split).iterdir())
            assert found == names
        content = json.loads((scenes / 'annotations' / f'{split}.json').read_text())
        assert [i['file_name'] for i in content['images']] == names
    # Two rows of each split that has as many, of four pictures.
    assert pixels(scenes / 'contact_sheet.jpg').shape == (5 * 64, 4 * 64, 3)


def test_masks_and_boxes_agree(scenes):
    coco = COCO(str(scenes / 'annotations' / 'train.json'))
    for image in coco.imgs.values():
        mask = pixels(scenes / 'masks' / 'train' / image['file_name'])
        rebuilt = np.zeros_like(mask)
        annotations = coco.imgToAnns[image['id']]
        assert annotations
        for annotation in annotations:
            visible = coco.annToMask(annotation).astype(bool)
            assert not rebuilt[visible].any()  # each pixel has one object
            rebuilt[visible] = annotation['category_id']
            ys, xs = np.nonzero(visible)
            assert annotation['bbox'] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
            assert annotation['area'] == visible.sum()
        assert (rebuilt == mask).all()


def test_category_numbers_are_those_of_the_masks(scenes):
    content = json.loads((scenes / 'annotations' / 'test.json').read_text())
    assert [(c['id'], c['name']) for c in content['categories']] == [
        (1, 'disc'),
        (2, 'box'),
        (3, 'triangle'),
        (4, 'star'),
        (5, 'ring'),
        (6, 'cross'),
    ]
    assert len(PALETTE) == len(CLASSES)


@pytest.mark.parametrize('kind, corners', [('box', 4), ('triangle', 3)])
def test_polygons_have_their_corners(kind, corners):
    # A seed at which the shape lies wholly inside.
    for seed in range(20):
        mask = drawn(kind, seed).astype(np.uint8)
        if not np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any():
            break
    (contour,) = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    polygon = cv2.approxPolyDP(contour, 5, True)
    assert len(polygon) == corners


def test_a_ring_has_a_hole_and_a_disc_has_none():
    for kind, regions in (('ring', 2), ('disc', 1)):
        background = ~np.pad(drawn(kind), 1)
        count, _ = cv2.connectedComponents(background.astype(np.uint8), connectivity=4)
        assert count - 1 == regions


def test_a_star_is_less_convex_than_a_box():
    solidity = {}
    for kind in ('star', 'box', 'cross'):
        contour = max(
            cv2.findContours(
                drawn(kind).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )[0],
            key=cv2.contourArea,
        )
        solidity[kind] = cv2.contourArea(contour) / cv2.contourArea(cv2.convexHull(contour))
    assert solidity['box'] > 0.95
    assert solidity['star'] < 0.75 and solidity['cross'] < 0.85


def test_every_object_stays_half_visible():
    photo = np.full((64, 64, 3), 128, np.uint8)
    for seed in range(15):
        scene = render_scene([photo], 128, np.random.default_rng(seed))
        areas = np.bincount(scene.instances.ravel(), minlength=len(scene.classes) + 1)
        assert (areas[1:] > 0).all()
        # A disc of the least radius, 0.08 of 128, squeezed to 0.65, three
        # quarters outside and half hidden, has 27 pixels.
        assert areas[1:].min() > 10


def test_what_an_object_shows_differs_from_its_background():
    photo = np.full((64, 64, 3), 0, np.uint8)
    scene = render_scene([photo], 64, np.random.default_rng(1))
    # Not at the rims, which are part object, part background.
    outside = cv2.erode((scene.mask == 0).astype(np.uint8), np.ones((3, 3)))
    assert scene.image[outside > 0].max() == 0
    for n in range(len(scene.classes)):
        assert scene.image[scene.instances == n + 1].max() > 20


def test_the_night_is_dark_and_noisy(scenes):
    day = pixels(scenes / 'day' / 'train' / '0000.png').astype(float)
    night = pixels(scenes / 'night' / 'train' / '0000.png').astype(float)
    assert night.mean() < 0.4 * day.mean()
    # Without noise, equal values by day would be equal by night.
    color, count = np.unique(day[..., 0], return_counts=True)
    same = day[..., 0] == color[count.argmax()]
    assert night[..., 0][same].std() > 1


def test_a_seed_gives_the_same_files(scenes, tmp_path):
    assert write_night_scenes(tmp_path / 'set', COUNTS, size=64, seed=3)
    assert contents(tmp_path / 'set') == contents(scenes)


def test_another_seed_gives_other_scenes(scenes, tmp_path):
    write_night_scenes(tmp_path / 'set', COUNTS, size=64, seed=4)
    name = 'day/train/0000.png'
    assert contents(tmp_path / 'set')[name] != contents(scenes)[name]


def test_a_scene_does_not_depend_on_how_many_there_are(scenes, tmp_path):
    write_night_scenes(tmp_path / 'set', dict(test=1), size=64, seed=3)
    for folder in ('day', 'night', 'masks'):
        name = f'{folder}/test/0000.png'
        assert contents(tmp_path / 'set')[name] == contents(scenes)[name]


def test_splits_share_no_photograph():
    names = [item.path for split in SPLITS.values() for item in split]
    assert len(names) == len(set(names))
    # Two views of one thing.
    motorcycles = {
        split for split, items in SPLITS.items() for item in items if 'motorcycle' in item.name
    }
    assert len(motorcycles) == 1


def test_a_second_call_renders_nothing(scenes):
    before = (scenes / 'manifest.json').stat().st_mtime_ns
    assert not write_night_scenes(scenes, COUNTS, size=64, seed=3)
    assert (scenes / 'manifest.json').stat().st_mtime_ns == before


def test_other_settings_replace_the_set(tmp_path):
    out = tmp_path / 'set'
    write_night_scenes(out, dict(test=2), size=64)
    assert write_night_scenes(out, dict(test=1), size=64)
    assert len(list((out / 'day' / 'test').iterdir())) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ['set']


def test_a_kill_leaves_the_old_set(tmp_path, monkeypatch):
    out = tmp_path / 'set'
    write_night_scenes(out, dict(test=1), size=64)
    before = contents(out)
    monkeypatch.setattr(night_scenes, '_annotations', interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_night_scenes(out, dict(test=2), size=64)
    assert contents(out) == before


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_folder_with_something_else_is_kept(tmp_path):
    (tmp_path / 'holiday.jpg').write_bytes(b'beach')
    with pytest.raises(ValueError, match='something else'):
        write_night_scenes(tmp_path, dict(test=1))
    assert (tmp_path / 'holiday.jpg').read_bytes() == b'beach'


@pytest.mark.parametrize(
    'counts, size, words',
    [
        (dict(test=0), 64, 'above 0'),
        ({}, 64, 'above 0'),
        (dict(trian=3), 64, 'trian'),
        (dict(test=1), 16, '32'),
    ],
)
def test_settings_that_make_no_set_are_refused(tmp_path, counts, size, words):
    with pytest.raises(ValueError, match=words):
        write_night_scenes(tmp_path / 'set', counts, size)
    assert not (tmp_path / 'set').exists()


def test_a_missing_photograph_is_named():
    from mmsdag.synthetic.embedded_photographs import Embedded

    for package in ('skimage', 'no_such_package'):
        with pytest.raises(FileNotFoundError, match='data/none.png.*pip'):
            Embedded('none', package, 'data/none.png', '').find()


def test_shapes_are_marked_in_the_color_of_their_class():
    image = np.full((20, 20, 3), 100, np.uint8)
    mask = np.zeros((20, 20), np.uint8)
    mask[5:10, 5:10] = 2
    marked = overlay_shapes(image, mask)
    # 0.35 * 100 + 0.65 * (65, 135, 215)
    assert np.abs(marked[7, 7] - [77.25, 122.75, 174.75]).max() < 1
    assert (marked[mask == 0] == 100).all() and (image == 100).all()


@pytest.mark.parametrize('name', ['night_scenes', 'embedded_photographs'])
def test_the_old_import_paths_work_and_warn(name):
    sys.modules.pop(f'mmsdag.datasets.{name}', None)
    with pytest.warns(FutureWarning, match=f'now mmsdag.synthetic.{name}'):
        old = importlib.import_module(f'mmsdag.datasets.{name}')
    assert old is importlib.import_module(f'mmsdag.synthetic.{name}')


def test_a_scene_gives_masks_and_boxes():
    instances = np.zeros((6, 8), np.int32)
    instances[1:3, 2:6] = 1
    instances[2:5, 5:7] = 2
    scene = Scene(np.zeros((6, 8, 3), np.uint8), instances, [4, 0])
    assert scene.boxes == [(2, 1, 4, 2), (5, 2, 2, 3)]
    assert scene.mask[1, 2] == 5 and scene.mask[4, 6] == 1
    assert scene.mask[0, 0] == 0
