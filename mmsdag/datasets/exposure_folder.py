"""Exposure brackets: scenes shot several times, dark to bright."""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mmsdag.registry import DATASETS

from .low_light_folder import LowLightFolderDataset

SHOTS = ('all', 'dark', 'bright')


@DATASETS.register_module()
class ExposureFolderDataset(LowLightFolderDataset):
    """Some of the shots of some scenes, in a folder of exposure brackets.

    ``ann_file`` is a JSON list with an object for each scene: ``images`` (its
    file names), ``dark`` (names of those too dark) and ``bright`` (the name of
    the well-exposed one, or null).

    Args:
        data_root: The folder.
        ann_file: The list of the scenes.
        shots: ``'dark'``, ``'bright'`` (normal light) or ``'all'``.
        scene_range: First and last scene, both included; None is open. A scene
            has the number in the name of its first image, and is in or out as
            a whole, so that ``(None, 900)`` and ``(901, None)`` share none.
        **kwargs: See :class:`LowLightFolderDataset`.

    Raises:
        FileNotFoundError: No list, or listed images that are not there.
        ValueError: A list of another format, or without such shots.
    """

    METAINFO = dict(dataset_type='exposure_folder', task_name='enhancement')

    def __init__(self,
                 data_root: str,
                 ann_file: str = 'scenes.json',
                 shots: str = 'all',
                 scene_range: tuple[int | None, int | None] = (None, None),
                 **kwargs: Any) -> None:
        if shots not in SHOTS:
            raise ValueError(f'shots={shots!r} is none of {", ".join(SHOTS)}')
        first, last = scene_range
        self.shots = shots
        self.first = float('-inf') if first is None else first
        self.last = float('inf') if last is None else last
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def read_list(self) -> list[str]:
        """Names of the chosen shots."""
        try:
            scenes = json.loads(Path(self.ann_file).read_text('utf-8'))
            names = [
                name for scene in scenes if self._in_range(scene['images'][0])
                for name in self._chosen(scene)
            ]
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise ValueError(
                f'{type(self).__name__}: ann_file={self.ann_file!r} must be a '
                'JSON list of scenes with images, dark and bright '
                f'({type(error).__name__}: {error})') from error
        if not names:
            raise ValueError(
                f'{self.ann_file}: no {self.shots} shots in scenes '
                f'{self.first} to {self.last}: widen scene_range or shots')
        return names

    def _chosen(self, scene: dict) -> list[str]:
        if self.shots == 'all':
            return scene['images']
        if self.shots == 'dark':
            return scene['dark']
        return [scene['bright']] if scene['bright'] else []

    def _in_range(self, name: str) -> bool:
        if self.first == float('-inf') and self.last == float('inf'):
            return True
        number = re.search(r'\d+', name)
        if number is None:
            raise ValueError(f'scene_range needs a number in {name!r}')
        return self.first <= int(number[0]) <= self.last
