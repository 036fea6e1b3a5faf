"""Running the cells of a benchmark, each into a file of its own."""
from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import json
import logging
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from tqdm import tqdm

from mmsdag.evaluation import DetectionMatches, PixelCounts, match_detections
from mmsdag.utils import write_atomically
from mmsdag.utils.env import package_versions

from .spec import Cell, Data, Spec, digest, label_table

#: Longer side of the label maps that are kept for the pictures, in pixels.
MAP_SIDE = 480


@dataclass
class Result:
    """What is known of a finished cell.

    Attributes:
        cell: The cell.
        metrics: The stock evaluators' figures.
        facts: Time, memory, versions, and what was run.
        per_image: Matches or counts of each image.
        arrays: Predictions and ground truth, for the pictures.
    """
    cell: Cell
    metrics: dict[str, float]
    facts: dict[str, Any]
    per_image: DetectionMatches | PixelCounts
    arrays: dict[str, np.ndarray]


def result_path(spec: Spec, cell: Cell) -> Path:
    """The file of a cell."""
    return spec.work_dir / 'cells' / f'{cell.key}.npz'


def read_result(spec: Spec, cell: Cell) -> Result | None:
    """Read a finished cell; None if there is none, or it is damaged."""
    path = result_path(spec, cell)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        facts = json.loads(str(arrays.pop('facts')))
        kind = DetectionMatches if 'scores' in arrays else PixelCounts
        return Result(cell, facts.pop('metrics'), facts,
                      kind.from_arrays(arrays), arrays)
    except FileNotFoundError:
        return None
    except Exception as error:  # of whatever kind: it is made anew
        print(f'{path} cannot be read and is made anew: {error}',
              file=sys.stderr)
        return None


def run_cells(spec: Spec, cells: Sequence[Cell],
              show: Callable[[str], None]) -> dict[Cell, str]:
    """Run what is not there yet.

    Args:
        spec: The spec.
        cells: The cells to run.
        show: Prints a line.

    Returns:
        The errors of the cells that failed; the others are done.
    """
    failed: dict[Cell, str] = {}
    waiting = [c for c in cells if read_result(spec, c) is None]
    # Cells may be the same in all but the name: images as they are do not
    # depend on where an enhancer would be put.
    waiting = list({cell.key: cell for cell in reversed(waiting)}.values())
    waiting.reverse()
    show(f'{len(cells)} cells: {len(waiting)} to run, '
         f'{len(cells) - len(waiting)} done already')
    images = sum(len(spec.datasets[c.dataset].infos) for c in waiting)
    with tqdm(total=images, unit='image', disable=None) as bar:
        started, done = time.time(), 0
        for number, cell in enumerate(waiting, start=1):
            bar.set_description(f'{number}/{len(waiting)} {cell}')
            try:
                metrics = run_cell(spec, cell, bar)
            except KeyboardInterrupt:
                raise
            except Exception as error:
                failed[cell] = f'{type(error).__name__}: {error}'
                log = _run_dir(spec, cell) / 'error.txt'
                write_atomically(log, traceback.format_exc().encode())
                line = f'FAILED: {failed[cell]} ({log})'
            else:
                line = '  '.join(f'{name.split("/")[-1]} {value:.4g}'
                                 for name, value in metrics.items())
            done += len(spec.datasets[cell.dataset].infos)
            bar.n = done
            bar.refresh()
            left = (time.time() - started) / done * (images - done)
            show(f'[{number}/{len(waiting)}] {cell}: {line}'
                 + (f'  (about {duration(left)} left)' if left >= 1 else ''))
    return failed


def run_cell(spec: Spec, cell: Cell, bar: tqdm) -> dict[str, float]:
    """Run one cell by MMEngine's stock test loop and write its file.

    Returns:
        The stock evaluators' figures.
    """
    data = spec.datasets[cell.dataset]
    recogniser = spec.recognisers[cell.recogniser]
    cfg = spec.config(cell)
    cfg.work_dir = str(_run_dir(spec, cell))
    cfg.experiment_name = f'{cell.key}_{time.time_ns()}'
    cfg.log_level = 'WARNING'
    cfg.default_hooks = dict(logger=None, checkpoint=None)
    cfg.visualizer = dict(
        type='mmengine.Visualizer', name=cfg.experiment_name)
    _restrict_annotation(cfg, data, spec.work_dir / 'annotations')
    memory = PeakMemory()
    started = time.time()
    with quiet():
        runner = Runner.from_cfg(cfg)
        table = label_table(recogniser, data)
        if table is not None:
            runner.model.register_forward_hook(_Relabel(table))
        collect = dict(det=CollectBoxes, seg=CollectMaps)[data.task](bar)
        runner.register_hook(collect, priority='LOWEST')
        metrics = runner.test()
        arrays, per_image = collect.result(runner)
    del runner
    metrics = {name: float(value) for name, value in metrics.items()}
    _agree(metrics, per_image, data.task)
    facts = dict(
        metrics=metrics,
        cell={k: v for k, v in vars(cell).items()},
        images=len(data.infos),
        classes=list(data.classes),
        seconds_per_image=collect.seconds_per_image,
        peak_memory_mib=memory.mib(),
        total_seconds=time.time() - started,
        device=_device(),
        versions=package_versions(),
        finished=time.strftime('%Y-%m-%d %H:%M:%S'))
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        facts=np.array(json.dumps(facts)),
        **per_image.arrays(),
        **arrays)
    write_atomically(result_path(spec, cell), buffer.getvalue())
    return metrics


