"""An endless sampler that can start anywhere at once."""
from __future__ import annotations

from collections.abc import Iterator, Sized
from itertools import count

from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmsdag.registry import DATA_SAMPLERS

from .seeding import DrawIndex, shuffled


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """Endless passes over a dataset, each in a new order.

    Draw ``d`` of the run goes to process ``d mod world size`` and depends on
    nothing but the seed and ``d``: ``ResumableTrainLoop`` goes on after a
    resume without loading what was seen, and the processes together see what
    one would see alone.

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

    def __init__(self,
                 dataset: Sized,
                 shuffle: bool = True,
                 seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.size = len(dataset)
        if self.size == 0:
            raise ValueError(
                f'{type(dataset).__name__} of train_dataloader is empty: '
                'check its paths (data_root, data_prefix)')
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.start = 0

    def __iter__(self) -> Iterator[DrawIndex]:
        """Yield indices for ever, from draw ``start`` of this process on."""
        first = self.start * self.world_size + self.rank
        epoch, order = -1, []
        for draw in count(first, self.world_size):
            if draw // self.size != epoch:
                epoch = draw // self.size
                order = (
                    shuffled(self.size, self.seed, epoch)
                    if self.shuffle else list(range(self.size)))
            yield DrawIndex(order[draw % self.size], draw, self.seed)

    def skip(self, num_samples: int) -> None:
        """Leave out further draws of this process.

        OneDL's MMEngine calls it when a training is resumed.
        """
        self.start += num_samples

    def __len__(self) -> int:
        """Length of one pass over the dataset."""
        return self.size
