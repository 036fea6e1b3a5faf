"""Training an enhancer to undo degradations."""

from __future__ import annotations

import pytest
import torch
from mmengine.structures import BaseDataElement

from mmsdag.models import SelfSupervisedRestorer
from mmsdag.registry import MODELS


@MODELS.register_module()
class AddOne(torch.nn.Module):
    """Adds a trainable constant, 0.25 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(0.25))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.value

    def enhance(self, x: torch.Tensor) -> torch.Tensor:
        return self(x).clamp(0, 1)


#: 0.5 ** 2 = 0.25, without noise.
SQUARE = dict(type='mmsdag.GammaDegradation', gamma=0.5)


def model(**options) -> SelfSupervisedRestorer:
    return SelfSupervisedRestorer(dict(type='mmsdag.AddOne'), degradation=SQUARE, **options)


def samples(*flags: bool) -> list[BaseDataElement]:
    return [BaseDataElement(metainfo=dict(is_dark=flag)) for flag in flags]


def test_a_well_lit_image_is_compared_with_itself():
    x = torch.full((2, 3, 4, 4), 0.6)
    # |0.6 ** 2 + 0.25 - 0.6| = 0.01
    losses = model().forward(x, samples(False, False), mode='loss')
    assert losses.keys() == {'loss_pixel'}
    assert losses['loss_pixel'].item() == pytest.approx(0.01, abs=1e-6)


def test_a_dark_image_is_compared_with_its_own_restoration():
    x = torch.full((1, 3, 4, 4), 0.2)
    restorer = model(dark_degradation=SQUARE)
    # |(0.2 ** 2 + 0.25) - (0.2 + 0.25)| = 0.16
    loss = restorer(x, samples(True), mode='loss')['loss_pixel']
    assert loss.item() == pytest.approx(0.16, abs=1e-6)
    # Through both sides the gradients would cancel.
    loss.backward()
    assert restorer.generator.value.grad.item() == pytest.approx(-1.0)


def test_a_batch_may_hold_both_kinds():
    x = torch.stack([torch.full((3, 4, 4), 0.6), torch.full((3, 4, 4), 0.2)])
    loss = model(dark_degradation=SQUARE)(x, samples(False, True), mode='loss')['loss_pixel']
    assert loss.item() == pytest.approx((0.01 + 0.16) / 2, abs=1e-6)


def test_dark_images_need_a_degradation_of_their_own():
    with pytest.raises(ValueError, match='dark_degradation.*is None'):
        model()(torch.rand(1, 3, 4, 4), samples(True), mode='loss')


def test_without_data_samples_images_are_well_lit():
    x = torch.full((1, 3, 4, 4), 0.6)
    assert model()(x, mode='loss')['loss_pixel'] < 0.02


def test_a_transform_that_is_no_degradation_is_refused():
    with pytest.raises(TypeError, match='degradation=.*RandomFlip'):
        SelfSupervisedRestorer(
            dict(type='mmsdag.AddOne'), degradation=dict(type='mmsdag.RandomFlip')
        )
