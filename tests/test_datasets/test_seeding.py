"""Random numbers of samples and steps."""

from __future__ import annotations

import pickle
import random

import numpy as np
import torch

from mmsdag.datasets.seeding import DrawIndex, preserved_rng_state, seed_step, seeded, shuffled


def numbers() -> tuple:
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_a_draw_index_is_an_int_that_survives_pickling():
    index = pickle.loads(pickle.dumps(DrawIndex(3, 17, 5)))
    assert isinstance(index, int) and index == 3
    assert ['a', 'b', 'c', 'd'][index] == 'd'
    assert (index.draw, index.seed) == (17, 5)


def test_a_sample_depends_on_seed_and_draw_alone():
    samples = {}
    for key in ((1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1)):
        seed_step(len(samples), 0, 0)
        with seeded(DrawIndex(*key)):
            samples[key] = numbers()
    assert samples[1, 0, 0] == samples[2, 0, 0]
    for i in range(3):
        assert len({s[i] for s in samples.values()}) == 3


def test_the_generators_go_on_after_a_sample_as_if_it_had_not_been():
    seed_step(0, 0, 0)
    undisturbed = numbers()
    seed_step(0, 0, 0)
    with seeded(DrawIndex(0, 0, 0)):
        numbers()
    assert numbers() == undisturbed


def test_a_plain_index_changes_nothing():
    seed_step(0, 0, 0)
    undisturbed = numbers()
    seed_step(0, 0, 0)
    with seeded(3):
        assert numbers() == undisturbed


def test_generators_come_back_also_after_an_error():
    seed_step(0, 0, 0)
    undisturbed = numbers()
    seed_step(0, 0, 0)
    try:
        with preserved_rng_state():
            numbers()
            raise KeyError
    except KeyError:
        pass
    assert numbers() == undisturbed


def test_a_step_depends_on_seed_rank_and_iteration():
    steps = {}
    for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        seed_step(*key)
        steps[key] = numbers()
    for i in range(3):
        assert len({s[i] for s in steps.values()}) == 4
    seed_step(0, 0, 0)
    assert numbers() == steps[0, 0, 0]


def test_each_pass_has_an_order_of_its_own():
    orders = [tuple(shuffled(20, seed, epoch)) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    assert len(set(orders)) == 3
    assert all(sorted(order) == list(range(20)) for order in orders)
