"""Unpaired dark and bright photographs."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils.data import Dataset

from mmsdag.registry import DATASETS

from .seeding import seeded


@DATASETS.register_module()
class UnpairedDataset(Dataset):
    """Dark photographs, each with a bright one drawn at random.

    Two datasets with pipelines of their own that end with
    ``PackInputs(keys=['img'])`` and give crops of one size. A sample's
    ``inputs`` are ``img`` (dark) and ``bright``; its ``data_samples`` is that
    of the dark one.

    Args:
        dark: Config of the dataset of dark photographs.
        bright: Config of the dataset of well-exposed ones.
        lazy_init: Leave the lists of files to :meth:`full_init`.
    """

    def __init__(self, dark: dict, bright: dict, lazy_init: bool = False) -> None:
        self.dark = DATASETS.build(dict(dark, lazy_init=lazy_init))
        self.bright = DATASETS.build(dict(bright, lazy_init=lazy_init))

    @property
    def metainfo(self) -> dict:
        """Return the metainfo of the dark photographs."""
        return self.dark.metainfo

    def full_init(self) -> None:
        """Find and check the images."""
        self.dark.full_init()
        self.bright.full_init()

    def __len__(self) -> int:
        """Return the number of dark photographs."""
        return len(self.dark)

    def __getitem__(self, idx: int) -> dict[str, Any]:
        """Run both pipelines, seeded by the position in the sampling."""
        with seeded(idx):
            dark = self.dark[int(idx)]
            bright = self.bright[np.random.randint(len(self.bright))]
        inputs = dict(img=dark['inputs'], bright=bright['inputs'])
        return dict(dark, inputs=inputs)
