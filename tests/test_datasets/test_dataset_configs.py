"""The dataset configs, built as a runner does, give the batches they name."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image

from mmsdag.models import ImageDataPreprocessor

CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_' / 'datasets'


def first_batch(name: str, monkeypatch, **folders: Path) -> dict:
    for variable, folder in folders.items():
        monkeypatch.setenv(variable, str(folder))
    config = Config.fromfile(CONFIGS / f'{name}.py')
    loader = config.get('train_dataloader') or config.test_dataloader
    loader.update(num_workers=0, persistent_workers=False)
    return next(iter(Runner.build_dataloader(loader, seed=0)))


@pytest.mark.slow
@pytest.mark.parametrize(
    'name, batch_size, crop', [('folder_sdag', 16, 64), ('folder_zero_dce', 8, 256)]
)
def test_folder_configs_give_batches_of_crops(name, batch_size, crop, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for i in range(3):
        pixels = rng.integers(0, 256, (260, 300, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{i}.png')
    batch = first_batch(name, monkeypatch, MMSDAG_FOLDER=tmp_path)
    assert len(batch['inputs']) == batch_size
    assert {image.shape for image in batch['inputs']} == {(3, crop, crop)}
    assert batch['inputs'][0].dtype == torch.uint8
    sample = batch['data_samples'][0]
    assert sample.img_channel_order == 'bgr'
    assert Path(sample.img_path).parent == tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    'name, shape',
    [
        ('brackets_sdag', (3, 64, 64)),
        ('brackets_zero_dce', (3, 256, 256)),
        ('brackets_test', (3, 512, 512)),
    ],
)
def test_brackets_configs_find_their_images(name, shape, shared, monkeypatch):
    batch = first_batch(name, monkeypatch, MMSDAG_BRACKETS=shared / 'brackets')
    assert {image.shape for image in batch['inputs']} == {shape}


def test_brackets_are_tested_against_their_well_exposed_shots(shared, monkeypatch):
    batch = first_batch('brackets_test', monkeypatch, MMSDAG_BRACKETS=shared / 'brackets')
    dark, bright = batch['inputs'][0], batch['data_samples'][0].gt_img
    assert bright.shape == dark.shape
    assert bright.float().mean() > 2 * dark.float().mean()


def test_a_folder_is_tested_whole_and_without_ground_truth(tmp_path, monkeypatch):
    Image.new('RGB', (30, 20)).save(tmp_path / 'dark.png')
    batch = first_batch('folder_test', monkeypatch, MMSDAG_FOLDER=tmp_path)
    assert batch['inputs'][0].shape == (3, 20, 30)
    assert 'gt_img' not in batch['data_samples'][0]


def test_8_and_16_bit_files_share_a_batch(tmp_path, monkeypatch):
    Image.new('RGB', (64, 64), (30, 20, 10)).save(tmp_path / '8.png')
    gray = np.full((64, 64), 1000, np.uint16)
    Image.fromarray(gray).save(tmp_path / '16.png')
    batch = first_batch('folder_sdag', monkeypatch, MMSDAG_FOLDER=tmp_path)
    images = ImageDataPreprocessor()(batch)['inputs']
    colors = {tuple(round(value, 4) for value in image[:, 0, 0].tolist()) for image in images}
    # 30/255, 20/255, 10/255 and 1000/65535
    assert colors == {(0.1176, 0.0784, 0.0392), (0.0153,) * 3}
