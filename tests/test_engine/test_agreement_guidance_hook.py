"""Guidance by a recognizer's class scores, in a training."""

from __future__ import annotations

import pytest
import torch
from helpers import linear_recognizer, mean_classifier
from helpers.guided_training import DATA_SAMPLE, Photographs, Recorder, train
from torch import nn

from mmsdag.registry import MODELS

#: Divides an image by its channels' gains; trained by the hook alone.
GAINS = dict(
    type='mmsdag.SelfSupervisedRestorer',
    generator=dict(type='mmsdag.ChannelGains'),
    degradation=dict(type='mmsdag.GaussianNoiseDegradation', sigma=0.0),
    dark_degradation=dict(type='mmsdag.GaussianNoiseDegradation', sigma=0.0),
)


@MODELS.register_module(force=True)
class ChannelGains(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.tensor([1.0, 2.0, 0.5]))

    def forward(self, x):
        return x * self.gains.view(3, 1, 1)

    def enhance(self, x):
        return self(x)


class HalfDark(Photographs):
    """Every other photograph is dark."""

    def __getitem__(self, index):
        item = super().__getitem__(index)
        item['data_samples'] = DATA_SAMPLE(metainfo=dict(is_dark=self.dark or index % 2 == 1))
        return item

    dark = False


class AllDark(HalfDark):
    dark = True


@pytest.fixture
def hook(tmp_path) -> dict:
    return dict(
        type='mmsdag.AgreementGuidanceHook',
        recognizers=mean_classifier.recognizer(tmp_path / 'mean.pth', 9.0),
        temperature=0.25,
    )


def dataloader(dataset) -> dict:
    return dict(
        batch_size=2,
        num_workers=0,
        dataset=dataset,
        collate_fn=dict(type='pseudo_collate'),
        sampler=dict(type='InfiniteSampler', shuffle=False),
    )


def expected_term(image: torch.Tensor) -> float:
    """Term of an image (3, H, W), uint8, RGB, by the formula."""
    means = image.double().mean((1, 2)) / 255
    target = (9 * means).softmax(0) ** 4
    target /= target.sum()
    found = (9 * means * torch.tensor([1.0, 2.0, 0.5])).softmax(0)
    return float((target * (target / found).log()).sum())


@pytest.mark.parametrize('dark_only, indices', [(False, [0, 1]), (True, [1])])
def test_the_term_is_the_mean_over_all_or_over_the_dark_images(hook, tmp_path, dark_only, indices):
    recorder = Recorder()
    hook.update(dark_only=dark_only, loss_weight=2.0)
    train(tmp_path, GAINS, [hook, recorder], iters=1, train_dataloader=dataloader(HalfDark()))
    # Photographs are given without a channel order, as BGR.
    terms = [expected_term(HalfDark()[index]['inputs'].flip(0)) for index in indices]
    assert recorder.losses[0]['loss_agreement'].item() == pytest.approx(
        2 * sum(terms) / len(terms), rel=1e-3
    )


def test_without_dark_images_the_term_is_zero(hook, tmp_path):
    recorder = Recorder()
    train(tmp_path, GAINS, [dict(hook, dark_only=True), recorder], iters=1)
    assert recorder.losses[0]['loss_agreement'] == 0


def test_it_changes_the_weights_where_nothing_else_does(hook, tmp_path):
    # Undegraded dark images are compared with their own restoration: 0.
    gains = [
        train(
            tmp_path, GAINS, hooks, iters=1, train_dataloader=dataloader(AllDark())
        ).model.generator.gains
        for hooks in ([], [hook])
    ]
    start = torch.tensor([1.0, 2.0, 0.5])
    torch.testing.assert_close(gains[0].detach(), start)
    assert not torch.allclose(gains[1].detach(), start, atol=1e-4)


def test_a_guide_without_class_scores_ends_the_run(hook, tmp_path):
    hook['recognizers'] = dict(
        config=linear_recognizer.config(),
        checkpoint=linear_recognizer.save_checkpoint(tmp_path / 'linear.pth'),
    )
    recorder = Recorder()
    with pytest.raises(ValueError, match='LinearRecognizer.*class scores'):
        train(tmp_path, GAINS, [hook, recorder], iters=1, train_dataloader=dataloader(AllDark()))
    assert not recorder.losses
