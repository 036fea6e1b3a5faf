"""Losses against hand calculations and the authors' values."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.models import (
    ColorConstancyLoss,
    ExposureControlLoss,
    IlluminationSmoothnessLoss,
    MarginRankingLoss,
    SpatialConsistencyLoss,
)


def test_exposure_loss_is_the_squared_distance_of_patch_means():
    # Two 16x16 patches with means 0.5 and 0.8 against 0.6:
    # (0.01 + 0.04) / 2 = 0.025, ten times.
    x = torch.full((1, 3, 16, 32), 0.5, dtype=torch.float64)
    x[..., 16:] = 0.8
    assert ExposureControlLoss()(x).item() == pytest.approx(0.25, rel=1e-5)


def test_color_loss_is_the_root_of_summed_fourth_powers():
    # Means 0.2, 0.4, 0.7: differences 0.2, 0.5, 0.3;
    # 0.0016 + 0.0625 + 0.0081 = 0.0722, root 0.268701, five times.
    x = torch.tensor([0.2, 0.4, 0.7]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert ColorConstancyLoss()(x).item() == pytest.approx(1.343503, rel=1e-5)


def test_color_loss_of_a_gray_batch_has_a_finite_gradient():
    x = torch.full((2, 3, 8, 8), 0.5, requires_grad=True)
    ColorConstancyLoss()(x).backward()
    assert torch.isfinite(x.grad).all()


def test_smoothness_loss_counts_both_directions():
    # One channel of 2x3, rows [0 1 3] and [0 1 3]: no change down; steps of
    # 1 and 2 across: (1 + 4) / 2 = 2.5; times 2, weight 1.
    curves = torch.tensor([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]).view(1, 1, 2, 3)
    loss = IlluminationSmoothnessLoss(loss_weight=1.0)
    assert loss(curves).item() == pytest.approx(5.0)


def test_spatial_loss_of_a_single_bright_patch():
    # 2x2 patches of 4x4; only one rises by 1. Zeros lie outside. That patch
    # differs from its four neighbors by 1 each: 4. Its two inner
    # neighbors see it too: 2. Sum 6 over 4 patches = 1.5.
    low = torch.zeros(1, 3, 8, 8)
    enhanced = low.clone()
    enhanced[..., :4, :4] = 1
    assert SpatialConsistencyLoss()(enhanced, low).item() == pytest.approx(1.5)


def test_patch_larger_than_the_image_is_named():
    with pytest.raises(ValueError, match='patch_size=16.*8x8'):
        ExposureControlLoss()(torch.rand(1, 3, 8, 8))


def test_margin_loss_of_hand_made_batches():
    # Two images of one pixel and channel. Across the batch the cosine of
    # (3, 4) and (3, 4) is 1, that of (1, 0) and (0, 1) is 0:
    # max(0, 0.5 - 1 + 0) = 0 and, swapped, 0.5 - 0 + 1 = 1.5.
    same = torch.tensor([3.0, 4.0]).view(2, 1, 1, 1)
    one = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    other = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    loss = MarginRankingLoss(0.5)
    assert loss(same, same, one, other).item() == 0
    assert loss(one, other, same, same).item() == pytest.approx(1.5)


def test_margin_loss_per_image_reads_along_the_image():
    # One image with two pixels (3, 4) against (4, 3): 24 / 25 = 0.96; its
    # degraded pair (1, 0), (0, 1): 0. max(0, 0.99 - 0.96 + 0) = 0.03.
    a = torch.tensor([3.0, 4.0]).view(1, 1, 1, 2)
    b = torch.tensor([4.0, 3.0]).view(1, 1, 1, 2)
    one = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    other = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)
    loss = MarginRankingLoss(0.99, similarity='image')
    assert loss(a, b, one, other).item() == pytest.approx(0.03, abs=1e-6)


def test_batch_of_one_with_batch_similarity_is_refused():
    x = torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match="batch_size.*similarity='image'"):
        MarginRankingLoss()(x, x, x, x)


def test_unknown_similarity_is_named():
    with pytest.raises(ValueError, match="similarity='pixel'"):
        MarginRankingLoss(similarity='pixel')


@pytest.mark.parametrize(
    'build',
    [IlluminationSmoothnessLoss, ExposureControlLoss, ColorConstancyLoss, SpatialConsistencyLoss],
)
def test_gradients_agree_with_finite_differences(build):
    loss = build().double()
    x = torch.rand(2, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    args = (x, torch.rand_like(x)) if build is SpatialConsistencyLoss else (x,)
    assert torch.autograd.gradcheck(loss, args)


def test_batch_and_single_images_average(shared):
    values = np.load(shared / 'reference' / 'losses.npz')
    x = torch.from_numpy(values['x'])
    for loss in (ExposureControlLoss(), ColorConstancyLoss(), IlluminationSmoothnessLoss()):
        singly = torch.stack([loss(image[None]) for image in x]).mean()
        torch.testing.assert_close(loss(x), singly)
