"""Pairs of photographs in two folders."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmsdag.registry import DATASETS


def paired(root, **kwargs):
    dataset = dict(type='mmsdag.PairedFolderDataset', data_root=str(root), **kwargs)
    return DATASETS.build(dataset)


def write(path, size=(4, 6)):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), np.zeros((*size, 3), np.uint8))


def test_ground_truth_has_the_name_of_the_image(tmp_path):
    for folder in ('low', 'high'):
        write(tmp_path / folder / '1.png')
    info = paired(tmp_path).get_data_info(0)
    assert info['img_path'] == str(tmp_path / 'low/1.png')
    assert info['gt_path'] == str(tmp_path / 'high/1.png')


def test_missing_ground_truth_is_named(tmp_path):
    write(tmp_path / 'low/1.png')
    write(tmp_path / 'low/2.png')
    write(tmp_path / 'high/1.png')
    with pytest.raises(FileNotFoundError, match=r'1 of 2 .*\n.*high/2.png'):
        paired(tmp_path)


def test_ground_truth_of_another_size_is_refused(tmp_path):
    write(tmp_path / 'low/1.png')
    write(tmp_path / 'high/1.png', (4, 4))
    with pytest.raises(ValueError, match='another size'):
        paired(tmp_path)
