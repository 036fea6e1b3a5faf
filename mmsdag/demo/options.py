"""Options of the demonstration."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmsdag.utils.configs import config_folder


def _checkpoint(name: str) -> Path:
    return config_folder().parent / 'checkpoints' / name


@dataclass
class DemoOptions:
    """Options of the demonstration.

    Attributes:
        out: Folder of everything that is written.
        data: Folder of dark photographs; None for the embedded ones.
        seed: Seed of the photographs and trainings.
        max_side: Larger photographs are scaled down to this side, in pixels.
        extractor: SDAG checkpoint with the frozen VGG-16 layers; None for
            that of ``configs/demo/sdag_demo.py``.
        cfg_options: Overrides of the configs of the three trainings of
            enhancement.
        scenes: Number of rendered scenes to train the recognizers on; 0 skips
            recognition.
        scenes_options: Overrides of the configs of the recognizers.
    """

    out: Path = Path('work_dirs/demo')
    data: Path | None = None
    seed: int = 0
    max_side: int = 512
    extractor: str | None = None
    cfg_options: dict[str, Any] = field(default_factory=dict)
    scenes: int = 320
    scenes_options: dict[str, Any] = field(default_factory=dict)

    def weights(self, stage: str) -> Path:
        """Return the file of a stage's trained weights."""
        return self.out / 'checkpoints' / f'{stage}.pth'


@dataclass
class RecognitionOptions:
    """Options of the benchmark on rendered night scenes.

    Attributes:
        out: Folder of everything that is written.
        unguided: Checkpoint of a Zero-DCE.
        guided: Checkpoint of a Zero-DCE that SDAG guided.
        train: Number of scenes to train on.
        test: Number of scenes to test on.
        seed: Seed of the scenes and trainings.
        cfg_options: Overrides of the configs of both trainings.
    """

    out: Path = Path('work_dirs/night_scenes')
    unguided: Path = field(
        default_factory=lambda: _checkpoint('zero-dce_1xb8-1k_brackets_seed0.pth')
    )
    guided: Path = field(
        default_factory=lambda: _checkpoint('zero-dce-sdag_1xb8-1k_brackets_seed0.pth')
    )
    train: int = 320
    test: int = 120
    seed: int = 0
    cfg_options: dict[str, Any] = field(default_factory=dict)

    def weights(self, task: str) -> Path:
        """Return the file of a recognizer's trained weights."""
        return self.out / 'checkpoints' / f'{task}.pth'

    def picture(self, number: int, condition: str, task: str) -> Path:
        """Return the file of a picture; task ``plain`` has no drawing."""
        return self.out / 'pictures' / f'{number:04} {condition} {task}.png'

    @property
    def shown(self) -> range:
        """Indices of the scenes that are shown: the first ones."""
        return range(min(3, self.test))
