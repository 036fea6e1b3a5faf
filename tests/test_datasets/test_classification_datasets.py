"""Datasets for mmpretrain classifiers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmsdag.datasets.annotations import AnnotationError
from mmsdag.registry import DATASETS

pytest.importorskip('mmpretrain')
SIGN = np.full((4, 4, 3), 100, np.uint8)


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmpretrain')


def gtsrb(root, **kwargs):
    return DATASETS.build(dict(type='mmsdag.GTSRBDataset', data_root=str(root), **kwargs))


def write_classes(root, tracks=2, frames=2, suffix='.ppm'):
    for label in range(43):
        folder = root / f'{label:05d}'
        folder.mkdir()
        (folder / f'GT-{label:05d}.csv').write_text('Filename;ClassId\n')
        for track in range(tracks):
            for frame in range(frames):
                cv2.imwrite(str(folder / f'{track:05d}_{frame:05d}{suffix}'), SIGN)


def test_gtsrb_reads_a_folder_for_each_class(tmp_path):
    write_classes(tmp_path)
    dataset = gtsrb(tmp_path)
    assert len(dataset) == 43 * 4
    info = dataset.get_data_info(5)
    assert info['gt_label'] == 1
    assert info['track'] == '00001/00000'
    assert info['img_path'].endswith('00001/00000_00001.ppm')


def test_gtsrb_splits_each_class_by_tracks(tmp_path):
    write_classes(tmp_path, tracks=7, frames=1)

    def tracks(split):
        dataset = gtsrb(tmp_path, tracks=split)
        return {dataset.get_data_info(i)['track'] for i in range(len(dataset))}

    # Tracks 1 and 6 of 0 to 6: every fifth from the second on.
    assert {t for t in tracks('val') if t.startswith('00002')} == {'00002/00001', '00002/00006'}
    assert not tracks('train') & tracks('val')
    assert len(tracks('train') | tracks('val')) == 43 * 7


def test_gtsrb_reads_images_of_all_classes_in_one_folder(tmp_path):
    (tmp_path / 'dark').mkdir()
    for name in ('00001_00000_00003', '00042_00005_00000'):
        cv2.imwrite(str(tmp_path / 'dark' / f'{name}.png'), SIGN)
    dataset = gtsrb(tmp_path, data_prefix='dark')
    assert dataset.get_gt_labels().tolist() == [1, 42]
    assert dataset.get_data_info(1)['track'] == '00042/00005'
    # The first is another frame of a sign of the folders of classes.
    (tmp_path / 'bright').mkdir()
    write_classes(tmp_path / 'bright')
    dataset = gtsrb(tmp_path, data_prefix='dark', other_than='bright')
    assert dataset.get_gt_labels().tolist() == [42]


def test_gtsrb_reads_the_official_list_of_the_test_images(tmp_path):
    cv2.imwrite(str(tmp_path / '00000.ppm'), SIGN)
    cv2.imwrite(str(tmp_path / '00001.ppm'), SIGN)
    (tmp_path / 'GT-final_test.csv').write_text(
        'Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n'
        '00000.ppm;53;54;6;5;48;49;16\n00001.ppm;42;45;5;5;36;40;1\n'
    )
    dataset = gtsrb(tmp_path, ann_file='GT-final_test.csv')
    assert dataset.get_gt_labels().tolist() == [16, 1]


def test_gtsrb_keeps_a_range_of_gray_levels(tmp_path):
    for name in 'abc':
        cv2.imwrite(str(tmp_path / f'{name}.png'), SIGN)
    (tmp_path / 'list.txt').write_text('a.png 7 19.9\nb.png 4 20.0\nc.png 3 30.0\n')
    dataset = gtsrb(tmp_path, ann_file='list.txt', gray_range=(20, 30))
    assert dataset.get_gt_labels().tolist() == [4]


@pytest.mark.parametrize(
    ('text', 'reason'),
    [
        ('a.png\n', 'list.txt:1: expected a name, a class'),
        ('a.png 43\n', "class '43': must be from 0 to 42"),
        ('a.png 4\na.png 4 dark\n', 'list.txt:2: mean gray level'),
    ],
)
def test_gtsrb_names_the_line_that_is_wrong(tmp_path, text, reason):
    (tmp_path / 'list.txt').write_text(text)
    with pytest.raises(AnnotationError, match=reason):
        gtsrb(tmp_path, ann_file='list.txt')


def test_gtsrb_says_how_light_a_listed_image_is(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), SIGN)
    (tmp_path / 'list.txt').write_text('a.png 4 36.9')
    info = gtsrb(tmp_path, ann_file='list.txt').get_data_info(0)
    assert info['gray'] == 36.9
    assert info['lighting'] == 'gray 30 to 40'


def test_gtsrb_refuses_a_range_of_gray_without_levels(tmp_path):
    write_classes(tmp_path, 1, 1)
    with pytest.raises(ValueError, match='gives no mean gray level'):
        gtsrb(tmp_path, gray_range=(None, 40))


def test_gtsrb_names_a_missing_folder_and_image(tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder .*/signs'):
        gtsrb(tmp_path, data_prefix='signs')
    (tmp_path / 'list.txt').write_text('a.png 4\n')
    with pytest.raises(FileNotFoundError, match='1 of 1 images .*a.png'):
        gtsrb(tmp_path, ann_file='list.txt')


def test_gtsrb_refuses_tracks_of_a_list(tmp_path):
    for option in (dict(tracks='val'), dict(other_than='bright')):
        with pytest.raises(
            ValueError, match="only training images have a track, and ann_file='list.txt' is a list"
        ):
            gtsrb(tmp_path, ann_file='list.txt', **option)


def test_gtsrb_reads_all_dark_signs(shared):
    dataset = gtsrb(shared / 'gtsrb', ann_file='test_dark.txt', data_prefix='test_dark')
    assert len(dataset) == 1306


def test_codan_reads_the_folders_of_a_split(tmp_path):
    names = ('Bicycle', 'Car', 'Motorbike', 'Bus', 'Boat', 'Cat', 'Dog', 'Bottle', 'Cup', 'Chair')
    for name in names:
        folder = tmp_path / 'test_night' / name
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / '1.jpg'), SIGN)
    dataset = DATASETS.build(dict(type='mmsdag.CODaNDataset', data_root=str(tmp_path)))
    labels = {
        info['img_path'].split('/')[-2]: info['gt_label']
        for info in map(dataset.get_data_info, range(len(dataset)))
    }
    assert labels == {name: number for number, name in enumerate(names)}


def test_codan_names_the_archive_of_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='codan_train.tar.bz2'):
        DATASETS.build(dict(type='mmsdag.CODaNDataset', data_root=str(tmp_path), split='train'))
