"""The three trainings of enhancement in the demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from mmsdag.utils import load_checkpoint
from mmsdag.utils.configs import config_folder
from mmsdag.utils.launch import check_options
from mmsdag.utils.system import duration

from .options import DemoOptions
from .photographs import Photographs
from .steps import training_seconds


class Stage(NamedTuple):
    """A training: its name in paths, its config, its title in the report."""

    name: str
    config: str
    title: str


STAGES = (
    Stage('unguided', 'zero-dce_demo.py', 'Zero-DCE without guidance'),
    Stage('sdag', 'sdag_demo.py', 'SDAG'),
    Stage('guided', 'zero-dce-sdag_demo.py', 'Zero-DCE guided by SDAG'),
)


def stage_config(stage: Stage, options: DemoOptions) -> Config:
    """Read the config of a training and apply the options.

    Raises:
        ValueError: If ``options.cfg_options`` has a key that it lacks.
    """
    cfg = Config.fromfile(config_folder() / 'demo' / stage.config)
    check_options(cfg.to_dict(), options.cfg_options)
    cfg.merge_from_dict(options.cfg_options)
    cfg.work_dir = str(options.out / 'training' / stage.name)
    cfg.randomness.seed = options.seed
    cfg.train_dataloader.sampler.seed = options.seed
    if stage.name == 'sdag' and options.extractor:
        cfg.model.generator.extractor.init_cfg.checkpoint = options.extractor
    if stage.name == 'guided':
        cfg.custom_hooks[0].checkpoint = str(options.weights('sdag'))
    return cfg


def set_data(stage: Stage, cfg: Config, photographs: Photographs, options: DemoOptions) -> None:
    """Set the training folder in a config.

    SDAG trains on well-lit photographs if there are some, else on the dark
    ones as the unguided Zero-DCE enhances them.
    """
    folder = 'dark'
    if stage.name == 'sdag' and photographs.paired:
        folder = 'bright'
    elif stage.name == 'sdag':
        cfg.model.enhancer = dict(
            type='mmsdag.ZeroDCENet',
            init_cfg=dict(
                type='Pretrained', checkpoint=str(options.weights('unguided')), prefix='generator.'
            ),
        )
    cfg.train_dataloader.dataset.data_root = str(photographs.folder / folder)


def check_extractor(cfg: Config) -> None:
    """Find the frozen layers of VGG-16 before anything is trained.

    Args:
        cfg: Config of the training of SDAG.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If it does not hold these layers.
    """
    source = cfg.model.generator.extractor.init_cfg
    path = Path(source.checkpoint).resolve()
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist: SDAG takes the frozen layers of VGG-16 from this file of the '
            'repository. Restore it, or name another checkpoint of SDAG with --extractor'
        )
    names = load_checkpoint(path).get('state_dict', {})
    if not any(name.startswith(source.prefix) for name in names):
        raise ValueError(
            f'{path} holds no weights {source.prefix}*: name a checkpoint of SDAG with --extractor'
        )


def stage_facts(stage: Stage, cfg: Config, history: dict) -> dict[str, Any]:
    """Return a row of the report's table of trainings."""
    seconds = training_seconds(history)
    iterations = max(history['time'])
    crop = cfg.train_dataloader.dataset.pipeline[1].crop_size
    return dict(
        title=stage.title,
        config=f'configs/demo/{stage.config}',
        iterations=iterations,
        batch=f'{cfg.train_dataloader.batch_size} × {crop[0]}²',
        time=duration(seconds),
        per_iteration=f'{seconds / iterations:.2f} s',
    )
