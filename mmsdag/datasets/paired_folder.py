"""Dark and well-exposed photographs of the same scenes, in two folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmsdag.registry import DATASETS
from mmsdag.utils.image_io import inspect_image

from .low_light_folder import LowLightFolderDataset, named


@DATASETS.register_module()
class PairedFolderDataset(LowLightFolderDataset):
    """Photographs with ground truth of the same name in another folder.

    The layout of LOL: ``low/1.png`` and ``high/1.png`` (Wei et al., BMVC 2018).

    Args:
        data_root: Folder that contains both folders.
        data_prefix: ``img_path`` and ``gt_path``, the folders of the dark
            photographs and of the ground truth; LOL's by default.
        **kwargs: See :class:`LowLightFolderDataset`.

    Raises:
        FileNotFoundError: If a folder, an image or its ground truth is
            missing.
        ValueError: If a pair differs in size.
    """

    METAINFO = dict(dataset_type='paired_folder', task_name='enhancement')

    def __init__(self, data_root: str, data_prefix: dict | None = None, **kwargs: Any) -> None:
        if data_prefix is None:
            data_prefix = dict(img_path='low', gt_path='high')
        if 'gt_path' not in data_prefix:
            raise ValueError(
                f"data_prefix={data_prefix!r} has no 'gt_path', "
                'the folder of the ground truth in data_root'
            )
        super().__init__(data_root, data_prefix=data_prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Return ``img_path``, ``gt_path``, ``height`` and ``width``."""
        infos = super().load_data_list()
        folder = Path(self.data_prefix['gt_path'])
        missing, differing = [], []
        for info in infos:
            path = folder / Path(info['img_path']).relative_to(self.folder)
            info['gt_path'] = str(path)
            if not path.is_file():
                missing.append(str(path))
            elif inspect_image(str(path)) != (info['height'], info['width']):
                differing.append(str(path))
        name = type(self).__name__
        if missing:
            raise FileNotFoundError(
                f'{name}: {len(missing)} of {len(infos)} images have no '
                f'ground truth: check data_prefix.gt_path:{named(missing)}'
            )
        if differing:
            raise ValueError(
                f'{name}: {len(differing)} of {len(infos)} images have a '
                f'ground truth of another size:{named(differing)}'
            )
        return infos
