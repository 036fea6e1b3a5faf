"""DARK FACE: faces in streets at night."""

from __future__ import annotations

from typing import Any

from mmsdag.registry import DATASETS

from .annotations import DARK_FACE_PARSERS, ListedImage
from .box_file_dataset import BoxFileDataset
from .image_lists import Range, in_range


@DATASETS.register_module()
class DarkFaceDataset(BoxFileDataset):
    """DARK FACE, one class, in its own layout or converted to VOC.

    Annotations are the authors' text files (``label/1.txt``: the count of
    faces, then x1 y1 x2 y2 of each) or VOC XML (``1.xml``, ``1.png.xml``).
    The authors publish no lists; ``ann_file`` may be a list of names, with
    or without ``.png``, and ``number_range`` takes part of it.

    Source: W. Yang et al., Advancing Image Understanding in Poor Visibility
    Environments: A Collective Benchmark Study, IEEE TIP 29, 2020.

    Args:
        ann_file: A list of images. Empty: all that have an annotation.
        number_range: First and last image, by the number in the name, both
            included; None is open.
        **kwargs: See :class:`BoxFileDataset`; ``data_prefix`` is ``image``
            and ``label`` by default.

    Raises:
        ValueError: ``number_range`` for names without a number, or that
            leaves no image.
    """

    METAINFO = dict(dataset_type='dark_face', classes=('face',), palette=[(220, 20, 60)])
    PARSERS = DARK_FACE_PARSERS

    def __init__(
        self,
        *args: Any,
        number_range: Range = (None, None),
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.number_range = number_range
        if data_prefix is None:
            data_prefix = dict(img_path='image', ann_path='label')
        super().__init__(*args, data_prefix=data_prefix, **kwargs)

    def select(self, listed: list[ListedImage]) -> list[ListedImage]:
        """Keep the images of the range, in the order of their numbers."""
        return in_range(listed, self.number_range)
