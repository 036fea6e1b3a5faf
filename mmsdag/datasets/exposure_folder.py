"""Exposure brackets: scenes shot several times, dark to bright."""
from __future__ import annotations

from typing import Any

from mmsdag.registry import DATASETS
from mmsdag.utils.image_io import inspect_image

from .image_lists import read_scenes
from .low_light_folder import LowLightFolderDataset, named

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
        paired: Give ``gt_path``, too, the well-exposed shot of the scene; the
            shots of scenes without one are left out.
        **kwargs: See :class:`LowLightFolderDataset`.

    Raises:
        FileNotFoundError: No list, or listed images that are not there.
        ValueError: A list of another format, or without such shots; or pairs
            whose shots differ in size.
    """

    METAINFO = dict(dataset_type='exposure_folder', task_name='enhancement')

    def __init__(self,
                 data_root: str,
                 ann_file: str = 'scenes.json',
                 shots: str = 'all',
                 scene_range: tuple[int | None, int | None] = (None, None),
                 paired: bool = False,
                 **kwargs: Any) -> None:
        if shots not in SHOTS:
            raise ValueError(f'shots={shots!r} is none of {", ".join(SHOTS)}')
        self.shots = shots
        self.scene_range = scene_range
        self.paired = paired
        self._bright: dict[str, str] = {}
        super().__init__(data_root=data_root, ann_file=ann_file, **kwargs)

    def read_list(self) -> list[str]:
        """Return the names of the chosen shots."""
        bright = {
            name: scene['bright']
            for scene in read_scenes(self.ann_file, self.scene_range,
                                     ('images', 'dark', 'bright'))
            for name in self._chosen(scene)
            if scene['bright'] or not self.paired
        }
        if not bright:
            raise ValueError(
                f'{self.ann_file}: no {self.shots} shots in scenes '
                f'{self.scene_range[0]} to {self.scene_range[1]}: widen '
                'scene_range or shots')
        self._bright = bright
        return list(bright)

    def load_data_list(self) -> list[dict]:
        """Add ``gt_path`` to what the folder gives, for pairs."""
        infos = super().load_data_list()
        if not self.paired:
            return infos
        bright = {
            str(self.folder / name): str(self.folder / other)
            for name, other in self._bright.items()
        }
        sizes = {path: inspect_image(path) for path in set(bright.values())}
        differing = []
        for info in infos:
            path = info['gt_path'] = bright[info['img_path']]
            if sizes[path] != (info['height'], info['width']):
                differing.append('{img_path}: {height}x{width}, {gt_path}: '
                                 '{}x{}'.format(*sizes[path], **info))
        if differing:
            raise ValueError(
                f'paired=True: {len(differing)} of {len(infos)} shots in '
                f'{self.folder} are not of the size of the well-exposed '
                f'one:{named(differing)}')
        return infos

    def _chosen(self, scene: dict) -> list[str]:
        if self.shots == 'all':
            return scene['images']
        if self.shots == 'dark':
            return scene['dark']
        return [scene['bright']] if scene['bright'] else []
