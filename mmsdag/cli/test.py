"""``tools/test.py``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmengine
import numpy as np
from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner

from mmsdag.utils import register_safe_loading, write_atomically
from mmsdag.utils.checkpoint import check_fit
from mmsdag.utils.image_writer import write_image
from mmsdag.utils.launch import (
    clear_errors,
    load_config,
    start_processes,
    stop_processes,
    tool_parser,
)
from mmsdag.utils.memory import keep_freed_memory

DESCRIPTION = "Test a trained model: run the config's test set, report its metrics."
EXAMPLES = """\
  # the checkpoint of a training, on the test set of its config
  python tools/test.py configs/zero_dce/zero-dce_1xb8-1k_brackets.py \\
      work_dirs/zero-dce_1xb8-1k_brackets/iter_1000.pth

  # write the metrics to a file, and the results as pictures
  python tools/test.py CONFIG CHECKPOINT --out metrics.json --show-dir results

  # two processes (GPUs if there are two, else CPU cores)
  bash tools/dist_test.sh CONFIG CHECKPOINT 2
"""
OUT_FORMATS = ('json', 'yaml', 'yml', 'pkl')


class _SaveEnhanced(Hook):
    """Write the images of an enhancer's test.

    Args:
        folder: Where to write ``<name of the input>.png``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def after_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Write the images of a batch."""
        for number, sample in enumerate(outputs):
            image = sample.output.pred_img.permute(1, 2, 0).numpy()
            source = sample.get('img_path') or f'{batch_idx}_{number}'
            write_image(
                self.folder / f'{Path(source).stem}.png',
                np.clip(np.rint(image), 0, 255).astype(np.uint8),
            )


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = tool_parser(DESCRIPTION, EXAMPLES)
    parser.add_argument('checkpoint', help='checkpoint file (.pth)')
    parser.add_argument('--out', help='file for the metrics: .json, .yaml or .pkl')
    parser.add_argument(
        '--tta',
        action='store_true',
        help="test-time augmentation, by the config's tta_model and tta_pipeline",
    )
    parser.add_argument(
        '--show-dir',
        type=Path,
        metavar='DIR',
        help='folder for pictures: what detectors and segmentors find, drawn '
        "by their config's visualization hook; what enhancers make, as PNGs",
    )
    return parser.parse_args(argv)


def prepare(args: argparse.Namespace) -> Config:
    """Read and complete the config; join the other processes.

    Raises:
        ValueError: If the config cannot be tested, or an option does not fit
            it.
    """
    cfg = load_config(args)
    for key in ('model', 'test_dataloader', 'test_cfg', 'test_evaluator'):
        if cfg.get(key) is None:
            raise ValueError(f'config {args.config!r} has no {key}, so there is nothing to test')
    if args.out and Path(args.out).suffix[1:] not in OUT_FORMATS:
        raise ValueError(
            f'--out {args.out}: choose a name that ends in one '
            f'of {", ".join("." + f for f in OUT_FORMATS)}'
        )
    if args.show_dir:
        draw_results(cfg, args.show_dir)
    if args.tta:
        augment(cfg, args.config)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    start_processes(cfg)
    return cfg


def draw_results(cfg: Config, folder: Path) -> None:
    """Let the config's visualization hook draw into a folder.

    Without such a hook nothing is changed: see :class:`_SaveEnhanced`.
    """
    hook = _visualization(cfg)
    if not hook:
        return
    hook.draw = True
    # MMEngine and mmdet would put a relative path into the work dir.
    where = str(folder.resolve())
    if hook.type.endswith('DetVisualizationHook'):
        hook.test_out_dir = where
    else:
        hook.interval = 1
        cfg.visualizer.save_dir = where


def _visualization(cfg: Config) -> ConfigDict | None:
    return (cfg.get('default_hooks') or {}).get('visualization')


def augment(cfg: Config, name: str) -> None:
    """Wrap the model for test-time augmentation.

    Raises:
        ValueError: If the config has no ``tta_model`` or ``tta_pipeline``, or
            only its test pipeline enhances the images.
    """
    missing = [key for key in ('tta_model', 'tta_pipeline') if not cfg.get(key)]
    if missing:
        raise ValueError(
            f'--tta: config {name!r} has no {" and no ".join(missing)}; leave '
            '--tta out, or inherit a config of mmdet or mmseg that has them'
        )
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    if _enhances(dataset.get('pipeline')) and not _enhances(cfg.tta_pipeline):
        raise ValueError(
            f'--tta: the test pipeline of config {name!r} has EnhanceImage, its tta_pipeline does '
            'not, so that the images would not be enhanced; put it there too, after '
            'LoadImageFromFile, or take the data preprocessor that enhances'
        )
    dataset.pipeline = cfg.tta_pipeline


def _enhances(node: Any) -> bool:
    """Whether there is an ``EnhanceImage`` in a nested pipeline."""
    if isinstance(node, dict):
        kind = node.get('type')
        name = kind if isinstance(kind, str) else getattr(kind, '__name__', '')
        return name.split('.')[-1] == 'EnhanceImage' or any(map(_enhances, node.values()))
    return isinstance(node, (list, tuple)) and any(map(_enhances, node))


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    keep_freed_memory()
    register_safe_loading()
    try:
        with clear_errors(config=args.config):
            cfg = prepare(args)
            runner = Runner.from_cfg(cfg)
            model = runner.model
            while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
                model = model.module
            check_fit(model, args.checkpoint, 'checkpoint')
            if args.show_dir and not _visualization(cfg):
                if not hasattr(model, 'generator'):
                    raise ValueError(
                        f'--show-dir: config {args.config!r} has no default_hooks.visualization, '
                        'as those of mmdet and mmseg have; leave --show-dir out or add one'
                    )
                runner.register_hook(_SaveEnhanced(args.show_dir))
            runner.test_loop  # noqa: B018  (builds the dataset)
        metrics = runner.test()
        if args.out and is_main_process():
            text = mmengine.dump(metrics, file_format=Path(args.out).suffix[1:])
            write_atomically(args.out, text if isinstance(text, bytes) else text.encode())
        return metrics
    finally:
        stop_processes()
