"""Recognition configs in the tools of mmdet and mmseg, and in ours."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path

import cv2
import mmdet
import mmseg
import numpy as np
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOOLS = {
    'mmdet': Path(mmdet.__file__).parent / '.mim' / 'tools',
    'mmseg': Path(mmseg.__file__).parent / '.mim' / 'tools',
    'mmsdag': ROOT / 'tools',
}
#: The leaf's model, small enough for a test; nothing is downloaded.
SMALL = dict(
    mmdet="""
_base_ = '{leaf}'
load_from = None
model = dict(
    backbone=dict(depth=18, base_channels=16, init_cfg=None),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=32),
    bbox_head=dict(in_channels=32, feat_channels=32, stacked_convs=1))
train_pipeline = _base_.train_dataloader.dataset.pipeline
train_pipeline[4].scale = [(64, 64), (64, 64)]
test_pipeline = _base_.test_dataloader.dataset.pipeline
test_pipeline[1].scale = (64, 64)
train_cfg = dict(max_epochs=1)
""",
    mmseg="""
_base_ = '{leaf}'
load_from = None
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(init_cfg=None, num_layers=[1, 1, 1, 1]),
    decode_head=dict(norm_cfg=dict(type='BN')),
    test_cfg=dict(crop_size=(64, 64), stride=(64, 64)))
train_pipeline = _base_.train_dataloader.dataset.pipeline
train_pipeline[2].scale = train_pipeline[3].crop_size = (64, 64)
test_pipeline = _base_.test_dataloader.dataset.pipeline
test_pipeline[1].scale = (64, 64)
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
""",
)
LOADERS = """
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
"""
LEAVES = dict(mmdet='detection/tood_r50_exdark', mmseg='segmentation/segformer_mit-b0_acdc-night')


def write(path: Path, content: np.ndarray | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, str):
        path.write_text(content)
    else:
        cv2.imwrite(str(path), content)


@pytest.fixture
def data(tmp_path, monkeypatch) -> None:
    """Dark photographs with a car in the upper left quarter."""
    image = np.full((64, 64, 3), 8, np.uint8)
    image[:32, :32] = 40
    labels = np.zeros((64, 64), np.uint8)  # road
    labels[:32, :32] = 13  # car
    exdark, acdc = tmp_path / 'exdark', tmp_path / 'acdc'
    names = ['a.png', 'b.png', 'c.png', 'd.png']
    for name in names:
        write(exdark / 'JPEGImages' / name, image)
        write(
            exdark / 'Annotations' / f'{name}.xml',
            '<annotation><size><width>64</width><height>64</height>'
            '<depth>3</depth></size><object><name>Car</name><bndbox>'
            '<xmin>1</xmin><ymin>1</ymin><xmax>32</xmax><ymax>32</ymax>'
            '</bndbox></object></annotation>',
        )
    for split in ('train', 'val', 'test'):
        write(exdark / f'{split}.txt', '\n'.join(names))
    for split in ('train', 'val'):
        folder = Path('night', split, 'GOPR0001')
        write(acdc / 'rgb_anon' / folder / 'a_rgb_anon.png', image)
        write(acdc / 'gt' / folder / 'a_gt_labelTrainIds.png', labels)
    monkeypatch.setenv('MMSDAG_EXDARK', str(exdark))
    monkeypatch.setenv('MMSDAG_ACDC', str(acdc))
    monkeypatch.setenv('MMSDAG_ENHANCER', 'zero_dce.sdag')
    monkeypatch.chdir(tmp_path)


def run(tool: Path, *arguments: object) -> None:
    """Run a tool as from the command line, without starting Python anew."""
    argv, folder = sys.argv, os.getcwd()
    sys.argv = [str(tool), *map(str, arguments)]
    try:
        runpy.run_path(str(tool), run_name='__main__')
    finally:
        sys.argv = argv
        os.chdir(folder)


def logged(folder: Path) -> dict[str, float]:
    """The metrics that a run of a test has left in its folder."""
    (path,) = (path for path in folder.glob('*/*.json') if path.stem == path.parent.name)
    return {key: value for key, value in json.loads(path.read_text()).items() if 'time' not in key}


@pytest.mark.parametrize(
    'package, last, longer, next_one, metric',
    [
        ('mmdet', 'epoch_1.pth', 'train_cfg.max_epochs=2', 'epoch_2.pth', 'pascal_voc/AP50'),
        ('mmseg', 'iter_2.pth', 'train_cfg.max_iters=4', 'iter_4.pth', 'mIoU'),
    ],
    ids=['mmdet', 'mmseg'],
)
def test_recognition_config_runs_in_their_tools_and_in_ours(
    package, last, longer, next_one, metric, data, tmp_path
):
    leaf = ROOT / 'configs' / f'{LEAVES[package]}.py'
    config = tmp_path / 'small.py'
    write(config, SMALL[package].format(leaf=leaf) + LOADERS)
    theirs, ours = TOOLS[package], TOOLS['mmsdag']

    run(theirs / 'train.py', config, '--work-dir', 'trained')
    run(theirs / 'test.py', config, f'trained/{last}', '--work-dir', 'theirs')
    run(ours / 'test.py', config, f'trained/{last}', '--work-dir', 'ours')
    assert 0 <= logged(tmp_path / 'theirs')[metric] <= 100
    assert logged(tmp_path / 'theirs') == logged(tmp_path / 'ours')

    # Theirs is gone on with, in the folder that the config names.
    run(ours / 'train.py', config, '--resume', f'trained/{last}', '--cfg-options', longer)
    folder = tmp_path / 'work_dirs' / f'{leaf.stem}_zero_dce.sdag'
    assert (folder / next_one).is_file() and not (folder / last).exists()
    dumped = (folder / config.name).read_text()
    assert f'mmsdag.Enhanced{package[2:].title()}DataPreprocessor' in dumped
    assert "enhancer='zero_dce.sdag'" in dumped
