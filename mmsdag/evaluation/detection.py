"""Per-image statistics of detection.

pycocotools matches detections to boxes within each image, and only then
accumulates over the images. Kept in between, the matches give the average
precision of any part or resample of the images without matching again.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .per_image import ArrayFields, check_weights, mean_of_present

if TYPE_CHECKING:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

#: COCO's recall levels, as pycocotools computes them.
_RECALLS = np.linspace(0.0, 1.0, 101)
#: Numbers of one temporary array in :meth:`average_precision`.
_CHUNK = 2**24


@dataclass(frozen=True)
class DetectionMatches(ArrayFields):
    """Matches of the detections of a test set.

    D detections in order of category and falling score, I images, K
    categories, T thresholds of the intersection over union.

    Attributes:
        scores: (D,), float.
        image: (D,), index of the detection's image, 0 to I - 1.
        category: (D,), index of its category, 0 to K - 1.
        rank: (D,), its place by score within its image and category, from 0.
        matched: (T, D), bool, whether it matched a box.
        ignored: (T, D), bool, whether it does not count (matched a crowd).
        positives: (I, K), number of boxes that count.
        iou_thrs: (T,), the thresholds.
    """

    scores: np.ndarray
    image: np.ndarray
    category: np.ndarray
    rank: np.ndarray
    matched: np.ndarray
    ignored: np.ndarray
    positives: np.ndarray
    iou_thrs: np.ndarray

    @classmethod
    def from_coco_eval(cls, evaluation: COCOeval) -> DetectionMatches:
        """Take the matches of a ``COCOeval`` whose ``evaluate()`` has run.

        Images and categories are in the order of its ``params``; of its area
        ranges the first counts, which is "all".
        """
        params = evaluation.params
        images, areas = len(params.imgIds), len(params.areaRng)
        categories = len(params.catIds)
        positives = np.zeros((images, categories), np.int64)
        parts: list[tuple] = []
        for k in range(categories):
            first = k * areas * images
            for i, found in enumerate(evaluation.evalImgs[first : first + images]):
                if found is None:
                    continue
                positives[i, k] = np.count_nonzero(np.asarray(found['gtIgnore']) == 0)
                count = len(found['dtScores'])
                parts.append(
                    (
                        np.asarray(found['dtScores'], float),
                        np.full(count, i),
                        np.full(count, k),
                        np.arange(count),
                        np.asarray(found['dtMatches']) > 0,
                        np.asarray(found['dtIgnore'], bool),
                    )
                )
        thresholds = np.asarray(params.iouThrs, float)
        nothing = np.zeros((len(thresholds), 0), bool)
        parts.append((np.zeros(0), *[np.zeros(0, int)] * 3, nothing, nothing))
        columns = [np.concatenate(column, axis=-1) for column in zip(*parts)]
        # Stable, as pycocotools sorts: of equal scores the first image's
        # comes first.
        order = np.lexsort((-columns[0], columns[2]))
        scores, image, category, rank, matched, ignored = (column[..., order] for column in columns)
        return cls(scores, image, category, rank, matched, ignored, positives, thresholds)

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.positives)

    def average_precision(
        self, weights: np.ndarray | None = None, max_dets: int | None = None
    ) -> np.ndarray:
        """Compute COCO's average precision over 101 recall levels.

        Equals what pycocotools accumulates over the images, each repeated as
        often as its weight says. (Among equal scores within one repeated
        image it orders copies otherwise.)

        Args:
            weights: (B, I), how often each image counts, in each of B
                samples; by default once, in one sample.
            max_dets: Only so many detections count per image and category.

        Returns:
            (B, T, K); NaN where a sample has no box of a category.

        Raises:
            ValueError: If the shape of the weights does not fit.
        """
        weights = check_weights(weights, self.images)
        positives = weights @ self.positives
        result = np.full((len(weights), *self._shape), np.nan)
        for k in np.flatnonzero(self.positives.any(0)):
            wanted = self.category == k
            if max_dets is not None:
                wanted &= self.rank < max_dets
            columns = np.flatnonzero(wanted)
            step = max(1, _CHUNK // max(1, len(columns)))
            for start in range(0, len(weights), step):
                part = slice(start, start + step)
                result[part, :, k] = self._precision_of(weights[part], columns, positives[part, k])
        return result

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.iou_thrs), self.positives.shape[1]

    def _precision_of(
        self, weights: np.ndarray, columns: np.ndarray, positives: np.ndarray
    ) -> np.ndarray:
        """Compute that of one category, (B, T)."""
        repeats = weights[:, self.image[columns]]
        result = np.zeros((len(weights), len(self.iou_thrs)))
        everything = np.cumsum(repeats, axis=1)
        for t in range(len(self.iou_thrs)):
            counts = ~self.ignored[t, columns]
            # Precision falls between two hits: its maximum to the right is
            # that over the hits.
            hits = np.flatnonzero(self.matched[t, columns] & counts)
            if not len(hits):
                continue
            shown = everything if counts.all() else np.cumsum(repeats * counts, axis=1)
            found = np.cumsum(repeats[:, hits], axis=1)
            precision = found / (shown[:, hits] + np.spacing(1))
            envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            recall = found / np.maximum(positives, 1)[:, None]
            levels = np.searchsorted(_RECALLS, recall, side='right')
            levels = np.diff(levels, axis=1, prepend=0)
            result[:, t] = (envelope * levels).sum(1) / len(_RECALLS)
        result[positives == 0] = np.nan
        return result

    def summarise(
        self, weights: np.ndarray | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Compute ``bbox_mAP`` and ``bbox_mAP_50``, from 0 to 1.

        As ``mmdet.CocoMetric`` counts them over all classes: the former with
        at most 100 detections per image and category, the latter, and each
        class's figures, with all.

        Args:
            weights: See :meth:`average_precision`.

        Returns:
            The figures over all categories, each (B,), and those of each
            category, (B, K), NaN where a sample has none.
        """
        every = self.average_precision(weights)
        few = every
        if len(self.rank) and self.rank.max() >= 100:
            few = self.average_precision(weights, max_dets=100)
        overall = dict(bbox_mAP=mean_of_present(few, (1, 2)))
        classes = dict(bbox_mAP=mean_of_present(every, 1))
        half = np.flatnonzero(np.isclose(self.iou_thrs, 0.5))
        if len(half):
            classes['bbox_mAP_50'] = every[:, half[0]]
            overall['bbox_mAP_50'] = mean_of_present(every[:, half[0]], 1)
        return overall, classes


