"""CamVid."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmsdag.registry import DATASETS, TRANSFORMS


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


def camvid(root, **kwargs):
    return DATASETS.build(
        dict(
            type='mmsdag.CamVidDataset',
            data_root=str(root),
            data_prefix=dict(img_path='images', seg_map_path='labels'),
            **kwargs,
        )
    )


@pytest.fixture
def root(tmp_path):
    labels = np.tile(np.arange(12, dtype=np.uint8), (2, 1))
    for name in ('0001TP_008580', 'Seq05VD_f00000', 'Seq05VD_f00030'):
        for folder, image in (('images', np.zeros((2, 12, 3), np.uint8)), ('labels', labels)):
            (tmp_path / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / folder / f'{name}.png'), image)
    return tmp_path


@pytest.mark.parametrize(
    ('light', 'sequences'),
    [
        ('day', ['Seq05VD', 'Seq05VD']),
        ('dusk', ['0001TP']),
        (None, ['0001TP', 'Seq05VD', 'Seq05VD']),
    ],
)
def test_light_chooses_frames_by_their_sequence(root, light, sequences):
    dataset = camvid(root, light=light)
    assert [dataset.get_data_info(i)['sequence'] for i in range(len(dataset))] == sequences


def test_frames_of_ten_seconds_are_a_scene(root):
    # At 30 frames a second: frame 8580 is in the stretch 8400 to 8699.
    dataset = camvid(root)
    assert [dataset.get_data_info(i)['scene'] for i in range(3)] == [
        '0001TP 28',
        'Seq05VD 0',
        'Seq05VD 0',
    ]


def test_label_11_becomes_the_ignored_index_of_stock_metrics(root):
    dataset = camvid(root)
    loaded = TRANSFORMS.build(dict(type='mmseg.LoadAnnotations'))(dataset.get_data_info(0))
    assert loaded['gt_seg_map'].tolist() == [[*range(11), 255]] * 2


def test_other_lights_are_refused(root):
    with pytest.raises(ValueError, match="light='night'"):
        camvid(root, light='night')


def test_the_shared_frames_are_read(shared):
    dataset = DATASETS.build(
        dict(
            type='mmsdag.CamVidDataset',
            data_root=str(shared / 'camvid'),
            light='day',
            data_prefix=dict(img_path='images/test', seg_map_path='annotations/test'),
        )
    )
    assert len(dataset) == 114
