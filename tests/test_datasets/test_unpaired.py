"""Dark photographs beside bright ones, drawn by the number of the draw."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image

from mmsdag.datasets import UnpairedDataset
from mmsdag.datasets.seeding import DrawIndex
from mmsdag.registry import MODELS


@pytest.fixture
def folders(tmp_path):
    """Three dark and five bright images, one gray level each."""
    for name, levels in (('dark', (10, 20, 30)), ('bright', (100, 110, 120, 130, 140))):
        (tmp_path / name).mkdir()
        for level in levels:
            Image.new('RGB', (24, 20), (level,) * 3).save(tmp_path / name / f'{level}.png')
    return tmp_path


def config(folder, size=16):
    return dict(
        type='mmsdag.LowLightFolderDataset',
        data_root=str(folder),
        min_size=size,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.RandomCrop', crop_size=size),
            dict(type='mmsdag.PackImages'),
        ],
    )


def build(folders, **kwargs):
    return UnpairedDataset(config(folders / 'dark'), config(folders / 'bright'), **kwargs)


def level(image: torch.Tensor) -> int:
    assert image.shape == (3, 16, 16)
    (value,) = np.unique(image.numpy())
    return int(value)


def test_a_sample_is_a_dark_image_and_a_bright_one(folders):
    dataset = build(folders)
    assert len(dataset) == 3
    for index, expected in enumerate((10, 20, 30)):
        sample = dataset[index]
        assert sample['inputs'].keys() == {'img', 'bright'}
        assert level(sample['inputs']['img']) == expected
        assert level(sample['inputs']['bright']) >= 100
        assert f'{expected}.png' in sample['data_samples'].img_path


def test_all_bright_images_come_to_every_dark_one(folders):
    dataset = build(folders)
    drawn = {level(dataset[DrawIndex(1, draw, 0)]['inputs']['bright']) for draw in range(60)}
    assert drawn == {100, 110, 120, 130, 140}


def test_the_draw_decides_whatever_was_drawn_before(folders):
    dataset = build(folders)
    first = [dataset[DrawIndex(1, draw, 7)]['inputs'] for draw in range(9)]
    np.random.seed(3)
    again = [dataset[DrawIndex(1, draw, 7)]['inputs'] for draw in reversed(range(9))][::-1]
    assert [level(a['bright']) for a in first] == [level(b['bright']) for b in again]


def test_images_are_looked_for_only_when_they_are_needed(folders):
    lazy = UnpairedDataset(config(folders / 'dark'), config(folders / 'nowhere'), lazy_init=True)
    with pytest.raises(FileNotFoundError, match='nowhere'):
        lazy.full_init()
    with pytest.raises(FileNotFoundError, match='nowhere'):
        UnpairedDataset(config(folders / 'dark'), config(folders / 'nowhere'))


def test_a_batch_reaches_the_model_in_rgb_from_0_to_1(folders):
    preprocessor = MODELS.build(dict(type='mmsdag.ImageDataPreprocessor'))
    dataset = build(folders)
    assert dataset.metainfo['task_name'] == 'enhancement'
    inputs = preprocessor(pseudo_collate([dataset[0], dataset[2]]), True)['inputs']
    np.testing.assert_allclose(inputs['img'][:, 0, 0, 0], [10 / 255, 30 / 255], rtol=1e-6)
    assert inputs['bright'].shape == (2, 3, 16, 16)
    assert inputs['bright'].min() >= 100 / 255
