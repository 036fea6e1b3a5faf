"""``tools/train.py``."""

from __future__ import annotations

import argparse
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmsdag.registry import MODELS
from mmsdag.utils import find_latest_checkpoint, load_checkpoint, register_safe_loading
from mmsdag.utils.env import package_versions
from mmsdag.utils.launch import (
    clear_errors,
    load_config,
    start_processes,
    stop_processes,
    tool_parser,
)
from mmsdag.utils.memory import keep_freed_memory

DESCRIPTION = 'Train a model from a config.'
EXAMPLES = """\
  # the short recipe of stage one, on your own photographs
  python tools/train.py configs/sdag/sdag_vgg16_1xb16-10k_folder.py \\
      --cfg-options train_dataloader.dataset.data_root=photos

  # continue a run that was killed; the result is the same to the bit
  python tools/train.py CONFIG --resume

  # two processes (GPUs if there are two, else CPU cores)
  bash tools/dist_train.sh CONFIG 2

  # another place, fewer iterations, no validation
  python tools/train.py CONFIG --work-dir runs/a --no-validate \\
      --cfg-options train_cfg.max_iters=1000
"""


class _Started(Hook):
    """Notice the first finished iteration."""

    yes = False

    def after_train_iter(self, *args: Any, **kwargs: Any) -> None:
        self.yes = True


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = tool_parser(DESCRIPTION, EXAMPLES)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='continue from a checkpoint; without a value, or with "auto", from the latest in the '
        'work dir, or from the beginning if there is none',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help="mixed precision by MMEngine's AmpOptimWrapper (float16, loss "
        'scaling), on a GPU. Models of this package have a setting of their '
        'own, --cfg-options model.amp_dtype=auto, which works on a CPU, too',
    )
    parser.add_argument('--no-validate', action='store_true', help='train without validation')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the ratio of the batch size (times '
        "processes) to the config's auto_scale_lr.base_batch_size",
    )
    parser.add_argument('--seed', type=int, help='seed of all randomness')
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='use only deterministic algorithms, also on a GPU; slower',
    )
    return parser.parse_args(argv)


def use_amp(cfg: Config) -> None:
    """Replace ``OptimWrapper`` by ``AmpOptimWrapper``.

    A model's own ``amp_dtype`` stays in force inside the model; a message
    says so.

    Raises:
        ValueError: Without a GPU, or for another wrapper.
    """
    model = cfg.get('model') or {}
    own = model.get('amp_dtype')
    if get_device() == 'cpu':
        raise ValueError(
            "--amp needs a GPU (MMEngine's AmpOptimWrapper): leave it out"
            + (
                f'; the config has model.amp_dtype={own!r}, which works on a CPU, too'
                if own
                else ' and set --cfg-options model.amp_dtype=auto'
                if _has_amp_dtype(model)
                else ' and train in float32'
            )
        )
    if own:
        print_log(
            f'--amp: inside the model, its own model.amp_dtype={own!r} stays '
            'in force; --amp adds float16 outside of it and loss scaling. '
            'For float16 throughout, --cfg-options model.amp_dtype=None',
            'current',
        )
    wrappers: ConfigDict = cfg.optim_wrapper
    several: list[ConfigDict] = [
        wrapper
        for wrapper in wrappers.values()
        if isinstance(wrapper, ConfigDict) and 'optimizer' in wrapper
    ]
    for wrapper in [wrappers] if 'optimizer' in wrappers else several:
        kind = wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise ValueError(f'--amp does not go with optim_wrapper of type {kind!r}: leave it out')
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')


def _has_amp_dtype(model: dict) -> bool:
    """Return whether the model's class takes ``amp_dtype``."""
    kind = model.get('type')
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    # Subclasses hand further keywords on.
    return any(
        'amp_dtype' in inspect.signature(c.__init__).parameters
        for c in getattr(found, '__mro__', ())
    )


def set_resume(cfg: Config, resume: str | None) -> None:
    """Find and check the checkpoint to start or to continue from.

    Args:
        cfg: Config; ``load_from`` and ``resume`` are set.
        resume: A file, ``'auto'``, or None for what the config says.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If it cannot be read, or to resume it holds too little.
    """
    if resume is None and cfg.get('resume'):
        resume = cfg.get('load_from') or 'auto'
    if resume == 'auto':
        latest = find_latest_checkpoint(cfg.work_dir)
        resume = str(latest) if latest else None
        if latest is None:
            print_log(
                f'nothing to resume from in {cfg.work_dir}: starting from the beginning', 'current'
            )
    cfg.resume = resume is not None
    if resume is not None:
        cfg.load_from = resume
    source = cfg.get('load_from')
    if source and '://' not in source:
        lacking = {'meta', 'message_hub', 'optimizer'} - load_checkpoint(source).keys()
        if resume is not None and lacking:
            raise ValueError(
                f'checkpoint {source!r} holds weights but no {", ".join(sorted(lacking))}, so '
                f'training cannot continue from it: --cfg-options load_from={source} starts a new '
                'training from its weights'
            )


def check_schedules(cfg: Config) -> None:
    """Check that the parameter schedulers begin before the training ends.

    Raises:
        ValueError: If one does not, as after ``train_cfg.max_iters`` has been
            lowered for a trial.
    """
    schedulers = cfg.get('param_scheduler') or []
    if not isinstance(schedulers, list):
        return
    for index, scheduler in enumerate(schedulers):
        unit = 'max_epochs' if scheduler.get('by_epoch', True) else 'max_iters'
        last = cfg.train_cfg.get(unit)
        begin = scheduler.get('begin', 0)
        if last is not None and begin >= last and 'end' not in scheduler:
            raise ValueError(
                f'param_scheduler[{index}].begin={begin} of {scheduler.get("type")} is not '
                f'before the end of the training, train_cfg.{unit}={last}: train longer, or '
                f'lower it with --cfg-options param_scheduler.{index}.begin=0'
            )


def prepare(args: argparse.Namespace) -> Config:
    """Read and complete the config; join the other processes.

    Raises:
        ValueError: If the config cannot be trained, or an option does not
            fit it.
    """
    cfg = load_config(args)
    for key in ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'):
        if cfg.get(key) is None:
            raise ValueError(f'config {args.config!r} has no {key}, so there is nothing to train')
    check_schedules(cfg)
    if args.amp:
        use_amp(cfg)
    if args.no_validate:
        for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
            cfg[key] = None
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise ValueError(
                f'--auto-scale-lr: config {args.config!r} does not name the batch size of its '
                'learning rate; add --cfg-options auto_scale_lr.base_batch_size=16 or the like'
            )
        cfg.auto_scale_lr.enable = True
    cfg.setdefault('randomness', dict(seed=None))
    if args.seed is not None:
        cfg.randomness.seed = args.seed
    if args.deterministic:
        # cuBLAS is deterministic only with this, set before it is used.
        os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
        cfg.randomness.deterministic = True
    set_resume(cfg, args.resume)
    start_processes(cfg)
    return cfg


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    started = _Started()
    keep_freed_memory()
    register_safe_loading()
    try:
        with clear_errors(lambda: started.yes, args.config):
            cfg = prepare(args)
            runner = Runner.from_cfg(cfg)
            runner.register_hook(started)
            runner.logger.info(', '.join(f'{k} {v}' for k, v in package_versions().items()))
            runner.train()
        runner.logger.info(f'done: checkpoints and logs are in {Path(cfg.work_dir)}')
    finally:
        stop_processes()
