"""An endless sampler that can start at any position without delay."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sized
from itertools import count
from typing import Any

from mmengine.dataset import ClassBalancedDataset
from mmengine.dist import get_dist_info, sync_random_seed
from mmengine.logging import print_log
from torch.utils.data import Sampler, Subset

from mmsdag.registry import DATA_SAMPLERS

from .seeding import DrawIndex, shuffled


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """Endless passes over a dataset, each in a new order.

    Draw ``d`` of the run goes to process ``d mod world size`` and depends only
    on the seed and ``d``. ``ResumableTrainLoop`` therefore resumes without
    loading the samples seen before, and the processes together see the same
    samples as a single process.

    Args:
        dataset: The dataset.
        shuffle: Whether each pass has an order of its own; else it is the
            dataset's.
        seed: Seed of the orders and, through :class:`DrawIndex`, of the
            datasets' pipelines. By default a random one, the same in all
            processes.

    Attributes:
        start: How many draws of this process to leave out.
    """

    def __init__(self, dataset: Sized, shuffle: bool = True, seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.size = len(dataset)
        if self.size == 0:
            raise ValueError(
                f'{type(dataset).__name__} of train_dataloader is empty: '
                'check its paths (data_root, data_prefix)'
            )
        lost = _without_positions(dataset)
        if lost:
            print_log(
                f"{lost} in train_dataloader replaces the sampler's indices by plain numbers: the "
                'random numbers of its samples depend on the number of workers, and a resumed '
                'training will differ from an uninterrupted one',
                'current',
                logging.WARNING,
            )
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.start = 0

    def __iter__(self) -> Iterator[DrawIndex]:
        """Yield indices without end from this process's position ``start``."""
        first = self.start * self.world_size + self.rank
        epoch, order = -1, []
        for draw in count(first, self.world_size):
            if draw // self.size != epoch:
                epoch = draw // self.size
                order = (
                    shuffled(self.size, self.seed, epoch)
                    if self.shuffle
                    else list(range(self.size))
                )
            yield DrawIndex(order[draw % self.size], draw, self.seed)

    def skip(self, num_samples: int) -> None:
        """Skip further positions of this process.

        OneDL's MMEngine calls it when a training is resumed.
        """
        self.start += num_samples

    def __len__(self) -> int:
        """Return the length of one pass over the dataset."""
        return self.size


def _without_positions(dataset: Any) -> str | None:
    """Return the class of a wrapper that looks indices up in a list."""
    if isinstance(dataset, (ClassBalancedDataset, Subset)):
        return type(dataset).__name__
    wrapped = getattr(dataset, 'datasets', None) or [getattr(dataset, 'dataset', None)]
    return next(filter(None, (_without_positions(d) for d in wrapped if d is not None)), None)
