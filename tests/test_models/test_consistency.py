"""Guidance by consistency of a recognizer's features."""

from __future__ import annotations

import pytest
import torch
from helpers import linear_recognizer

from mmsdag.models import ConsistencyGuidanceLoss


@pytest.fixture
def recognizer(tmp_path) -> dict:
    return dict(
        config=linear_recognizer.config(),
        checkpoint=linear_recognizer.save_checkpoint(tmp_path / 'linear.pth'),
    )


def test_the_loss_is_the_squared_difference_over_the_variance(recognizer):
    reference = torch.tensor([[0.0, 0.0], [0.0, 1.0]]).expand(1, 3, 2, 2)
    enhanced = reference + 0.1
    # The backbone doubles: difference 51, values 0 and 510 with the sample
    # variance 510² * 12 (1/4)(3/4) / 11. The logits sum three equal channels:
    # difference 153, values 0 and 1530, sample variance 1530² / 4.
    expected = (51**2 / (510**2 * 12 * 3 / 16 / 11) + 153**2 / (1530**2 / 4)) / 2
    loss = ConsistencyGuidanceLoss(recognizer, loss_weight=3.0)
    assert loss(enhanced, reference).item() == pytest.approx(3 * expected, rel=1e-4)


def test_equal_images_have_no_loss(recognizer):
    x = torch.rand(2, 3, 4, 4)
    assert ConsistencyGuidanceLoss(recognizer)(x, x) == 0


def test_gradients_flow_to_the_enhanced_image_alone(recognizer):
    enhanced = torch.rand(1, 3, 4, 4, requires_grad=True)
    reference = torch.rand(1, 3, 4, 4, requires_grad=True)
    ConsistencyGuidanceLoss(recognizer)(enhanced, reference).backward()
    assert enhanced.grad.abs().sum() > 0
    assert reference.grad is None


def test_the_recognizers_are_not_saved_or_trained(recognizer):
    loss = ConsistencyGuidanceLoss(recognizer)
    assert not loss.state_dict()
    assert not list(loss.parameters())


def test_of_several_recognizers_the_mean_is_taken(recognizer):
    rgb = dict(
        recognizer,
        config=linear_recognizer.config(
            mean=[0.0, 0.0, 0.0], std=[1.0, 10.0, 100.0], bgr_to_rgb=True
        ),
    )
    x, y = torch.rand(2, 1, 3, 4, 4)
    single = [ConsistencyGuidanceLoss(r)(x, y) for r in (recognizer, rgb)]
    both = ConsistencyGuidanceLoss([recognizer, rgb])(x, y)
    assert both.item() == pytest.approx(sum(single).item() / 2, rel=1e-5)


def test_no_recognizer_is_an_error():
    with pytest.raises(ValueError, match='recognizers.*is empty'):
        ConsistencyGuidanceLoss([])