def _run_dir(spec: Spec, cell: Cell) -> Path:
    return spec.work_dir / 'runs' / cell.key


def _restrict_annotation(cfg: Config, data: Data, folder: Path) -> None:
    """Give ``CocoMetric`` the annotation of the dataset's images alone.

    It counts every image of its file, also those that a filter of the
    dataset has left out.
    """
    for evaluator in cfg.test_evaluator:
        path = evaluator.get('ann_file')
        if not path or not evaluator.type.endswith('CocoMetric'):
            continue
        content = json.loads(Path(path).read_text())
        kept = {info['img_id'] for info in data.infos}
        if {image['id'] for image in content['images']} == kept:
            continue
        for key, name in (('images', 'id'), ('annotations', 'image_id')):
            content[key] = [i for i in content[key] if i[name] in kept]
        text = json.dumps(content)
        target = folder / f'{digest(text)[:20]}.json'
        if not target.is_file():
            write_atomically(target, text.encode())
        evaluator.ann_file = str(target)


class _Relabel:
    """Gives a detector's boxes the labels of the dataset; drops others."""

    def __init__(self, table: Sequence[int]) -> None:
        self.table = torch.tensor(table)

    def __call__(self, model: nn.Module, args: Any, output: Any) -> None:
        for sample in output:
            found = sample.pred_instances
            labels = self.table.to(found.labels.device)[found.labels]
            found.labels = labels
            sample.pred_instances = found[labels >= 0]


class Collect(Hook):
    """Keeps what the test loop finds, image by image, and the time."""

    def __init__(self, bar: tqdm) -> None:
        self.bar = bar
        self.laps: list[float] = []
        self.last = 0.

    def before_test_epoch(self, runner: Runner) -> None:
        self.last = time.perf_counter()

    def after_test_iter(self,
                        runner: Runner,
                        batch_idx: int,
                        data_batch: Any = None,
                        outputs: Sequence | None = None) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        now = time.perf_counter()
        self.laps.append((now - self.last) / len(outputs))
        for sample in outputs:
            self.add(sample, runner)
        self.bar.update(len(outputs))
        self.last = time.perf_counter()

    @property
    def seconds_per_image(self) -> float:
        """Median time: reading, enhancing and recognising an image."""
        # The first takes longer: buffers, threads and kernels are made.
        return float(np.median(self.laps[1:] or self.laps))

    def add(self, sample: Any, runner: Runner) -> None:
        """Keep what was found in an image."""
        raise NotImplementedError

    def result(self, runner: Runner) -> tuple[dict, Any]:
        """All of it: arrays for the pictures, and matches or counts."""
        raise NotImplementedError


class CollectBoxes(Collect):
    """Of detectors."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__(bar)
        self.found: list[dict] = []

    def add(self, sample: Any, runner: Runner) -> None:
        boxes = sample.pred_instances.cpu()
        self.found.append(
            dict(
                img_id=sample.img_id,
                bboxes=np.asarray(boxes.bboxes).reshape(-1, 4),
                scores=np.asarray(boxes.scores),
                labels=np.asarray(boxes.labels)))

    def result(self, runner: Runner) -> tuple[dict, DetectionMatches]:
        from mmdet.evaluation import CocoMetric
        dataset = runner.test_loop.dataloader.dataset
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        stock = next((m for m in runner.test_evaluator.metrics
                      if isinstance(m, CocoMetric) and m.cat_ids), None)
        if stock is None:
            truth, cat_ids = _as_coco(infos, dataset.metainfo['classes'])
            thresholds, most = None, 1000
        else:
            truth, cat_ids = stock._coco_api, stock.cat_ids
            thresholds, most = stock.iou_thrs, max(stock.proposal_nums)
        # The order of images in the matches, which is that of their ids.
        order = {image: i for i, image in enumerate(
            sorted(info['img_id'] for info in infos))}
        place = [order[info['img_id']] for info in infos]
        matches = match_detections(truth, self.found, cat_ids, thresholds,
                                   most)
        count = [order[found['img_id']] for found in self.found]
        return dict(
            place=np.asarray(place),
            box=np.concatenate([f['bboxes'] for f in self.found]),
            box_score=np.concatenate([f['scores'] for f in self.found]),
            box_label=np.concatenate([f['labels'] for f in self.found]),
            box_image=np.concatenate([
                np.full(len(f['scores']), i)
                for i, f in zip(count, self.found)
            ])), matches


def _as_coco(infos: Sequence[dict],
             classes: Sequence[str]) -> tuple[Any, list[int]]:
    """A dataset's boxes as a COCO annotation, and its categories."""
    from pycocotools.coco import COCO
    annotations = []
    for info in infos:
        for box in info['instances']:
            x1, y1, x2, y2 = box['bbox']
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=info['img_id'],
                    category_id=box['bbox_label'],
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    area=(x2 - x1) * (y2 - y1),
                    iscrowd=int(box.get('ignore_flag', 0))))
    truth = COCO()
    truth.dataset = dict(
        images=[dict(id=info['img_id']) for info in infos],
        categories=[dict(id=i, name=n) for i, n in enumerate(classes)],
        annotations=annotations)
    truth.createIndex()
    return truth, list(range(len(classes)))


