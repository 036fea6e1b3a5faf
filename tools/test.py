"""Test a trained model: run the config's test set, report its metrics."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mmengine
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

import mmsdag  # noqa: F401  (registers everything)
from mmsdag.utils import load_checkpoint, write_atomically
from mmsdag.utils.launch import (
    clear_errors,
    load_config,
    start_processes,
    stop_processes,
    tool_parser,
)
from mmsdag.utils.memory import keep_freed_memory

EXAMPLES = """\
  # what a training left, on the test set of its config
  python tools/test.py configs/zero_dce/zero-dce_1xb8-1k_brackets.py \\
      work_dirs/zero-dce_1xb8-1k_brackets/iter_1000.pth

  # metrics into a file
  python tools/test.py CONFIG CHECKPOINT --out metrics.json

  # two processes (GPUs where there are two, CPU cores else)
  bash tools/dist_test.sh CONFIG CHECKPOINT 2
"""
OUT_FORMATS = ('json', 'yaml', 'yml', 'pkl')


def parse_args(argv: Sequence[str] | None = None):
    parser = tool_parser(__doc__, EXAMPLES)
    parser.add_argument('checkpoint', help='checkpoint file (.pth)')
    parser.add_argument(
        '--out', help='file for the metrics: .json, .yaml or .pkl')
    return parser.parse_args(argv)


def prepare(args) -> Config:
    """Read and complete the config; join the other processes."""
    cfg = load_config(args)
    for key in ('model', 'test_dataloader', 'test_cfg', 'test_evaluator'):
        if cfg.get(key) is None:
            raise ValueError(f'config {args.config!r} has no {key}, so there '
                             'is nothing to test')
    if args.out and Path(args.out).suffix[1:] not in OUT_FORMATS:
        raise ValueError(f'--out {args.out}: choose a name that ends in one '
                         f'of {", ".join("." + f for f in OUT_FORMATS)}')
    cfg.load_from = args.checkpoint
    cfg.resume = False
    start_processes(cfg)
    return cfg


def check_fit(runner: Runner, path: str) -> None:
    """See that a checkpoint is one of this model.

    MMEngine only warns of weights that it does not find, even if it finds
    none.

    Raises:
        ValueError: If no weight fits by name and shape.
    """
    if '://' in path:
        return
    content = load_checkpoint(path)
    weights = content.get('state_dict', content)
    model = runner.model.module if is_model_wrapper(
        runner.model) else runner.model
    own = model.state_dict()
    if own and not any(
            name in weights and weights[name].shape == value.shape
            for name, value in own.items()):
        raise ValueError(
            f'checkpoint {path!r} is not one of {type(model).__name__}: none '
            f"of its weights ({', '.join(list(weights)[:2])}, ...) fits the "
            f"model's ({', '.join(list(own)[:2])}, ...); files of the "
            "methods' authors go through tools/convert_checkpoint.py first")


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    keep_freed_memory()
    try:
        with clear_errors():
            cfg = prepare(args)
            runner = Runner.from_cfg(cfg)
            check_fit(runner, args.checkpoint)
            runner.test_loop  # noqa: B018  (builds the dataset)
        metrics = runner.test()
        if args.out and is_main_process():
            text = mmengine.dump(
                metrics, file_format=Path(args.out).suffix[1:])
            write_atomically(
                args.out, text if isinstance(text, bytes) else text.encode())
        return metrics
    finally:
        stop_processes()


if __name__ == '__main__':
    main()
