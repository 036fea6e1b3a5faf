"""Guidance by a recognizer's features, in a training."""

from __future__ import annotations

import pytest
import torch
from helpers import linear_recognizer
from helpers.guided_training import DATA_SAMPLE, Photographs, Recorder, train
from mmengine.model import BaseModel
from torch import nn

from mmsdag.engine.hooks.guidance_hook import Batch
from mmsdag.registry import HOOKS, MODELS

#: Halves an image; the term then has a known size.
HALF = dict(
    type='mmsdag.SelfSupervisedRestorer',
    generator=dict(type='mmsdag.HalfOfIt'),
    degradation=dict(type='mmsdag.GaussianNoiseDegradation', sigma=0.0),
    dark_degradation=dict(type='mmsdag.GaussianNoiseDegradation', sigma=0.0),
)


@MODELS.register_module(force=True)
class HalfOfIt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return x * self.gain

    def enhance(self, x):
        return self(x)


@MODELS.register_module(force=True)
class Shrinks(BaseModel):
    def __init__(self) -> None:
        super().__init__(data_preprocessor=dict(type='mmsdag.ImageDataPreprocessor'))
        self.generator = nn.Conv2d(3, 3, 1, stride=2)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return dict(loss_own=self.generator(inputs).square().mean())


class DarkPhotographs(Photographs):
    def __getitem__(self, index):
        item = super().__getitem__(index)
        item['data_samples'] = DATA_SAMPLE(metainfo=dict(is_dark=True))
        return item


@pytest.fixture
def hook(tmp_path) -> dict:
    return dict(
        type='mmsdag.ConsistencyGuidanceHook',
        recognizers=dict(
            config=linear_recognizer.config(),
            checkpoint=linear_recognizer.save_checkpoint(tmp_path / 'linear.pth'),
        ),
    )


def expected_term(images: torch.Tensor) -> float:
    """Term of the halved images, by the formula."""
    pixels = images.float()
    terms = [
        (0.5 * features).square().mean() / features.var()
        for features in (2 * pixels, 2 * pixels.sum(1, keepdim=True))
    ]
    return float(sum(terms) / 2)


def first_batch() -> torch.Tensor:
    return torch.stack([Photographs()[i]['inputs'] for i in range(2)])


def test_the_term_compares_with_the_image_before_its_degradation(hook, tmp_path):
    recorder = Recorder()
    train(tmp_path, HALF, [dict(hook, loss_weight=2.0), recorder], iters=1)
    assert recorder.losses[0]['loss_consistency'].item() == pytest.approx(
        2 * expected_term(first_batch()), rel=1e-4
    )


def test_it_changes_the_weights(hook, tmp_path):
    gains = [
        train(tmp_path, HALF, hooks, iters=1).model.generator.gain.item() for hooks in ([], [hook])
    ]
    # The pixels and the features both ask for more.
    assert 0.5 < gains[0] < gains[1]


def test_a_dark_image_is_compared_with_its_own_restoration(hook, tmp_path):
    recorder = Recorder()
    dataloader = dict(
        batch_size=2,
        num_workers=0,
        dataset=DarkPhotographs(),
        collate_fn=dict(type='pseudo_collate'),
        sampler=dict(type='InfiniteSampler', shuffle=False),
    )
    train(tmp_path, HALF, [hook, recorder], iters=1, train_dataloader=dataloader)
    # Nothing was degraded: both are the halved image.
    assert recorder.losses[0]['loss_consistency'].item() == pytest.approx(0, abs=1e-6)


def test_an_output_of_another_size_is_refused(hook, tmp_path):
    with pytest.raises(ValueError, match='compared with the inputs'):
        train(tmp_path, dict(type='mmsdag.Shrinks'), [hook], iters=1)


def test_a_missing_checkpoint_ends_the_run_before_the_training(hook, tmp_path):
    hook['recognizers']['checkpoint'] = 'nowhere.pth'
    recorder = Recorder()
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        train(tmp_path, HALF, [hook, recorder], iters=1)
    assert not recorder.losses


class Normalized(nn.Module):
    """A batch norm, which counts its passes."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


def test_the_reference_of_dark_images_leaves_batch_statistics_alone(hook):
    built = HOOKS.build(hook)
    built.loss = lambda images, reference: (images - reference).mean()
    target = Normalized().train()
    inputs = torch.rand(2, 3, 4, 4)
    images = target(inputs)
    before = {k: v.clone() for k, v in target.named_buffers()}
    samples = [DATA_SAMPLE(metainfo=dict(is_dark=True))] * 2
    built.term(images, Batch(inputs, samples, target))
    for name, buffer in target.named_buffers():
        torch.testing.assert_close(buffer, before[name], rtol=0, atol=0)
    assert target.norm.num_batches_tracked == 1
