"""Random numbers of a sample survive the wrappers of MMEngine and torch."""

from __future__ import annotations

import logging
import random

import pytest
import torch.utils.data as torch_data
from mmengine.dataset import BaseDataset, ClassBalancedDataset, ConcatDataset, RepeatDataset

from mmsdag.datasets import samplers
from mmsdag.datasets.samplers import ResumableSampler
from mmsdag.datasets.seeding import DrawIndex, seeded


class Numbers(BaseDataset):
    """Five items, each with a random number of its own."""

    def __init__(self) -> None:
        super().__init__(serialize_data=False)

    def load_data_list(self) -> list:
        return [dict(number=n) for n in range(5)]

    def get_cat_ids(self, idx: int) -> list[int]:
        return [idx % 2]

    def __getitem__(self, index: int) -> tuple[int, float]:
        with seeded(index):
            return int(index), random.random()


def drawn(draw: int) -> float:
    """Return what a dataset draws at a position."""
    with seeded(DrawIndex(0, draw, 3)):
        return random.random()


@pytest.mark.parametrize(
    'wrap',
    [
        lambda: RepeatDataset(Numbers(), 2),
        lambda: ConcatDataset([Numbers(), Numbers()]),
        lambda: torch_data.ConcatDataset([Numbers(), Numbers()]),
        lambda: torch_data.ConcatDataset([RepeatDataset(Numbers(), 2)] * 2),
    ],
)
def test_a_wrapped_dataset_draws_by_the_position_of_the_sampler(wrap):
    dataset = wrap()
    for index in (2, 7):
        item, number = dataset[DrawIndex(index, 40 + index, 3)]
        assert item == 2
        assert number == drawn(40 + index)


@pytest.mark.parametrize(
    'wrap, name',
    [
        (lambda: ClassBalancedDataset(Numbers(), 1e-3), 'ClassBalancedDataset'),
        (
            lambda: torch_data.ConcatDataset([Numbers(), ClassBalancedDataset(Numbers(), 1e-3)]),
            'ClassBalancedDataset',
        ),
        (lambda: torch_data.Subset(Numbers(), [1, 2]), 'Subset'),
    ],
)
def test_a_wrapper_that_loses_the_position_is_named_at_the_start(wrap, name, monkeypatch):
    said = []
    monkeypatch.setattr(samplers, 'print_log', lambda *args: said.append(args))
    ResumableSampler(wrap(), seed=0)
    ((message, _, level),) = said
    assert message.startswith(name)
    assert 'a resumed training will differ' in message
    assert level == logging.WARNING


def test_a_dataset_that_keeps_the_position_is_not_reported(monkeypatch):
    said = []
    monkeypatch.setattr(samplers, 'print_log', lambda *args: said.append(args))
    ResumableSampler(RepeatDataset(Numbers(), 2), seed=0)
    assert not said
