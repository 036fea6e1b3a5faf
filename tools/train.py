"""Train a model from a config."""
from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.utils import find_latest_checkpoint, load_checkpoint
from mmsdag.utils.env import package_versions
from mmsdag.utils.launch import (
    clear_errors,
    load_config,
    start_processes,
    stop_processes,
    tool_parser,
)
from mmsdag.utils.memory import keep_freed_memory

EXAMPLES = """\
  # the short recipe of stage one, on your own photographs
  python tools/train.py configs/sdag/sdag_vgg16_1xb16-10k_folder.py \\
      --cfg-options train_dataloader.dataset.data_root=photos

  # a run was killed: go on, to the very weights it would have had
  python tools/train.py CONFIG --resume

  # two processes (GPUs where there are two, CPU cores else)
  bash tools/dist_train.sh CONFIG 2

  # another place, fewer iterations, no validation
  python tools/train.py CONFIG --work-dir runs/a --no-validate \\
      --cfg-options train_cfg.max_iters=1000
"""


class _Started(Hook):
    """Knows whether an iteration was trained."""
    yes = False

    def after_train_iter(self, *args, **kwargs) -> None:
        self.yes = True


def parse_args(argv: Sequence[str] | None = None):
    parser = tool_parser(__doc__, EXAMPLES)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint; without one (or with "auto"), from '
        'the latest in the work dir, or from the beginning if there is none')
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision by MMEngine, on a GPU; on a CPU use '
        '--cfg-options model.amp_dtype=auto')
    parser.add_argument(
        '--no-validate', action='store_true', help='train without validation')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the ratio of the batch size (times '
        "processes) to the config's auto_scale_lr.base_batch_size")
    parser.add_argument('--seed', type=int, help='seed of all randomness')
    parser.add_argument(
        '--deterministic',
        action='store_true',
        help='only deterministic algorithms, on a GPU, too; slower')
    return parser.parse_args(argv)


def use_amp(cfg: Config) -> None:
    """Put ``AmpOptimWrapper`` in the place of ``OptimWrapper``.

    Raises:
        ValueError: Without a GPU, or for another wrapper.
    """
    if get_device() == 'cpu':
        raise ValueError(
            "--amp needs a GPU (MMEngine's AmpOptimWrapper): on a CPU leave "
            'it out and set --cfg-options model.amp_dtype=auto')
    wrappers = cfg.optim_wrapper
    several = [
        wrapper for wrapper in wrappers.values()
        if isinstance(wrapper, dict) and 'optimizer' in wrapper
    ]
    for wrapper in [wrappers] if 'optimizer' in wrappers else several:
        kind = wrapper.get('type', 'OptimWrapper')
        if kind not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise ValueError(f'--amp does not go with optim_wrapper of type '
                             f'{kind!r}: leave it out')
        wrapper.type = 'AmpOptimWrapper'
        wrapper.setdefault('loss_scale', 'dynamic')


def set_resume(cfg: Config, resume: str | None) -> None:
    """Find and check the checkpoint to start or to go on from.

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
        if latest is None:
            print_log(
                f'nothing to resume from in {cfg.work_dir}: starting from '
                'the beginning', 'current')
        resume = latest and str(latest)
    cfg.resume = resume is not None
    if resume is not None:
        cfg.load_from = resume
    source = cfg.get('load_from')
    if source and '://' not in source:
        lacking = {'meta', 'message_hub', 'optimizer'
                   } - load_checkpoint(source).keys()
        if resume is not None and lacking:
            raise ValueError(
                f'checkpoint {source!r} holds weights but no '
                f'{", ".join(sorted(lacking))}, so training cannot go on '
                f'from it: --cfg-options load_from={source} starts anew from '
                'its weights')


def prepare(args) -> Config:
    """Read and complete the config; join the other processes."""
    cfg = load_config(args)
    for key in ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper'):
        if cfg.get(key) is None:
            raise ValueError(f'config {args.config!r} has no {key}, so there '
                             'is nothing to train')
    if args.amp:
        use_amp(cfg)
    if args.no_validate:
        for key in ('val_cfg', 'val_dataloader', 'val_evaluator'):
            cfg[key] = None
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise ValueError(
                f'--auto-scale-lr: config {args.config!r} does not say for '
                'which batch size its learning rate is; add '
                '--cfg-options auto_scale_lr.base_batch_size=16 or the like')
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
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    started = _Started()
    keep_freed_memory()
    try:
        with clear_errors(unless=lambda: started.yes):
            cfg = prepare(args)
            runner = Runner.from_cfg(cfg)
            runner.register_hook(started)
            runner.logger.info(
                ', '.join(f'{k} {v}' for k, v in package_versions().items()))
            runner.train()
        runner.logger.info(
            f'done: checkpoints and logs are in {Path(cfg.work_dir)}')
    finally:
        stop_processes()


if __name__ == '__main__':
    main()
