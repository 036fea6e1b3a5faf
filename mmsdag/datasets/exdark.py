"""ExDark: 7,363 low-light photographs with their kind of light."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mmsdag.registry import DATASETS

from .annotations import (
    EXDARK_CLASSES,
    EXDARK_ENVIRONMENTS,
    EXDARK_LIGHTING,
    EXDARK_PARSERS,
    EXDARK_SPLITS,
    ListedImage,
)
from .box_file_dataset import BoxFileDataset
from .image_lists import choose, classify, read_list

#: The authors' list of classes, lighting, environments and splits.
CLASS_LIST = 'imageclasslist.txt'


@DATASETS.register_module()
class ExDarkDataset(BoxFileDataset):
    """ExDark, in its own layout or in those of common conversions.

    Annotations are VOC XML (``2015_00001.png.xml``) or the authors'
    ``% bbGt version=3`` text files (``Bicycle/2015_00001.png.txt``); boxes
    are the same from both. ``ann_file`` is a plain list of file names
    (``train.txt``) or the authors' ``imageclasslist.txt``, of which
    ``split`` takes a part.

    Where there is an ``imageclasslist.txt``, every image has ``lighting``,
    ``environment`` and ``image_class``, which ``PackDetInputs`` puts into the
    data samples if its ``meta_keys`` name them; else they are None.

    Source: Y. P. Loh, C. S. Chan, Getting to Know Low-light Images with the
    Exclusively Dark Dataset, CVIU 178, 2019.

    Args:
        ann_file: The list of images.
        class_list: Name of the authors' list in ``data_root``; by default
            ``imageclasslist.txt`` if it is there. Empty: none is read.
        split: ``'train'``, ``'val'`` or ``'test'`` of the authors; None is
            all that is listed.
        lighting: Kinds of light to take, e.g. ``['Low', 'Twilight']``; None
            is all ten.
        environment: ``'Indoor'`` or ``'Outdoor'``; None is both.
        **kwargs: See :class:`BoxFileDataset`; ``data_prefix`` is
            ``JPEGImages`` and ``Annotations`` by default.

    Raises:
        ValueError: A filter that ExDark does not have, or without the list
            that it needs, or that leaves nothing.
    """

    METAINFO = dict(
        dataset_type='exdark',
        classes=EXDARK_CLASSES,
        palette=[
            (119, 11, 32),
            (0, 130, 200),
            (60, 180, 75),
            (0, 90, 120),
            (30, 60, 255),
            (245, 130, 48),
            (170, 110, 40),
            (240, 50, 230),
            (255, 215, 0),
            (145, 30, 180),
            (220, 20, 60),
            (0, 170, 160),
        ],
    )
    PARSERS = EXDARK_PARSERS

    def __init__(
        self,
        *args: Any,
        class_list: str | None = None,
        split: str | None = None,
        lighting: str | Sequence[str] | None = None,
        environment: str | None = None,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.class_list = class_list
        self.split = _chosen('split', split, EXDARK_SPLITS)
        self.lighting = _chosen('lighting', lighting, EXDARK_LIGHTING)
        self.environment = _chosen('environment', environment, EXDARK_ENVIRONMENTS)
        if data_prefix is None:
            data_prefix = dict(img_path='JPEGImages', ann_path='Annotations')
        super().__init__(*args, data_prefix=data_prefix, **kwargs)

    def select(self, listed: list[ListedImage]) -> list[ListedImage]:
        """Add what the list of classes says, and apply the filters."""
        path = os.path.join(self.data_root or '', self.class_list or CLASS_LIST)
        # The list of images may be that list itself.
        by_default = self.class_list is None and listed[0].lighting is None and os.path.isfile(path)
        if self.class_list or by_default:
            listed = classify(listed, read_list(path, 'data_root and class_list, or leave it out'))
        return choose(
            listed, split=self.split, lighting=self.lighting, environment=self.environment
        )

    def describe(self, image: ListedImage) -> dict:
        """Return the light, environment and class of the whole image."""
        return dict(lighting=image.lighting, environment=image.environment, image_class=image.label)


def _chosen(key: str, value: str | Sequence[str] | None, choices: Sequence[str]) -> set[str] | None:
    if value is None:
        return None
    names = [value] if isinstance(value, str) else list(value)
    for name in names:
        if name not in choices:
            raise ValueError(f'{key}: {name!r} is none of {", ".join(choices)}')
    return set(names)
