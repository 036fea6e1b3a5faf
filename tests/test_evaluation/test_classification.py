"""Accuracy image by image."""

from __future__ import annotations

import numpy as np
import pytest

from mmsdag.evaluation import LabelHits


@pytest.fixture
def hits() -> LabelHits:
    # Two images of class 0, one of them right; one of class 1, wrong.
    return LabelHits(np.array([1, 0, 0]), np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0]]))


def test_accuracy_counts_images(hits):
    overall, classes = hits.summarise()
    assert overall['top1'] == pytest.approx([1 / 3])
    assert classes['top1'][0, :2].tolist() == [0.5, 0.0]
    assert np.isnan(classes['top1'][0, 2])


def test_weights_count_images_several_times(hits):
    overall, _ = hits.summarise(np.array([[3.0, 1.0, 0.0], [0.0, 0.0, 2.0]]))
    assert overall['top1'].tolist() == [0.75, 0.0]


def test_arrays_can_be_read_again(hits):
    again = LabelHits.from_arrays(dict(hits.arrays(), place=np.arange(3)))
    assert again.summarise()[0] == hits.summarise()[0]
