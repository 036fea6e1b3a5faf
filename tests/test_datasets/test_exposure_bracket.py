from __future__ import annotations

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from PIL import Image

from mmsdag.registry import DATASETS

CONFIG = Path(__file__).parents[2] / 'configs/_base_/datasets/brackets_detection.py'
# Two scenes: 1 to 2, and 3 to 4; the dark shots are 2 and 3.
SCENES = [dict(images=['1.jpg', '2.jpg']), dict(images=['3.jpg', '4.jpg'])]
COCO = dict(
    images=[dict(id=n, file_name=f'{n}.jpg', width=32, height=24) for n in (2, 3)],
    annotations=[dict(id=1, image_id=2, category_id=18, bbox=[1, 2, 3, 4], area=12, iscrowd=0)],
    categories=[dict(id=18, name='dog'), dict(id=1, name='person')],
)


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'images').mkdir()
    for n in (2, 3):
        Image.new('RGB', (32, 24)).save(tmp_path / f'images/{n}.jpg')
    (tmp_path / 'scenes.json').write_text(json.dumps(SCENES))
    (tmp_path / 'dark.json').write_text(json.dumps(COCO))
    return tmp_path


def build(root, **kwargs):
    kwargs.setdefault('metainfo', dict(classes=('person', 'dog')))
    return DATASETS.build(
        dict(
            type='mmsdag.ExposureBracketDataset',
            data_root=str(root),
            ann_file='dark.json',
            test_mode=True,
            **kwargs,
        )
    )


def names(dataset):
    return [Path(dataset.get_data_info(i)['img_path']).name for i in range(len(dataset))]


def test_boxes_and_paths_are_those_of_the_json(root):
    info = build(root).get_data_info(0)
    assert info['img_path'] == str(root / 'images' / '2.jpg')
    assert [(i['bbox'], i['bbox_label']) for i in info['instances']] == [([1, 2, 4, 6], 1)]


def test_labels_go_by_name_where_the_json_lacks_some_categories(root):
    dog = COCO['categories'][:1]
    (root / 'dark.json').write_text(json.dumps(dict(COCO, categories=dog)))
    label = build(root).get_data_info(0)['instances'][0]['bbox_label']
    assert label == 1


@pytest.mark.parametrize(
    'scenes, expected',
    [
        ((None, None), ['2.jpg', '3.jpg']),
        # 2.jpg is of scene 1, after its first image.
        ((None, 1), ['2.jpg']),
        ((1, 2), ['2.jpg']),
        ((2, None), ['3.jpg']),
    ],
)
def test_scenes_are_in_or_out_as_a_whole(root, scenes, expected):
    assert names(build(root, scene_range=scenes)) == expected


def test_every_image_says_of_which_scene_it_is(root):
    def told(**kwargs):
        dataset = build(root, **kwargs)
        return [dataset.get_data_info(i).get('scene') for i in range(len(dataset))]

    assert told() == [1, 3]
    assert told(scene_range=(2, None)) == [3]
    (root / 'scenes.json').write_text(json.dumps(SCENES[:1]))
    assert told() == [1, None]
    (root / 'scenes.json').unlink()
    assert told() == [None, None]


def test_a_range_without_images_is_refused(root):
    with pytest.raises(
        ValueError, match='dark.json: no images of scenes 5 to None: widen scene_range'
    ):
        build(root, scene_range=(5, None))


def test_a_range_needs_the_list_of_scenes(root):
    (root / 'scenes.json').unlink()
    assert len(build(root)) == 2
    with pytest.raises(FileNotFoundError, match='scenes.json'):
        build(root, scene_range=(1, None))


def test_missing_or_broken_annotations_are_named(root):
    (root / 'dark.json').write_text('{"images": []}')
    with pytest.raises(ValueError, match='dark.json: not COCO annotations'):
        build(root)
    (root / 'dark.json').unlink()
    with pytest.raises(FileNotFoundError, match='dark.json.*check data_root'):
        build(root)


def test_the_config_gives_the_evaluator_its_boxes(root, monkeypatch):
    monkeypatch.setenv('MMSDAG_BRACKETS', str(root))
    cfg = Config.fromfile(CONFIG)
    sample = DATASETS.build(cfg.test_dataloader.dataset)[0]['data_samples']
    assert len(sample.metainfo['instances']) == 1
    assert sample.gt_instances.bboxes.tensor.tolist() == [[1, 2, 4, 6]]
    assert 'ann_file' not in cfg.test_evaluator


def test_the_brackets_split_into_scenes_that_share_no_image(shared):
    # dark.json has 77 images; counted by hand with scenes.json.
    parts = {
        scenes: set(names(build(shared / 'brackets', scene_range=scenes, metainfo=None)))
        for scenes in ((None, None), (None, 900), (901, None))
    }
    assert [len(part) for part in parts.values()] == [77, 45, 32]
    assert not parts[None, 900] & parts[901, None]
