"""Hooks that keep the predictions of a test loop, image by image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Union

import cv2
import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from tqdm import tqdm

from mmsdag.evaluation import DetectionMatches, LabelHits, PixelCounts, match_detections

#: Longer side of the label maps that are kept for the pictures, in pixels.
MAP_SIDE = 480
#: Statistics of each image.
PerImage = Union[DetectionMatches, PixelCounts, LabelHits]


class Relabel:
    """Forward hook: give boxes the labels of the dataset; drop the others."""

    def __init__(self, table: Sequence[int]) -> None:
        self.table = torch.tensor(table)

    def __call__(self, model: nn.Module, args: Any, output: Any) -> None:
        """Change the data samples in place."""
        for sample in output:
            found = sample.pred_instances
            labels = self.table.to(found.labels.device)[found.labels]
            found.labels = labels
            sample.pred_instances = found[labels >= 0]


class Collect(Hook):
    """Keep the predictions and the time of each image."""

    def __init__(self, bar: tqdm) -> None:
        self.bar = bar
        self.laps: list[float] = []
        self.last = 0.0

    def before_test_epoch(self, runner: Runner) -> None:
        """Start the clock."""
        self.last = time.perf_counter()

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence | None = None,
    ) -> None:
        """Keep the predictions of a batch."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        outputs = outputs or ()
        now = time.perf_counter()
        self.laps.append((now - self.last) / len(outputs))
        for sample in outputs:
            self.add(sample, runner)
        self.bar.update(len(outputs))
        self.last = time.perf_counter()

    @property
    def seconds_per_image(self) -> float:
        """Median time to read an image, enhance it and predict."""
        # The first image also pays for buffers, threads and kernels.
        return float(np.median(self.laps[1:] or self.laps))

    def add(self, sample: Any, runner: Runner) -> None:
        """Keep the predictions of an image."""
        raise NotImplementedError

    def result(self, runner: Runner) -> tuple[dict[str, np.ndarray], PerImage]:
        """Return arrays for the pictures, and the statistics."""
        raise NotImplementedError


class CollectBoxes(Collect):
    """Keep the boxes of a detector."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__(bar)
        self.found: list[dict] = []

    def add(self, sample: Any, runner: Runner) -> None:
        """Keep the boxes of an image."""
        boxes = sample.pred_instances.cpu()
        self.found.append(
            dict(
                img_id=sample.img_id,
                bboxes=np.asarray(boxes.bboxes).reshape(-1, 4),
                scores=np.asarray(boxes.scores),
                labels=np.asarray(boxes.labels),
            )
        )

    def result(self, runner: Runner) -> tuple[dict, DetectionMatches]:
        """Return the boxes, and their matches with the ground truth."""
        from mmdet.evaluation import CocoMetric

        dataset = runner.test_loop.dataloader.dataset
        infos = [dataset.get_data_info(i) for i in range(len(dataset))]
        stock = next(
            (m for m in runner.test_evaluator.metrics if isinstance(m, CocoMetric) and m.cat_ids),
            None,
        )
        thresholds: Any = None
        if stock is None:
            truth, cat_ids = _as_coco(infos, dataset.metainfo['classes'])
            most = 1000
        else:
            truth, cat_ids = stock._coco_api, stock.cat_ids
            thresholds, most = stock.iou_thrs, max(stock.proposal_nums)
        # Matches are in the order of the images' ids.
        order = {image: i for i, image in enumerate(sorted(info['img_id'] for info in infos))}
        matches = match_detections(truth, self.found, cat_ids, thresholds, most)
        return dict(
            place=np.asarray([order[info['img_id']] for info in infos]),
            box=np.concatenate([f['bboxes'] for f in self.found]),
            box_score=np.concatenate([f['scores'] for f in self.found]),
            box_label=np.concatenate([f['labels'] for f in self.found]),
            box_image=np.concatenate(
                [np.full(len(f['scores']), order[f['img_id']]) for f in self.found]
            ),
        ), matches


def _as_coco(infos: Sequence[dict], classes: Sequence[str]) -> tuple[Any, list[int]]:
    """Convert a dataset's boxes to a COCO annotation and its categories."""
    from pycocotools.coco import COCO

    annotations: list[dict] = []
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
                    iscrowd=int(box.get('ignore_flag', 0)),
                )
            )
    truth = COCO()
    truth.dataset = dict(
        images=[dict(id=info['img_id']) for info in infos],
        categories=[dict(id=i, name=n) for i, n in enumerate(classes)],
        annotations=annotations,
    )
    truth.createIndex()
    return truth, list(range(len(classes)))


class CollectMaps(Collect):
    """Keep the label maps of a segmentor, and count their pixels."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__(bar)
        self.counts: list[list[np.ndarray]] = []
        self.maps: dict[str, np.ndarray] = {}

    def add(self, sample: Any, runner: Runner) -> None:
        """Count the pixels of an image, and keep a small map."""
        from mmseg.evaluation import IoUMetric

        stock = next(m for m in runner.test_evaluator.metrics if isinstance(m, IoUMetric))
        classes = runner.test_loop.dataloader.dataset.metainfo['classes']
        found = sample.pred_sem_seg.data.squeeze(0)
        label = sample.gt_sem_seg.data.squeeze(0).to(found)
        intersect, union, _, labeled = stock.intersect_and_union(
            found, label, len(classes), stock.ignore_index
        )
        number = len(self.counts)
        self.counts.append(
            [counts.numpy().astype(np.int64) for counts in (intersect, union, labeled)]
        )
        for name, content in (('found', found), ('label', label)):
            self.maps[f'{name}_{number}'] = _small_map(content.cpu().numpy().astype(np.uint8))

    def result(self, runner: Runner) -> tuple[dict, PixelCounts]:
        """Return the small maps, and the counts."""
        counts = PixelCounts(*(np.stack(c) for c in zip(*self.counts)))
        return dict(self.maps, place=np.arange(counts.images)), counts


def _small_map(labels: np.ndarray) -> np.ndarray:
    scale = MAP_SIDE / max(labels.shape)
    if scale >= 1:
        return labels
    return cv2.resize(labels, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)


class CollectLabels(Collect):
    """Keep the labels of a classifier."""

    def __init__(self, bar: tqdm) -> None:
        super().__init__(bar)
        self.found: list[int] = []
        self.truth: list[int] = []

    def add(self, sample: Any, runner: Runner) -> None:
        """Keep the label of an image."""
        self.found.append(int(sample.pred_label))
        self.truth.append(int(sample.gt_label))

    def result(self, runner: Runner) -> tuple[dict, LabelHits]:
        """Return the labels, and which are correct."""
        classes = runner.test_loop.dataloader.dataset.metainfo['classes']
        found, truth = np.array(self.found), np.array(self.truth)
        hits = LabelHits(
            (found == truth).astype(np.int64), np.eye(len(classes), dtype=np.int64)[truth]
        )
        return dict(place=np.arange(hits.images), found=found, truth=truth), hits


#: The hook of each task.
COLLECTORS: dict[str, type[Collect]] = dict(det=CollectBoxes, seg=CollectMaps, cls=CollectLabels)
