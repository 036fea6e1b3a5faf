"""Guidance by a recognizer's class scores of several views."""

from __future__ import annotations

import math

import pytest
import torch
from helpers import linear_recognizer, mean_classifier

from mmsdag.models import AgreementGuidanceLoss

GAMMA = dict(type='mmsdag.GammaEnhancer', gamma=2.0)


def softmax(values: list[float]) -> list[float]:
    total = sum(map(math.exp, values))
    return [math.exp(value) / total for value in values]


def uniform(*channels: float) -> torch.Tensor:
    """An image (1, 3, 4, 4) of one color."""
    return torch.tensor(channels).view(1, 3, 1, 1).expand(1, 3, 4, 4)


def test_the_loss_is_the_divergence_from_the_sharpened_mean(tmp_path):
    recognizers = [
        mean_classifier.recognizer(tmp_path / f'{weight}.pth', weight) for weight in (1.0, 6.0)
    ]
    image, enhanced = (0.04, 0.16, 0.01), (0.2, 0.5, 0.3)
    loss = AgreementGuidanceLoss(recognizers, [GAMMA], temperature=0.5, loss_weight=3.0)
    # Scores are the channels' means, times 1 and 6; gamma 2 takes the root.
    views = [image, [math.sqrt(level) for level in image]]
    found = [softmax([weight * level for level in view]) for weight in (1.0, 6.0) for view in views]
    mean = [sum(column) / 4 for column in zip(*found)]
    # The temperature 0.5 squares them.
    target = [p**2 / sum(q**2 for q in mean) for p in mean]
    divergences = [
        sum(
            q * math.log(q / p)
            for q, p in zip(target, softmax([weight * level for level in enhanced]))
        )
        for weight in (1.0, 6.0)
    ]
    assert loss(uniform(*enhanced), uniform(*image)).item() == pytest.approx(
        3 * sum(divergences) / 2, rel=1e-4
    )


def test_a_single_view_and_recognizer_agree_with_themselves(tmp_path):
    loss = AgreementGuidanceLoss(mean_classifier.recognizer(tmp_path / 'one.pth'), temperature=1.0)
    x = torch.rand(2, 3, 4, 4)
    assert loss(x, x).item() == pytest.approx(0, abs=1e-6)


def test_gradients_flow_to_the_enhanced_image_alone(tmp_path):
    loss = AgreementGuidanceLoss(mean_classifier.recognizer(tmp_path / 'one.pth'), [GAMMA])
    enhanced = torch.rand(2, 3, 4, 4, requires_grad=True)
    image = torch.rand(2, 3, 4, 4, requires_grad=True)
    loss(enhanced, image).backward()
    assert enhanced.grad.abs().sum() > 0
    assert image.grad is None
    assert all(p.grad is None for p in loss.frozen[0].parameters())
    assert not list(loss.parameters()) and not loss.state_dict()


def test_class_scores_of_each_pixel_are_compared():
    """A segmentor's scores are (N, K, h, w)."""
    loss = AgreementGuidanceLoss.__new__(AgreementGuidanceLoss)
    torch.nn.Module.__init__(loss)
    loss.amp_dtype, loss.temperature, loss.loss_weight = None, 1.0, 1.0
    loss.views, loss.frozen = (), (_Pixelwise(),)
    image, enhanced = uniform(0.1, 0.5, 0.2), uniform(0.3, 0.2, 0.6)
    target, found = (softmax([0.1, 0.5, 0.2]), softmax([0.3, 0.2, 0.6]))
    expected = sum(q * math.log(q / p) for q, p in zip(target, found))
    assert loss(enhanced, image).item() == pytest.approx(expected, rel=1e-4)


class _Pixelwise(torch.nn.Module):
    has_sigmoid_scores = False

    def class_scores(self, images: torch.Tensor) -> torch.Tensor:
        return images


def test_a_recognizer_without_class_scores_is_refused(tmp_path):
    # Its output (N, 1, H, W) is one map.
    linear = dict(
        config=linear_recognizer.config(),
        checkpoint=linear_recognizer.save_checkpoint(tmp_path / 'linear.pth'),
    )
    x = torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match=r'LinearRecognizer.*\(1, 1, 4, 4\)'):
        AgreementGuidanceLoss(linear)(x, x)


def test_recognizers_of_other_classes_are_refused(tmp_path):
    recognizers = [mean_classifier.recognizer(tmp_path / f'{n}.pth', classes=n) for n in (2, 3)]
    x = torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match=r'different shapes \[\(2,\), \(3,'):
        AgreementGuidanceLoss(recognizers)(x, x)


@pytest.mark.parametrize(
    'options, error, message',
    [
        (dict(temperature=0.0), ValueError, 'temperature=0.0'),
        (dict(views=[dict(type='mmsdag.MSELoss')]), TypeError, 'MSELoss.*no method enhance'),
    ],
)
def test_arguments_out_of_their_range_are_refused(tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        AgreementGuidanceLoss(mean_classifier.recognizer(tmp_path / 'one.pth'), **options)


def test_no_recognizer_is_an_error():
    with pytest.raises(ValueError, match='AgreementGuidanceLoss is empty'):
        AgreementGuidanceLoss([])