class CollectMaps(Collect):
    """Of segmenters."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__(bar)
        self.counts: list[list[np.ndarray]] = []
        self.maps: dict[str, np.ndarray] = {}

    def add(self, sample: Any, runner: Runner) -> None:
        from mmseg.evaluation import IoUMetric
        stock = next(m for m in runner.test_evaluator.metrics
                     if isinstance(m, IoUMetric))
        classes = runner.test_loop.dataloader.dataset.metainfo['classes']
        found = sample.pred_sem_seg.data.squeeze(0)
        label = sample.gt_sem_seg.data.squeeze(0).to(found)
        intersect, union, _, labelled = stock.intersect_and_union(
            found, label, len(classes), stock.ignore_index)
        number = len(self.counts)
        self.counts.append([
            counts.numpy().astype(np.int64)
            for counts in (intersect, union, labelled)
        ])
        for name, content in (('found', found), ('label', label)):
            self.maps[f'{name}_{number}'] = _small_map(
                content.cpu().numpy().astype(np.uint8))

    def result(self, runner: Runner) -> tuple[dict, PixelCounts]:
        counts = PixelCounts(*(np.stack(c) for c in zip(*self.counts)))
        return dict(self.maps, place=np.arange(counts.images)), counts


def _small_map(labels: np.ndarray) -> np.ndarray:
    scale = MAP_SIDE / max(labels.shape)
    if scale >= 1:
        return labels
    return cv2.resize(
        labels, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)


def _agree(metrics: dict[str, float],
           per_image: DetectionMatches | PixelCounts, task: str) -> None:
    """See that the evaluator's figures and ours are the same, rounded.

    Raises:
        RuntimeError: If they are not.
    """
    scale, slack = (1, 0.0005) if task == 'det' else (100, 0.005)
    for name, value in per_image.summarise()[0].items():
        for stock in (n for n in metrics if n.split('/')[-1] == name):
            ours = float(value[0]) * scale
            if not abs(ours - metrics[stock]) <= slack + 1e-4 * scale and (
                    metrics[stock] >= 0):
                raise RuntimeError(
                    f'{stock} is {metrics[stock]} by the evaluator, but '
                    f'{ours:.5f} by the matches of each image')


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the packages' talk off the screen; errors are raised anyway."""
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)


class PeakMemory:
    """How much memory is needed from here on, at most, in MiB.

    On a GPU what torch allocates there; else what the process grows by, where
    Linux tells.
    """

    def __init__(self) -> None:
        gc.collect()
        self.cuda = torch.cuda.is_available()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
            return
        if platform.libc_ver()[0] == 'glibc':
            # Else what earlier cells have freed would be used unseen.
            ctypes.CDLL(None).malloc_trim(0)
        with contextlib.suppress(OSError):
            # Forgets the peak.
            Path('/proc/self/clear_refs').write_text('5')
        self.before = self._status('VmRSS')

    @staticmethod
    def _status(name: str) -> float | None:
        try:
            lines = Path('/proc/self/status').read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) / 1024 for line in lines
                     if line.startswith(f'{name}:')), None)

    def mib(self) -> float | None:
        """The figure; None where it cannot be told."""
        if self.cuda:
            return torch.cuda.max_memory_allocated() / 2**20
        peak = self._status('VmHWM')
        if peak is None or self.before is None:
            return None
        return max(peak - self.before, 0.)


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f'CPU, {torch.get_num_threads()} threads'


def duration(seconds: float) -> str:
    """Text such as ``3 min 20 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {rest} s' if minutes else f'{rest} s'
