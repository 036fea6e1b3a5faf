"""Options, errors and processes of the command-line tools."""

from __future__ import annotations

import argparse
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.config.utils import ConfigParsingError
from mmengine.device import get_device
from mmengine.registry import MODEL_WRAPPERS
from mmengine.runner import Runner
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from .configs import CONFIG_SUFFIXES, environment_hint
from .env import environment_report
from .options import add_override_option
from .suggestions import similar

#: Errors that wrong input raises; all others are faults of this package.
USER_ERRORS = (AssertionError, ImportError, KeyError, OSError, TypeError, ValueError)

#: Variables that a launcher sets: rank, world size, local rank.
_RANK_VARIABLES = dict(
    pytorch=('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    slurm=('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    mpi=('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
)

#: Top-level keys that MMEngine reads besides the arguments of ``Runner``.
_RUNNER_EXTRAS = (
    'activation_checkpointing',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'sync_bn',
)


@contextmanager
def clear_errors(
    unless: Callable[[], bool] = lambda: False, config: str | os.PathLike | None = None
) -> Iterator[None]:
    """Report errors of the user's input in one sentence, exit status 2.

    Args:
        unless: Where it returns true, errors pass with their traceback.
        config: Config file of the tool. If a path in the message is the
            default of one of its environment variables, this is named.
    """
    try:
        yield
    except USER_ERRORS as error:
        if os.environ.get('MMSDAG_TRACEBACK') or unless():
            raise
        # str(KeyError) is the repr of its message.
        text = (
            str(error.args[0] if isinstance(error, KeyError) and error.args else error)
            or type(error).__name__
        )
        hint = environment_hint(config, text) if config else ''
        print(
            *filter(None, (f'error: {text}', hint, '(MMSDAG_TRACEBACK=1 shows the traceback)')),
            sep='\n',
            file=sys.stderr,
        )
        raise SystemExit(2) from None


class _PrintEnvironment(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> None:
        print(environment_report())
        parser.exit()


def tool_parser(description: str, examples: str) -> argparse.ArgumentParser:
    """Return a parser with the common options of training and testing."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=f'examples:\n{examples}',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('config', help='config file (.py)')
    parser.add_argument(
        '--work-dir',
        help='folder for logs, checkpoints and results; by default the '
        "config's work_dir, else ./work_dirs/<name of the config>",
    )
    add_override_option(
        parser,
        'settings of the config, for example train_cfg.max_iters=1000 '
        'optim_wrapper.optimizer.lr=1e-4; lists as key="[a,b]", without blanks; items of a list as '
        'train_pipeline.0.key=value',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='how the processes were started; dist_*.sh and slurm_*.sh set '
        'it. Without a GPU the processes communicate by gloo',
    )
    parser.add_argument(
        '--local_rank', '--local-rank', type=int, default=0, help='set by launchers, not by hand'
    )
    parser.add_argument(
        '--env',
        nargs=0,
        action=_PrintEnvironment,
        help='print versions and devices, for a bug report, and exit',
    )
    return parser


def load_config(args: argparse.Namespace) -> Config:
    """Read the config of a tool and apply the options that override it.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If it cannot be parsed, or an option names nothing in it.
    """
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    if not Path(args.config).is_file():
        raise FileNotFoundError(
            f'config {args.config!r} does not exist; configs/ has some to start from'
        )
    try:
        cfg = Config.fromfile(args.config)
    except (ConfigParsingError, SyntaxError) as error:
        raise ValueError(f'config {args.config!r}: {error}') from error
    except FileNotFoundError as error:
        # An environment variable may choose among bases.
        missing = Path(error.filename or '').resolve()
        if missing.suffix not in CONFIG_SUFFIXES:
            raise
        others = sorted(path.stem for path in missing.parent.glob('*.py'))
        raise FileNotFoundError(
            f'config {args.config!r}: its base {str(missing)!r} does not '
            f'exist; there are: {", ".join(others) or "none"}'
        ) from error
    options = args.cfg_options
    check_options(cfg.to_dict(), options)
    cfg.merge_from_dict(options)
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = str(Path('work_dirs') / Path(args.config).stem)
    return cfg


def check_options(cfg: Mapping, options: Mapping[str, Any]) -> None:
    """Refuse misspelled keys, which MMEngine would silently add.

    Every key but the last of a dotted path must exist. The last may be new
    (an argument that the config leaves at its default), unless it resembles
    an existing one.

    Raises:
        ValueError: For a key that does not exist; names the existing ones.
    """
    known = {*inspect.signature(Runner).parameters, *_RUNNER_EXTRAS}
    for option in options:
        node: Any = cfg
        path = option.split('.')
        for depth, key in enumerate(path):
            if isinstance(node, (list, tuple)):
                node = {str(i): item for i, item in enumerate(node)}
                extensible = False
            else:
                extensible = isinstance(node, Mapping) and depth > 0
            names = list(node) if isinstance(node, Mapping) else []
            if key in names:
                node = node[key]
                continue
            if depth == 0 and key in known:
                node = {}
                continue
            slip = similar(key, names if depth else {*names, *known}, 1, 0.8)
            if extensible and depth == len(path) - 1 and not slip:
                break
            where = '.'.join(path[:depth]) or 'the config'
            hint = (
                f'did you mean {slip[0]!r}?'
                if slip
                else f'it has {", ".join(sorted(names)) or "no keys"}'
            )
            raise ValueError(f'--cfg-options {option}: {where} has no {key!r}; {hint}')


def start_processes(cfg: Config) -> None:
    """Join the other processes on a CPU, where MMEngine cannot.

    MMEngine's launchers always call CUDA. Here the processes communicate by
    gloo, and the config's model wrapper gets no devices. Nothing is done
    without a launcher, or on GPUs, where MMEngine's launchers do it.

    Args:
        cfg: Config whose ``launcher`` is set; changed in place.

    Raises:
        ValueError: If the launcher's variables are missing, or there are more
            processes than GPUs.
    """
    if cfg.launcher == 'none':
        return
    names = _RANK_VARIABLES[cfg.launcher]
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ValueError(
            f'--launcher {cfg.launcher} needs {", ".join(missing)} in the environment: start '
            'through tools/dist_*.sh or tools/slurm_*.sh, or leave --launcher out'
        )
    rank, world_size, local_rank = (os.environ[name] for name in names)
    if get_device() == 'cuda' and int(local_rank) >= torch.cuda.device_count():
        raise ValueError(
            f'process {local_rank}: only {torch.cuda.device_count()} GPUs; start at most as many '
            'processes as GPUs, or set CUDA_VISIBLE_DEVICES= to train on the CPU'
        )
    if get_device() != 'cpu':
        return
    os.environ.update(RANK=rank, WORLD_SIZE=world_size, LOCAL_RANK=local_rank)
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')
    distributed.init_process_group('gloo')
    cfg.setdefault(
        'model_wrapper_cfg',
        dict(
            type='MMDistributedDataParallel',
            broadcast_buffers=False,
            find_unused_parameters=cfg.get('find_unused_parameters', False),
        ),
    )
    wrapper = MODEL_WRAPPERS.get(
        cfg.model_wrapper_cfg.setdefault('type', 'MMDistributedDataParallel')
    )
    if wrapper and issubclass(wrapper, DistributedDataParallel):
        cfg.model_wrapper_cfg.device_ids = None


def stop_processes() -> None:
    """Leave the other processes, if there are any."""
    if distributed.is_available() and distributed.is_initialized():
        if sys.exc_info()[0] is None:
            # One that leaves first aborts those that still talk to it.
            distributed.barrier()
        distributed.destroy_process_group()
