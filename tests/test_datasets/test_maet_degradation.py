"""MAET's degradation: what it draws, and from what."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from mmsdag.datasets.transforms import MAETDegradation
from mmsdag.datasets.transforms.maet import _matrices


def draws(**kwargs) -> torch.Tensor:
    degradation = MAETDegradation(**kwargs)
    generator = torch.Generator().manual_seed(0)
    return degradation.degrade_with_parameters(torch.full((4000, 3, 1, 1), 0.5), generator)[1]


def test_light_is_a_truncated_normal_number():
    # The authors' darkness_range, with their mean and standard deviation.
    exposure = draws()[:, 0].numpy()
    low, high = (0.01 - 0.1) / 0.08, (1 - 0.1) / 0.08
    expected = stats.truncnorm(low, high, loc=0.1, scale=0.08)
    assert stats.kstest(exposure, expected.cdf).pvalue > 0.01


def test_light_stays_in_the_range_that_is_given():
    exposure = draws(exposure=(0.05, 0.2))[:, 0]
    assert 0.05 <= exposure.min() < 0.06 and 0.19 < exposure.max() <= 0.2


def test_the_other_parameters_are_those_of_the_authors_config():
    parameters = draws()[:, 1:]
    # gamma_range, red_range, blue_range of maet_yolo_coco_ort.py.
    for values, (low, high) in zip(parameters.T, ((2.0, 3.5), (1.9, 2.4), (1.5, 1.9))):
        drawn = 1 / values.numpy()
        assert drawn.min() == pytest.approx(low, abs=0.01)
        assert drawn.max() == pytest.approx(high, abs=0.01)
        assert stats.kstest(drawn, stats.uniform(low, high - low).cdf).pvalue > 0.01


def test_white_stays_white_in_every_camera():
    matrices = _matrices()
    assert matrices.shape == (4, 3, 3)
    torch.testing.assert_close(matrices.sum(-1), torch.ones(4, 3))
    assert len({tuple(matrix.flatten().tolist()) for matrix in matrices}) == 4


def test_bgr_images_are_degraded_as_rgb_images_are():
    x = torch.rand(3, 3, 6, 7)
    rgb, parameters = MAETDegradation(channel_order='rgb').degrade_with_parameters(
        x, torch.Generator().manual_seed(1)
    )
    bgr, same = MAETDegradation().degrade_with_parameters(
        x.flip(1), torch.Generator().manual_seed(1)
    )
    assert torch.equal(rgb, bgr.flip(1)) and torch.equal(parameters, same)
    assert rgb.mean() < x.mean()


def test_in_a_pipeline_a_seed_makes_the_same_dark_image():
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    results = [
        MAETDegradation(seed=3)(dict(img=image, sample_idx=index))['img'] for index in (0, 0, 1)
    ]
    assert results[0].dtype == np.uint8
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(exposure=(0.0, 1.0)), r'exposure=\(0.0, 1.0\) of MAETDegradation'),
        (dict(exposure=(0.3, 0.2)), r'exposure=\(0.3, 0.2\)'),
        (dict(channel_order='rbg'), "channel_order='rbg'"),
    ],
)
def test_arguments_out_of_their_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MAETDegradation(**arguments)
