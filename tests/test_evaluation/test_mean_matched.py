"""PSNR after matching the mean."""

from __future__ import annotations

import math

import pytest
import torch

from mmsdag.evaluation import MeanMatchedPSNR


def value(gt, pred):
    return MeanMatchedPSNR().process_image(gt, pred)


def test_a_gain_is_no_error():
    gt = torch.linspace(20, 200, 48).reshape(3, 4, 4)
    assert value(gt, gt / 4) > 100


def test_gray_means_are_matched():
    # Gray of BGR (0, 0, 100) is 29.9, of (0, 100, 0) 58.7: the green image is
    # scaled by 29.9 / 58.7 to 50.937. Squared errors 50.937^2 and 100^2 in two
    # of three channels, mean 4198.2: 10 log10(255^2 / 4198.2) = 11.90.
    gt, pred = torch.zeros(2, 3, 4, 4)
    gt[2], pred[1] = 100, 100
    assert value(gt, pred) == pytest.approx(11.90, abs=0.005)


def test_what_exceeds_white_is_clipped():
    # Means 100 and 50: the gain 2 would make 300 of 150; the other half is
    # black. Ground truth 100 everywhere: errors 155 and 100.
    gt = torch.full((3, 2, 2), 100.0)
    pred = torch.zeros(3, 2, 2)
    pred[:, 0] = 150
    gain = 100 / 75
    expected = ((150 * gain - 100) ** 2 + 100**2) / 2
    assert value(gt, pred) == pytest.approx(10 * math.log10(255**2 / expected), abs=1e-4)
    pred[:, 0] = torch.tensor([150.0, 0.0])[:, None].T
    # One quarter at 150 of mean 37.5: gain 2.667 makes 400, clipped to 255.
    expected = (155**2 + 3 * 100**2) / 4
    assert value(gt, pred) == pytest.approx(10 * math.log10(255**2 / expected), abs=1e-4)


def test_a_black_image_is_compared_as_it_is():
    gt = torch.full((3, 2, 2), 255.0)
    assert value(gt, torch.zeros(3, 2, 2)) == pytest.approx(0)
