"""Exposure brackets: scenes shot several times, dark to bright."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from mmsdag.registry import DATASETS
from mmsdag.utils.image_io import inspect_image

from .image_lists import read_scenes
from .low_light_folder import LowLightFolderDataset, named

SHOTS = ('all', 'dark', 'bright')


@DATASETS.register_module()
class ExposureFolderDataset(LowLightFolderDataset):
    """Select shots and scenes of a folder of exposure brackets.

    ``ann_file`` is a JSON list with an object for each scene: ``images`` (its
    file names), ``mean`` (their mean gray levels), ``dark`` (names of those
    too dark) and ``bright`` (the name of the well-exposed one, or null).

    Args:
        data_root: The folder.
        ann_file: The list of the scenes.
        shots: ``'dark'``, ``'bright'`` (normal light) or ``'all'``; or a range
            of mean gray levels in [0, 255], both included: ``(75, 175)``
            chooses all well-lit shots.
        scene_range: First and last scene, both included; None is open. A scene
            has the number in the name of its first image, and is in or out as
            a whole, so that ``(None, 900)`` and ``(901, None)`` share none.
        paired: Give ``gt_path``, too: True for the well-exposed shot of the
            scene, ``'random'`` for another one of its chosen shots, drawn
            anew each time (PairLIE). Scenes without one are left out.
        **kwargs: See :class:`LowLightFolderDataset`.

    Raises:
        FileNotFoundError: No list, or listed images that are not there.
        ValueError: A list of another format, or without such shots; or pairs
            whose shots differ in size.
    """

    METAINFO = dict(dataset_type='exposure_folder', task_name='enhancement')

    def __init__(
        self,
        data_root: str,
        ann_file: str = 'scenes.json',
        shots: str | tuple[float, float] = 'all',
        scene_range: tuple[int | None, int | None] = (None, None),
        paired: bool | Literal['random'] = False,
        **kwargs: Any,
    ) -> None:
        if not (shots in SHOTS if isinstance(shots, str) else len(shots) == 2):
            raise ValueError(
                f'shots={shots!r} is none of {", ".join(SHOTS)}, nor a range of mean gray levels'
            )
        if paired not in (True, False, 'random'):
            raise ValueError(f"paired={paired!r} must be True, False or 'random'")
        self.shots = shots
        self.scene_range = scene_range
        self.paired = paired
        self._partners: dict[str, list[str]] = {}
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def read_list(self) -> list[str]:
        """Return the names of the chosen shots."""
        keys = ['images', 'dark', 'bright'] + ['mean'] * (not isinstance(self.shots, str))
        partners = {
            name: self._partners_of(name, scene)
            for scene in read_scenes(self.ann_file, self.scene_range, keys)
            for name in self._chosen(scene)
        }
        if self.paired:
            partners = {name: found for name, found in partners.items() if found}
        if not partners:
            raise ValueError(
                f'{self.ann_file}: no {self.shots} shots{" with a partner" if self.paired else ""} '
                f'in scenes {self.scene_range[0]} to {self.scene_range[1]}: widen scene_range or '
                'shots'
            )
        self._partners = partners
        return list(partners)

    def load_data_list(self) -> list[dict]:
        """Add ``gt_path`` to each image if pairs are wanted."""
        infos = super().load_data_list()
        if not self.paired:
            return infos
        partners = {
            str(self.folder / name): [str(self.folder / one) for one in found]
            for name, found in self._partners.items()
        }
        sizes = {
            path: inspect_image(path) for path in {p for found in partners.values() for p in found}
        }
        differing = []
        for info in infos:
            paths = partners[info['img_path']]
            info['gt_path'] = paths[0]
            if len(paths) > 1:
                info['gt_paths'] = paths
            differing += [
                '{img_path}: {height}x{width}, {0}: {1}x{2}'.format(path, *sizes[path], **info)
                for path in paths
                if sizes[path] != (info['height'], info['width'])
            ][:1]
        if differing:
            raise ValueError(
                f'paired={self.paired!r}: {len(differing)} of {len(infos)} shots in {self.folder} '
                f'are not of the size of their partner:{named(differing)}'
            )
        return infos

    def get_data_info(self, idx: int) -> dict:
        """Describe an image; draw ``gt_path`` where there is a choice."""
        info = super().get_data_info(idx)
        paths = info.pop('gt_paths', None)
        if paths:
            info['gt_path'] = paths[np.random.randint(len(paths))]
        return info

    def _partners_of(self, name: str, scene: dict) -> list[str]:
        if self.paired == 'random':
            return [other for other in self._chosen(scene) if other != name]
        return [scene['bright']] if scene['bright'] else []

    def _chosen(self, scene: dict) -> list[str]:
        if self.shots == 'all':
            return scene['images']
        if self.shots == 'dark':
            return scene['dark']
        if not isinstance(self.shots, str):
            low, high = self.shots
            levels = zip(scene['images'], scene['mean'])
            return [name for name, level in levels if low <= level <= high]
        return [scene['bright']] if scene['bright'] else []
