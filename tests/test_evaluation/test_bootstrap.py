from __future__ import annotations

import contextlib
import copy
import io

import numpy as np
import pytest
import torch

from mmsdag.evaluation import DetectionMatches, PixelCounts, interval, match_detections, resample

pytest.importorskip('pycocotools')
from pycocotools.coco import COCO  # noqa: E402
from pycocotools.cocoeval import COCOeval  # noqa: E402

CATEGORIES = [3, 5, 8]


def random_annotation(images: int = 12, seed: int = 0) -> dict:
    """Boxes on 100 x 100 pixels, some of them crowds."""
    random = np.random.default_rng(seed)
    annotations = []
    for image in range(1, images + 1):
        for _ in range(random.integers(0, 5)):
            x, y, w, h = random.integers(5, 50, 4).tolist()
            annotations.append(
                dict(
                    id=len(annotations) + 1,
                    image_id=image,
                    category_id=int(random.choice(CATEGORIES)),
                    bbox=[x, y, w, h],
                    area=w * h,
                    iscrowd=int(random.random() < 0.1),
                )
            )
    return dict(
        images=[dict(id=i, width=100, height=100) for i in range(1, images + 1)],
        categories=[dict(id=c, name=str(c)) for c in CATEGORIES],
        annotations=annotations,
    )


def random_detections(annotation: dict, seed: int = 1) -> list[dict]:
    """Boxes near the true ones and elsewhere, with scores all different."""
    random = np.random.default_rng(seed)
    found = []
    for image in annotation['images']:
        boxes, labels = [], []
        for truth in annotation['annotations']:
            if truth['image_id'] != image['id']:
                continue
            for _ in range(random.integers(0, 3)):
                x, y, w, h = truth['bbox'] + random.normal(0, 3, 4)
                boxes.append([x, y, x + abs(w), y + abs(h)])
                labels.append(CATEGORIES.index(truth['category_id']))
        for _ in range(4):
            x, y, w, h = random.integers(5, 50, 4)
            boxes.append([x, y, x + w, y + h])
            labels.append(int(random.integers(3)))
        found.append(
            dict(
                img_id=image['id'],
                bboxes=np.array(boxes, float).reshape(-1, 4),
                scores=random.random(len(boxes)),
                labels=np.array(labels, int),
            )
        )
    return found


def as_coco(annotation: dict) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = copy.deepcopy(annotation)
        coco.createIndex()
    return coco


def by_pycocotools(annotation: dict, found: list[dict], max_dets: int = 100) -> np.ndarray:
    """Its precision (T, R, K) over all areas; -1 where there is no box."""
    rows = [
        dict(
            image_id=image['img_id'],
            bbox=[x1, y1, x2 - x1, y2 - y1],
            score=score,
            category_id=CATEGORIES[label],
        )
        for image in found
        for (x1, y1, x2, y2), score, label in zip(
            image['bboxes'].tolist(), image['scores'].tolist(), image['labels']
        )
    ]
    truth = as_coco(annotation)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(rows), 'bbox')
        evaluation.params.maxDets = [max_dets]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval['precision'][:, :, :, 0, -1]


def mean_precision(precision: np.ndarray) -> float:
    return float(precision[precision > -1].mean())


@pytest.fixture(scope='module')
def example() -> tuple[dict, list[dict], DetectionMatches]:
    annotation = random_annotation()
    found = random_detections(annotation)
    return annotation, found, match_detections(as_coco(annotation), found, CATEGORIES)


def test_with_every_image_once_the_figures_are_those_of_pycocotools(example):
    annotation, found, matches = example
    precision = by_pycocotools(annotation, found)
    overall, classes = matches.summarise()
    assert overall['bbox_mAP'][0] == pytest.approx(mean_precision(precision), abs=1e-12)
    assert overall['bbox_mAP_50'][0] == pytest.approx(mean_precision(precision[0]), abs=1e-12)
    for k in range(len(CATEGORIES)):
        assert classes['bbox_mAP_50'][0, k] == pytest.approx(
            mean_precision(precision[0, :, k]), abs=1e-12
        )
    assert 0.05 < overall['bbox_mAP'][0] < 0.95


@pytest.mark.parametrize('seed', range(5))
def test_a_resample_has_the_figures_of_images_that_are_really_repeated(example, seed):
    annotation, found, matches = example
    weights = resample(len(found), 1, seed)
    repeated: dict = dict(annotation, images=[], annotations=[])
    repeated_found = []
    for image, result, count in zip(annotation['images'], found, weights[0]):
        for _ in range(count):
            new = len(repeated['images']) + 1
            repeated['images'].append(dict(image, id=new))
            repeated['annotations'] += [
                dict(a, image_id=new)
                for a in annotation['annotations']
                if a['image_id'] == image['id']
            ]
            repeated_found.append(dict(result, img_id=new))
    for number, box in enumerate(repeated['annotations'], start=1):
        box['id'] = number
    precision = by_pycocotools(repeated, repeated_found)
    overall, _ = matches.summarise(weights)
    assert overall['bbox_mAP'][0] == pytest.approx(mean_precision(precision), abs=1e-12)


def test_only_the_best_detections_of_an_image_count(example):
    annotation, found, matches = example
    precision = by_pycocotools(annotation, found, max_dets=2)
    average = matches.average_precision(max_dets=2)
    assert average[0].mean() == pytest.approx(mean_precision(precision), abs=1e-12)
    assert average[0].mean() < matches.average_precision()[0].mean()


