"""Boxes and masks on enhanced images, by the frameworks' own tools."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import VISUALIZERS

ROOT = Path(__file__).resolve().parents[2]
GAMMA = dict(type='mmsdag.GammaEnhancer', gamma=2.2)
DETECTION = dict(
    package='mmdet',
    kind='Det',
    inferencer='DetInferencer',
    base='detection/yolox_nano_msrs-night_frozen.py',
    weights='yolox_nano_coco_mmdet.pth',
    data='msrs_night',
    image='msrs_night/images/00003N.png',
)
SEGMENTATION = dict(
    package='mmseg',
    kind='Seg',
    inferencer='MMSegInferencer',
    base='segmentation/cgnet_camvid_frozen.py',
    weights='cgnet_camvid_mmseg.pth',
    data='camvid',
    image='camvid/images/test/0001TP_008580.png',
)
TASKS = pytest.mark.parametrize(
    'task', [pytest.param(DETECTION, id='mmdet'), pytest.param(SEGMENTATION, id='mmseg')]
)


def gamma(image: np.ndarray) -> np.ndarray:
    return np.rint((image / 255) ** (1 / 2.2) * 255).astype(np.uint8)


def share_equal(picture: np.ndarray, image: np.ndarray) -> float:
    """Share of the pixels of a picture that are those of an image."""
    off = abs(picture.astype(int) - image).max(-1)
    return float((off <= 1).mean())


def visualizer(task: dict, **options) -> dict:
    return dict(type=f'mmsdag.Enhanced{task["kind"]}LocalVisualizer', enhancer=GAMMA, **options)


def write_config(task: dict, path: Path, shared: Path, in_pipeline: bool, **options) -> Path:
    """Write a config that enhances at one of the plug-in points."""
    cfg = Config.fromfile(ROOT / 'configs' / task['base'])
    cfg.visualizer.update(visualizer(task, **options))
    data = cfg.test_dataloader.dataset
    data.update(data_root=str(shared / task['data']), indices=2)
    cfg.test_dataloader.num_workers = 0
    cfg.test_dataloader.persistent_workers = False
    # CGNet's config has no such hook.
    cfg.default_hooks.visualization = dict(
        type=f'{task["package"]}.{task["kind"]}VisualizationHook', interval=1
    )
    if in_pipeline:
        data.pipeline = [
            data.pipeline[0],
            dict(type='mmsdag.EnhanceImage', enhancer=GAMMA),
            *data.pipeline[1:],
        ]
    else:
        cfg.model.data_preprocessor.update(
            type=f'mmsdag.Enhanced{task["kind"]}DataPreprocessor', enhancer=GAMMA
        )
    cfg.dump(path)
    return path


def pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob('*') if p.suffix in ('.png', '.jpg'))


@pytest.mark.slow
@TASKS
@pytest.mark.parametrize(
    'owner, in_pipeline', [('theirs', True), ('theirs', False), ('ours', True)]
)
def test_tools_draw_on_the_enhanced_image(task, owner, in_pipeline, shared, tmp_path):
    pytest.importorskip(task['package'])
    # Masks cover everything: only transparent ones show the image.
    options = dict(alpha=0) if task is SEGMENTATION else {}
    config = write_config(task, tmp_path / 'drawn.py', shared, in_pipeline, **options)
    package = Path(find_spec(task['package']).origin).parent
    tool = (ROOT if owner == 'ours' else package / '.mim') / 'tools/test.py'
    run = subprocess.run(
        [
            sys.executable,
            str(tool),
            str(config),
            str(shared / 'weights' / task['weights']),
            '--work-dir',
            str(tmp_path / 'work'),
            '--show-dir',
            str(tmp_path / 'shown'),
        ],
        env=dict(os.environ, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    found = pictures(tmp_path / 'shown')
    assert len(found) == 2
    image = cv2.imread(str(shared / task['image']))
    # Labels on the left half, predictions on the right one.
    right = cv2.imread(str(found[0]))[:, image.shape[1] :]
    assert right.shape == image.shape
    assert share_equal(right, gamma(image)) > 0.9
    assert share_equal(right, image) < 0.1


@TASKS
def test_inferencers_draw_beside_the_input(task, shared, tmp_path):
    apis = (
        import_module(f'{task["package"]}.apis')
        if find_spec(task['package'])
        else pytest.skip(f'needs {task["package"]}')
    )
    config = write_config(task, tmp_path / 'drawn.py', shared, in_pipeline=False, side_by_side=True)
    image = cv2.imread(str(shared / task['image']))
    infer = getattr(apis, task['inferencer'])(
        str(config), str(shared / 'weights' / task['weights']), device='cpu'
    )
    options = dict(pred_score_thr=0.99) if task is DETECTION else dict(opacity=0)
    drawn = infer(
        str(shared / task['image']), return_vis=True, out_dir=str(tmp_path / 'out'), **options
    )
    drawn = drawn['visualization']
    drawn = drawn[0] if isinstance(drawn, list) else drawn
    found = pictures(tmp_path / 'out/vis')
    for picture in (drawn[..., ::-1], cv2.imread(str(found[0]))):
        left, right = np.hsplit(picture, 2)
        assert (left == image).all()
        assert share_equal(right, gamma(image)) > 0.99


@TASKS
def test_without_drawing_enhanced_the_picture_is_the_stock_one(task):
    pytest.importorskip(task['package'])
    built = VISUALIZERS.build(visualizer(task, name=f'plain {task["kind"]}', draw_enhanced=False))
    stock = VISUALIZERS.build(
        dict(type=f'{task["package"]}.{task["kind"]}LocalVisualizer', name=f'stock {task["kind"]}')
    )
    image = np.arange(24 * 32 * 3, dtype=np.uint8).reshape(24, 32, 3)
    kept = []
    for drawer in (built, stock):
        drawer.add_image = lambda name, image, step=0: kept.append(image)
        sample = _sample(task)
        drawer.add_datasample('a', image, sample, draw_gt=False)
    assert (kept[0] == kept[1]).all()


def _sample(task: dict):
    import torch
    from mmengine.structures import InstanceData, PixelData

    structures = import_module(f'{task["package"]}.structures')
    if task is DETECTION:
        return structures.DetDataSample(
            pred_instances=InstanceData(
                bboxes=torch.tensor([[3.0, 4, 20, 15]]),
                labels=torch.tensor([0]),
                scores=torch.tensor([0.9]),
            )
        )
    return structures.SegDataSample(
        pred_sem_seg=PixelData(data=torch.zeros(1, 24, 32, dtype=torch.long))
    )


@TASKS
def test_an_enhancer_must_be_named(task):
    pytest.importorskip(task['package'])
    with pytest.raises(ValueError, match="enhancer='zero_dce.sdag'"):
        VISUALIZERS.build(dict(visualizer(task, name='none'), enhancer=None))
