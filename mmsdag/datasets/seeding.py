"""Seed random numbers so that a resumed run repeats them.

A sample's pipeline is seeded by (seed, position in the sampling sequence), a
training step by (seed, rank, iteration). The number of workers, a kill and a
resume do not change the samples of a run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# Keeps the streams of samples, orders and steps apart.
_SAMPLE, _ORDER, _STEP = 1, 2, 3


class DrawIndex(int):
    """A dataset index that also records its position in the sampling sequence.

    It is an ``int`` for datasets that need no more. Sums, differences and
    remainders keep the position: MMEngine's ``ConcatDataset`` and
    ``RepeatDataset`` compute the index of the dataset that they wrap so.

    Args:
        index: Index into the dataset.
        draw: Number of the draw, over all processes, from the start of the
            training.
        seed: Seed of the sampler.
    """

    draw: int
    seed: int

    def __new__(cls, index: int, draw: int, seed: int) -> DrawIndex:
        """Create an index with its position; see the class."""
        self = super().__new__(cls, index)
        self.draw = draw
        self.seed = seed
        return self

    def __add__(self, other: int) -> DrawIndex:
        return DrawIndex(int(self) + other, self.draw, self.seed)

    def __sub__(self, other: int) -> DrawIndex:
        return DrawIndex(int(self) - other, self.draw, self.seed)

    def __mod__(self, other: int) -> DrawIndex:
        return DrawIndex(int(self) % other, self.draw, self.seed)

    def __reduce__(self) -> tuple:
        return DrawIndex, (int(self), self.draw, self.seed)


def _derive(*numbers: int) -> int:
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return int(state[0])


@contextmanager
def preserved_rng_state(cuda: bool = True) -> Iterator[None]:
    """Restore the states of Python's, NumPy's and torch's generators.

    Args:
        cuda: Whether the GPUs' generators count, too (where one is in use).
    """
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    cuda = cuda and torch.cuda.is_initialized()
    on_gpus = torch.cuda.get_rng_state_all() if cuda else []
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)


@contextmanager
def seeded(index: int) -> Iterator[None]:
    """Seed Python, NumPy and torch for one sample, and undo it afterwards.

    Undoing keeps the model's random numbers apart from the pipeline's where
    both run in one process (``num_workers=0``).

    Args:
        index: Index from the sampler; a plain ``int`` is not seeded.
    """
    if not isinstance(index, DrawIndex):
        yield
        return
    seed = _derive(_SAMPLE, index.seed, index.draw)
    # The CPU's generator alone: torch.manual_seed also reaches for the GPU,
    # which a worker process must not touch.
    with preserved_rng_state(cuda=False):
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        yield


def seed_step(seed: int, rank: int, iteration: int) -> None:
    """Seed Python, NumPy and torch (all devices) for one training step.

    Args:
        seed: Seed of the run.
        rank: Number of the process.
        iteration: Number of the iteration.
    """
    derived = _derive(_STEP, seed, rank, iteration)
    random.seed(derived)
    np.random.seed(derived % 2**32)
    torch.manual_seed(derived)


def shuffled(size: int, seed: int, epoch: int) -> list[int]:
    """Return the indices below ``size`` in the order of one pass.

    Args:
        size: Length of the dataset.
        seed: Seed of the sampler.
        epoch: Number of the pass.
    """
    generator = torch.Generator()
    generator.manual_seed(_derive(_ORDER, seed, epoch))
    return torch.randperm(size, generator=generator).tolist()
