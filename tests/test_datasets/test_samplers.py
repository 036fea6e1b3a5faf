"""The sampler that can start anywhere."""

from __future__ import annotations

from itertools import islice

import pytest
from torch.utils.data import DataLoader

from mmsdag.datasets.samplers import ResumableSampler
from mmsdag.registry import DATA_SAMPLERS

DATASET = list('abcdefg')


def draws(count: int, rank: int = 0, world_size: int = 1, start: int = 0, **kwargs) -> list:
    sampler = ResumableSampler(DATASET, **{'seed': 3, **kwargs})
    sampler.rank, sampler.world_size = rank, world_size
    sampler.start = start
    return list(islice(sampler, count))


def test_each_pass_sees_every_sample_once_in_a_new_order():
    first, second = draws(14)[:7], draws(14)[7:]
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second


def test_draws_are_numbered_and_know_the_seed():
    assert [d.draw for d in draws(9)] == list(range(9))
    assert {d.seed for d in draws(9)} == {3}


def test_another_seed_is_another_order():
    assert draws(14, seed=3) == draws(14) != draws(14, seed=4)


def test_processes_together_see_what_one_sees_alone():
    alone = draws(12)
    for rank in range(3):
        mine = draws(4, rank=rank, world_size=3)
        assert mine == alone[rank::3]
        assert [d.draw for d in mine] == [d.draw for d in alone[rank::3]]


def test_it_starts_anywhere_as_if_it_had_been_there_all_along():
    assert draws(5, start=9) == draws(14)[9:]
    late = draws(3, rank=1, world_size=2, start=150_000)
    assert [d.draw for d in late] == [300_001, 300_003, 300_005]


def test_it_can_be_iterated_again():
    sampler = ResumableSampler(DATASET, seed=0)
    assert list(islice(sampler, 5)) == list(islice(sampler, 5))


def test_without_shuffling_the_order_is_the_datasets():
    assert draws(9, shuffle=False) == [0, 1, 2, 3, 4, 5, 6, 0, 1]


def test_without_a_seed_it_takes_one():
    assert ResumableSampler(DATASET).seed >= 0
    assert len(ResumableSampler(DATASET)) == 7


def test_an_empty_dataset_is_an_error():
    with pytest.raises(ValueError, match='list of train_dataloader is empty'):
        ResumableSampler([])


def test_it_is_found_by_name():
    built = DATA_SAMPLERS.build(dict(type='mmsdag.ResumableSampler', dataset=DATASET))
    assert isinstance(built, ResumableSampler)


def test_worker_processes_get_the_numbers():

    class Numbers:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, index):
            return index.draw

    loader = DataLoader(
        Numbers(),
        batch_size=2,
        num_workers=1,
        sampler=ResumableSampler(Numbers(), seed=0),
        collate_fn=list,
    )
    assert list(islice(loader, 3)) == [[0, 1], [2, 3], [4, 5]]