def one_class(hits: list[bool], boxes: int) -> DetectionMatches:
    """One image and class, one threshold, detections by falling score."""
    count = len(hits)
    return DetectionMatches(
        np.linspace(0.9, 0.1, count),
        np.zeros(count, int),
        np.zeros(count, int),
        np.arange(count),
        np.array([hits], bool),
        np.zeros((1, count), bool),
        np.array([[boxes]]),
        np.array([0.5]),
    )


def test_average_precision_by_hand():
    # Recall 1/2 with precision 1, then 1 with precision 2/3. Of the levels
    # 0, 0.01, …, 1 the first 51 are reached with the first.
    average = one_class([True, False, True], boxes=2).average_precision()
    assert average == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


def test_without_detections_the_precision_is_zero():
    annotation = random_annotation()
    nothing = [
        dict(
            img_id=image['id'], bboxes=np.zeros((0, 4)), scores=np.zeros(0), labels=np.zeros(0, int)
        )
        for image in annotation['images']
    ]
    matches = match_detections(as_coco(annotation), nothing, CATEGORIES)
    assert (matches.average_precision() == 0).all()


def test_a_category_without_boxes_does_not_count():
    assert np.isnan(one_class([False], boxes=0).average_precision()).all()
    overall, _ = one_class([False], boxes=0).summarise()
    assert np.isnan(overall['bbox_mAP']).all()


def test_matches_survive_saving(example, tmp_path):
    matches = example[2]
    np.savez(tmp_path / 'matches.npz', **matches.arrays())
    with np.load(tmp_path / 'matches.npz') as arrays:
        again = DetectionMatches.from_arrays(arrays)
    weights = resample(matches.images, 3)
    assert np.array_equal(matches.average_precision(weights), again.average_precision(weights))


def test_weights_of_another_number_of_images_are_refused(example):
    with pytest.raises(ValueError, match=r'\(1, 5\).*12'):
        example[2].summarise(np.ones((1, 5)))


def test_pixels_are_counted_as_mmseg_counts_them():
    metrics = pytest.importorskip('mmseg.evaluation')
    random = torch.Generator().manual_seed(0)
    metric = metrics.IoUMetric(iou_metrics=['mIoU'])
    metric.dataset_meta = dict(classes=['a', 'b', 'c'])
    counts = []
    for _ in range(4):
        found, label = torch.randint(0, 3, (2, 16, 16), generator=random)
        label[:2] = 255
        metric.process(
            {}, [dict(pred_sem_seg=dict(data=found[None]), gt_sem_seg=dict(data=label[None]))]
        )
        intersect, union, _, labeled = metric.results[-1]
        counts.append((intersect, union, labeled))
    pixels = PixelCounts(*(np.stack(c) for c in zip(*counts)))
    with contextlib.redirect_stdout(io.StringIO()):
        expected = metric.compute_metrics(metric.results)
    for name, value in pixels.summarise()[0].items():
        assert 100 * value[0] == pytest.approx(expected[name], abs=0.006)


def test_intersection_over_union_of_a_resample_by_hand():
    pixels = PixelCounts(
        intersect=np.array([[4, 1], [2, 0]]),
        union=np.array([[6, 3], [2, 0]]),
        label=np.array([[5, 2], [2, 0]]),
    )
    # The first image once and the second twice; then the second alone, in
    # which there is no second class.
    overall, classes = pixels.summarise(np.array([[1, 2], [0, 1]]))
    assert classes['mIoU'][0] == pytest.approx([8 / 10, 1 / 3])
    assert overall['mIoU'] == pytest.approx([(8 / 10 + 1 / 3) / 2, 1])
    assert overall['aAcc'] == pytest.approx([9 / 11, 1])


def test_resamples_repeat_as_many_images_as_there_are():
    weights = resample(7, 50, seed=3)
    assert weights.shape == (50, 7)
    assert (weights.sum(1) == 7).all()
    assert np.array_equal(weights, resample(7, 50, seed=3))
    assert not np.array_equal(weights, resample(7, 50, seed=4))
    # Each image is drawn once on average.
    assert resample(7, 5000).mean(0) == pytest.approx(np.ones(7), abs=0.1)


def test_images_of_a_group_are_drawn_together():
    weights = resample(5, 20, groups=['a', 'b', 'a', 'c', 'b'])
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert np.array_equal(weights[:, 1], weights[:, 4])
    assert (weights[:, [0, 1, 3]].sum(1) == 3).all()


def test_images_of_no_group_are_drawn_alone():
    assert np.array_equal(resample(4, 20, groups=[None] * 4), resample(4, 20))
    weights = resample(4, 200, groups=[7, None, 7, None])
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert not np.array_equal(weights[:, 1], weights[:, 3])
    assert (weights[:, [0, 1, 3]].sum(1) == 3).all()


@pytest.mark.parametrize(
    'arguments, words',
    [
        (dict(images=0), 'images=0'),
        (dict(images=3, samples=0), 'samples=0'),
        (dict(images=3, groups=['a']), '1 images of 3'),
    ],
)
def test_impossible_draws_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        resample(**arguments)


def test_the_interval_is_the_middle_of_the_samples():
    # Of 0, 1, …, 1000 the middle 95 % are from 25 to 975.
    low, high = interval(np.append(np.arange(1001.0), np.nan))
    assert (low, high) == pytest.approx((25, 975))
    assert interval(np.arange(1001.0), 0.5) == pytest.approx((250, 750))


@pytest.mark.parametrize(
    'values, noise',
    [([1, 2, 3], False), ([-3, -2], False), ([-1, 1], True), ([0, 0], True), ([np.nan], True)],
)
def test_a_difference_around_zero_is_noise(values, noise):
    assert interval(np.array(values, float)).includes_zero == noise