def match_detections(
    ground_truth: COCO,
    detections: Sequence[Mapping[str, Any]],
    cat_ids: Sequence[int],
    iou_thrs: Sequence[float] | None = None,
    max_dets: int = 1000,
) -> DetectionMatches:
    """Match detections to the boxes of a COCO annotation, by pycocotools.

    Args:
        ground_truth: The annotation; all of its images count, in the order of
            their ids.
        detections: Of each image ``img_id``, ``bboxes`` (N, 4) as x1, y1, x2,
            y2 in pixels, ``scores`` (N,) and ``labels`` (N,), which index
            ``cat_ids``.
        cat_ids: Categories of the annotation.
        iou_thrs: Thresholds; COCO's ten by default.
        max_dets: Most detections per image and category.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    rows = []
    for found in detections:
        corners = np.asarray(found['bboxes'])
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        rows += [
            dict(image_id=found['img_id'], bbox=box, score=score, category_id=cat_ids[label])
            for box, score, label in zip(
                boxes.tolist(),
                np.asarray(found['scores']).tolist(),
                np.asarray(found['labels']).tolist(),
            )
        ]
    # pycocotools prints.
    with contextlib.redirect_stdout(io.StringIO()):
        if rows:
            results = ground_truth.loadRes(rows)
        else:  # which loadRes cannot take
            results = COCO()
            results.dataset = dict(
                images=ground_truth.dataset['images'],
                categories=ground_truth.dataset['categories'],
                annotations=[],
            )
            results.createIndex()
        evaluation = COCOeval(ground_truth, results, 'bbox')
        params = evaluation.params
        params.catIds = list(cat_ids)
        params.imgIds = ground_truth.getImgIds()
        params.maxDets = [max_dets]
        # Only "all": the other areas are not looked at.
        params.areaRng, params.areaRngLbl = params.areaRng[:1], ['all']
        if iou_thrs is not None:
            params.iouThrs = np.asarray(iou_thrs)
        evaluation.evaluate()
    return DetectionMatches.from_coco_eval(evaluation)
