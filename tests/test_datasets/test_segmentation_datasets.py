"""The night sets of semantic segmentation, in trees like their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope
from mmengine.runner import Runner
from mmseg.datasets import CityscapesDataset
from PIL import Image

from mmsdag.cli.bdd100k_night import main as list_night_images
from mmsdag.datasets.acdc import ACDCNightDataset
from mmsdag.datasets.bdd100k_night import BDD100KNightDataset
from mmsdag.datasets.dark_zurich import DarkZurichDataset
from mmsdag.datasets.night_city import NightCityDataset
from mmsdag.datasets.night_segmentation import label_id_map

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / '_base_' / 'datasets'
# Every value that a file of label ids may hold, in two equal rows: the ids of
# Cityscapes, and 255, which is the license plates' -1 in 8 bits.
ALL_IDS = np.array([[*range(34), 255]] * 2, np.uint8)
# labels.py of cityscapesScripts, read by hand: id -> trainId.
ALL_TRAIN_IDS = [
    [
        255,
        255,
        255,
        255,
        255,
        255,
        255,
        0,
        1,
        255,
        255,
        2,
        3,
        4,
        255,
        255,
        255,
        5,
        255,
        6,
        7,
        8,
        9,
        10,
        11,
        12,
        13,
        14,
        15,
        255,
        255,
        16,
        17,
        18,
        255,
    ]
] * 2
LOAD = [dict(type='mmseg.LoadAnnotations')]


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def photo(path: Path, size: tuple[int, int] = (40, 60)) -> None:
    write(path, np.zeros((*size, 3), np.uint8))


def label(path: Path, value: int = 0, size: tuple[int, int] = (40, 60)) -> None:
    write(path, np.full(size, value, np.uint8))


@pytest.fixture
def acdc(tmp_path) -> Path:
    for split in ('train', 'val'):
        for clip, frame in (('GOPR0351', '000159'), ('GP020397', '000021')):
            stem = f'night/{split}/{clip}/{clip}_frame_{frame}'
            photo(tmp_path / 'rgb_anon' / f'{stem}_rgb_anon.png')
            label(tmp_path / 'gt' / f'{stem}_gt_labelTrainIds.png')
            write(tmp_path / 'gt' / f'{stem}_gt_labelIds.png', ALL_IDS)
            # Beside them, in the real set: colors, and the part that people
            # cannot see in the dark.
            label(tmp_path / 'gt' / f'{stem}_gt_invGray.png')
            photo(tmp_path / 'gt' / f'{stem}_gt_labelColor.png')
        photo(
            tmp_path / f'rgb_anon/night/{split}_ref/GOPR0351/GOPR0351_frame_000159_rgb_ref_anon.png'
        )
        photo(tmp_path / f'rgb_anon/fog/{split}/GOPR0475/GOPR0475_frame_000041_rgb_anon.png')
    photo(tmp_path / 'rgb_anon/night/test/GOPR0364/GOPR0364_frame_000001_rgb_anon.png')
    return tmp_path


def acdc_split(root: Path, split: str = 'val', **kwargs) -> ACDCNightDataset:
    return ACDCNightDataset(
        data_root=str(root),
        data_prefix=dict(img_path=f'rgb_anon/night/{split}', seg_map_path=f'gt/night/{split}'),
        **kwargs,
    )


def test_acdc_pairs_images_and_labels_of_the_split(acdc):
    dataset = acdc_split(acdc)
    pairs = [
        (
            Path(dataset[i]['img_path']).relative_to(acdc).as_posix(),
            Path(dataset[i]['seg_map_path']).relative_to(acdc).as_posix(),
        )
        for i in range(len(dataset))
    ]
    assert pairs == [
        (
            'rgb_anon/night/val/GOPR0351/GOPR0351_frame_000159_rgb_anon.png',
            'gt/night/val/GOPR0351/GOPR0351_frame_000159_gt_labelTrainIds.png',
        ),
        (
            'rgb_anon/night/val/GP020397/GP020397_frame_000021_rgb_anon.png',
            'gt/night/val/GP020397/GP020397_frame_000021_gt_labelTrainIds.png',
        ),
    ]


def test_acdc_label_ids_become_train_ids(acdc):
    dataset = acdc_split(acdc, label_ids=True, pipeline=LOAD)
    assert dataset[0]['gt_seg_map'].tolist() == ALL_TRAIN_IDS
    # A second time as well: the mapping is not used up.
    assert dataset[0]['gt_seg_map'].tolist() == ALL_TRAIN_IDS


def test_label_ids_of_some_classes_become_their_numbers(acdc):
    dataset = acdc_split(
        acdc, label_ids=True, metainfo=dict(classes=('car', 'road')), pipeline=LOAD
    )
    loaded = dataset[0]['gt_seg_map'][0]
    # car is id 26, road id 7.
    assert np.flatnonzero(loaded == 0).tolist() == [26]
    assert np.flatnonzero(loaded == 1).tolist() == [7]
    assert (loaded == 255).sum() == 33
    assert dataset.metainfo['palette'] == [[0, 0, 142], [128, 64, 128]]


def test_train_ids_of_some_classes_become_their_numbers(acdc):
    write(
        acdc / 'gt/night/val/GOPR0351/GOPR0351_frame_000159_gt_labelTrainIds.png',
        np.array([[0, 13], [5, 255]], np.uint8),
    )
    dataset = acdc_split(acdc, metainfo=dict(classes=('car', 'road')), pipeline=LOAD)
    assert dataset[0]['gt_seg_map'].tolist() == [[1, 0], [255, 255]]


def test_acdc_test_split_has_images_only(acdc):
    dataset = ACDCNightDataset(
        data_root=str(acdc), data_prefix=dict(img_path='rgb_anon/night/test'), test_mode=True
    )
    assert len(dataset) == 1
    assert 'seg_map_path' not in dataset[0]


@pytest.mark.parametrize(
    'dataset_class', [ACDCNightDataset, DarkZurichDataset, NightCityDataset, BDD100KNightDataset]
)
def test_classes_and_colors_are_those_of_cityscapes(dataset_class):
    for key in ('classes', 'palette'):
        assert dataset_class.METAINFO[key] == CityscapesDataset.METAINFO[key]


def test_label_ids_outside_the_table_are_ignored_with_the_given_index():
    mapping = label_id_map(ignore_index=99)
    assert sum(value == 99 for value in mapping.values()) == 34 - 19
    assert mapping[7] == 0 and mapping[33] == 18


def test_dark_zurich_finds_its_labels(tmp_path):
    stem = 'val/night/GOPR0356/GOPR0356_frame_000321'
    photo(tmp_path / f'rgb_anon/{stem}_rgb_anon.png')
    label(tmp_path / f'gt/{stem}_gt_labelTrainIds.png', 10)
    write(tmp_path / f'gt/{stem}_gt_labelIds.png', ALL_IDS)
    # Its training images are of all times of day.
    photo(tmp_path / 'rgb_anon/train/day/GOPR0345/a_rgb_anon.png')

    def build(**kwargs):
        return DarkZurichDataset(
            data_root=str(tmp_path),
            data_prefix=dict(img_path='rgb_anon/val/night', seg_map_path='gt/val/night'),
            pipeline=LOAD,
            **kwargs,
        )

    assert len(build()) == 1
    assert np.unique(build()[0]['gt_seg_map']).tolist() == [10]
    assert build(label_ids=True)[0]['gt_seg_map'].tolist() == ALL_TRAIN_IDS


def test_night_city_reads_label_ids(tmp_path):
    photo(tmp_path / 'NightCity-images/images/val/Chicago_0004.png')
    write(tmp_path / 'NightCity-label/label/val/Chicago_0004_labelIds.png', ALL_IDS)
    dataset = NightCityDataset(
        data_root=str(tmp_path),
        data_prefix=dict(
            img_path='NightCity-images/images/val', seg_map_path='NightCity-label/label/val'
        ),
        pipeline=LOAD,
    )
    assert dataset[0]['gt_seg_map'].tolist() == ALL_TRAIN_IDS


def test_night_city_fine_reads_train_ids(tmp_path):
    photo(tmp_path / 'val/img/Chicago_0004.png')
    label(tmp_path / 'val/lbl/Chicago_0004_trainIds.png', 7)
    dataset = NightCityDataset(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='val/img', seg_map_path='val/lbl'),
        label_ids=False,
        pipeline=LOAD,
    )
    # 7 is a road as a label id, and a traffic sign as a train id.
    assert np.unique(dataset[0]['gt_seg_map']).tolist() == [7]


@pytest.fixture
def bdd(tmp_path) -> Path:
    for split in ('train', 'val'):
        for name in ('aaa-111', 'bbb-222', 'ccc-333'):
            photo(tmp_path / f'images/10k/{split}/{name}.jpg')
            label(tmp_path / f'labels/sem_seg/masks/{split}/{name}.png', 3)
        (tmp_path / f'night_{split}.txt').write_text('bbb-222\nccc-333\n')
    return tmp_path


def bdd_val(root: Path, **kwargs) -> BDD100KNightDataset:
    return BDD100KNightDataset(
        data_root=str(root),
        data_prefix=dict(img_path='images/10k/val', seg_map_path='labels/sem_seg/masks/val'),
        **kwargs,
    )


def test_bdd_takes_the_images_of_the_list(bdd):
    dataset = bdd_val(bdd, ann_file='night_val.txt', pipeline=LOAD)
    names = [Path(dataset[i]['img_path']).name for i in range(len(dataset))]
    assert names == ['bbb-222.jpg', 'ccc-333.jpg']
    assert np.unique(dataset[0]['gt_seg_map']).tolist() == [3]


def test_bdd_without_a_list_is_refused(bdd):
    with pytest.raises(ValueError, match='ann_file.*bdd100k_night.py'):
        bdd_val(bdd)


def test_a_listed_image_that_is_missing_is_named(bdd):
    (bdd / 'night_val.txt').write_text('bbb-222\nddd-444\n')
    with pytest.raises(FileNotFoundError, match='(?s)1 of 2 images.*ann_file.*ddd-444'):
        bdd_val(bdd, ann_file='night_val.txt')


def test_a_missing_list_is_named(bdd):
    with pytest.raises(FileNotFoundError, match='ann_file=.*nights.txt'):
        bdd_val(bdd, ann_file='nights.txt')


def test_an_empty_list_is_an_error(bdd):
    (bdd / 'night_val.txt').write_text('')
    with pytest.raises(FileNotFoundError, match='lists no image'):
        bdd_val(bdd, ann_file='night_val.txt')


def test_missing_labels_are_counted_and_named(acdc):
    gone = acdc / 'gt/night/val/GP020397/GP020397_frame_000021_gt_labelTrainIds.png'
    gone.unlink()
    with pytest.raises(FileNotFoundError) as error:
        acdc_split(acdc)
    for words in ('1 of 2 labels', str(gone), 'data_prefix.seg_map_path', 'label_ids=False'):
        assert words in str(error.value)


def test_a_missing_folder_names_its_key(acdc):
    with pytest.raises(FileNotFoundError, match='night/tset.*data_prefix.img_path'):
        acdc_split(acdc, 'tset')


def test_images_of_another_suffix_are_counted(tmp_path):
    photo(tmp_path / 'img' / 'a.jpg')
    (tmp_path / 'lbl').mkdir()
    with pytest.raises(FileNotFoundError, match=r"img_suffix='.png'.*1 .jpg"):
        NightCityDataset(
            data_root=str(tmp_path), data_prefix=dict(img_path='img', seg_map_path='lbl')
        )


def test_an_empty_folder_is_an_error(tmp_path):
    (tmp_path / 'img').mkdir()
    with pytest.raises(FileNotFoundError, match='files there: none'):
        NightCityDataset(data_root=str(tmp_path), data_prefix=dict(img_path='img'))


@pytest.mark.parametrize('key', ['train_dataloader', 'val_dataloader'])
def test_acdc_config_gives_batches(acdc, key, monkeypatch):
    monkeypatch.setenv('MMSDAG_ACDC', str(acdc))
    cfg = Config.fromfile(CONFIGS / 'acdc_night.py')
    batch = batch_of(cfg, key)
    if key == 'train_dataloader':
        # What is smaller than the crop, mmseg pads in the model.
        assert {x.shape[1] for x in batch['inputs']} == {512}
        assert max(x.shape[2] for x in batch['inputs']) <= 1024
    else:
        assert [tuple(x.shape) for x in batch['inputs']] == [(3, 1080, 1620)]
        # Labels stay as they are, for the measuring.
        assert batch['data_samples'][0].gt_sem_seg.data.shape == (1, 40, 60)


def batch_of(cfg: Config, key: str) -> dict:
    loader = cfg[key]
    loader.update(num_workers=0, persistent_workers=False)
    return next(iter(Runner.build_dataloader(loader, seed=0)))


def test_bdd_config_gives_batches(bdd, monkeypatch):
    monkeypatch.setenv('MMSDAG_BDD100K', str(bdd))
    cfg = Config.fromfile(CONFIGS / 'bdd100k_night.py')
    batch = batch_of(cfg, 'train_dataloader')
    assert {x.shape[2] for x in batch['inputs']} == {512}
    assert max(x.shape[1] for x in batch['inputs']) <= 512


@pytest.mark.parametrize('scope', ['mmsdag', 'mmseg'])
@pytest.mark.parametrize(
    'name',
    ['acdc_night', 'dark_zurich', 'night_city', 'bdd100k_night', 'night_scenes_segmentation'],
)
def test_configs_build_in_our_scope_and_in_that_of_mmseg(name, scope):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    with DefaultScope.overwrite_default_scope(scope):
        for key in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
            dataset = (cfg.get(key) or {}).get('dataset')
            if dataset:
                DATASETS.build(dict(dataset, lazy_init=True))


def test_the_tools_list_of_night_images_is_what_the_dataset_takes(bdd):
    attributes = bdd / 'det_val.json'
    attributes.write_text(
        json.dumps(
            [
                dict(name='aaa-111.jpg', attributes=dict(timeofday='daytime')),
                dict(name='bbb-222.jpg', attributes=dict(timeofday='night')),
                dict(name='ccc-333.jpg', attributes=dict(timeofday='night')),
                dict(name='zzz-999.jpg', attributes=dict(timeofday='night')),
                dict(name='no-attributes.jpg'),
            ]
        )
    )
    masks = bdd / 'labels/sem_seg/masks/val'
    (masks / 'ccc-333.png').unlink()
    out = bdd / 'list.txt'
    list_night_images(
        [
            str(attributes),
            '--images',
            str(bdd / 'images/10k/val'),
            '--masks',
            str(masks),
            '--out',
            str(out),
        ]
    )
    assert out.read_text() == 'bbb-222\n'
    assert len(bdd_val(bdd, ann_file='list.txt')) == 1
