"""The example of docs/add_an_enhancer.md does what it says."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from mmsdag.cli import main as package_main
from mmsdag.cli.benchmark import main as benchmark_main
from mmsdag.cli.train import main as train_main

pytest.importorskip('mmdet')
from helpers import tiny_recognizers  # noqa: E402, F401  (registers them)

pytestmark = pytest.mark.slow

TOOLS = dict(train=train_main, benchmark_downstream=benchmark_main)
ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / 'docs' / 'add_an_enhancer.md').read_text()
FILES = {
    name: body for name, body in re.findall(r'```python\n# (\w+\.py)\n(.*?)```', TEXT, re.DOTALL)
}
COMMANDS = re.search(r'```bash\n(.*?)```', TEXT, re.DOTALL)[1]
# Small images and short runs, in the place of the document's.
TINY = """
train_cfg.max_iters=3
train_dataloader.batch_size=2
train_dataloader.num_workers=0
train_dataloader.persistent_workers=False
train_dataloader.dataset.min_size=32
train_dataloader.dataset.pipeline.1.crop_size=(32,32)
default_hooks.checkpoint.interval=3
default_hooks.logger.interval=1
""".split()


@pytest.fixture
def example() -> Iterator[None]:
    """Let this process forget the example afterwards."""
    with DefaultScope.overwrite_default_scope('mmsdag'):
        yield
    sys.modules.pop('my_enhancer', None)


def write_data(folder: Path) -> None:
    """Four dark photographs with a bright thing, and its boxes."""
    random = np.random.default_rng(0)
    (folder / 'photos').mkdir()
    images, boxes = [], []
    for i in range(4):
        pixels = random.integers(5, 40, (48, 40, 3)).astype(np.uint8)
        pixels[6:20, 4 + i : 14 + i] = 120
        cv2.imwrite(str(folder / 'photos' / f'{i}.png'), pixels)
        images.append(dict(id=i + 1, file_name=f'{i}.png', width=40, height=48))
        boxes.append(
            dict(
                id=i + 1,
                image_id=i + 1,
                category_id=7,
                area=140,
                bbox=[4 + i, 6, 10, 14],
                iscrowd=0,
            )
        )
    (folder / 'boxes.json').write_text(
        json.dumps(dict(images=images, annotations=boxes, categories=[dict(id=7, name='bicycle')]))
    )


def write_benchmark(folder: Path) -> None:
    """A detector and data in the place of YOLOX-nano and the brackets."""
    torch.save(dict(state_dict=dict(threshold=torch.tensor(100.0))), folder / 'detector.pth')
    (folder / 'detector.py').write_text("""
default_scope = 'mmdet'
model = dict(type='mmsdag.BrightDetector',
             data_preprocessor=dict(type='DetDataPreprocessor'))
test_dataloader = dict(dataset=dict(
    type='CocoDataset', metainfo=dict(classes=('boat', 'bicycle')),
    pipeline=[dict(type='LoadImageFromFile'),
              dict(type='LoadAnnotations', with_bbox=True),
              dict(type='PackDetInputs')]))
""")
    (folder / 'tiny_benchmark.py').write_text(f"""
enhancers = dict()
recognizers = dict(detector=dict(
    config='detector.py', checkpoint='detector.pth', task='det'))
datasets = dict(things=dict(
    dataset=dict(type='mmdet.CocoDataset', ann_file='boxes.json',
                 data_root={str(folder)!r}, data_prefix=dict(img='photos'),
                 metainfo=dict(classes=('bicycle', ))),
    evaluator=dict(type='mmdet.CocoMetric', metric='bbox',
                   ann_file={str(folder / 'boxes.json')!r})))
bootstrap = dict(samples=50)
""")


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a line of the document in this process."""
    python, *arguments = shlex.split(command)
    if python == 'export':
        for variable in arguments:
            monkeypatch.setenv(*variable.split('=', 1))
        monkeypatch.syspath_prepend(os.environ['PYTHONPATH'])
        return
    if python == 'mmsdag':
        status = package_main(arguments)
    else:
        name = Path(arguments[0]).stem
        status = TOOLS[name](arguments[1:] + (['--cfg-options', *TINY] if name == 'train' else []))
    assert not status, command


@pytest.fixture
def done(example, tmp_path, monkeypatch) -> Path:
    """The folder of the example, when all is done."""
    write_data(tmp_path)
    write_benchmark(tmp_path)
    (tmp_path / 'checkpoints').symlink_to(ROOT / 'checkpoints')
    for name, body in FILES.items():
        (tmp_path / name).write_text(
            body.replace('mmsdag::benchmark/brackets.py', 'tiny_benchmark.py').replace(
                'iter_1000', 'iter_3'
            )
        )
    monkeypatch.chdir(tmp_path)
    for command in COMMANDS.replace('\\\n', ' ').splitlines():
        run(command.replace('iter_1000', 'iter_3'), monkeypatch)
    return tmp_path


def test_the_example_trains_guides_enhances_and_measures(done):
    def terms(name: str) -> list[str]:
        log = next((done / 'work_dirs' / name).rglob('scalars.json'))
        first = json.loads(log.read_text().splitlines()[0])
        return sorted(key for key in first if key.startswith('loss_'))

    assert terms('my_config') == ['loss_exp', 'loss_spa']
    assert terms('my_config_sdag') == ['loss_exp', 'loss_sdag', 'loss_spa']
    plain, guided = (
        torch.load(done / f'work_dirs/{name}/iter_3.pth', weights_only=False)['state_dict']
        for name in ('my_config', 'my_config_sdag')
    )
    assert any(not torch.equal(plain[key], guided[key]) for key in plain)
    before, after = (
        cv2.imread(str(done / folder / '0.png')).mean() for folder in ('photos', 'bright')
    )
    assert after > 1.5 * before
    table = (done / 'work_dirs/benchmark/my_benchmark/figures.csv').read_text()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert {row['enhancer'] for row in rows} == {'raw', 'mine', 'mine_sdag'}
    assert any(row['enhancer'] == 'mine_sdag' and row['minus'] == 'mine' for row in rows)


def test_the_example_is_short():
    lines = [
        *COMMANDS.splitlines(),
        *(line for body in FILES.values() for line in body.splitlines()),
    ]
    assert len(FILES) == 4
    assert sum(bool(line.strip()) for line in lines) < 60
