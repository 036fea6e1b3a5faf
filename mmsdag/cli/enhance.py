"""``mmsdag enhance`` and ``tools/enhance.py``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mmsdag.utils.image_writer import RESULT_SUFFIXES
from mmsdag.utils.options import add_option

from .arguments import edge, new_parser

if TYPE_CHECKING:
    from mmsdag.apis import FolderReport, LowLightInferencer

DESCRIPTION = 'Enhance photographs, folders of them, and videos.'
DEFAULT_MODEL = 'zero_dce.sdag'

_RESULTS = """
Results have the names of their inputs, as PNG by default, and are written to
{out}; a folder's sub-folders are kept. Existing results are skipped, so that an
interrupted run continues. To run another model, choose another folder or add
--overwrite. Files that cannot be read are skipped and listed at the end; the
exit status is then 1. It is 2 if nothing could be started.
"""
EXAMPLES = (
    _RESULTS.format(out='--out')
    + """
examples:
  mmsdag enhance photo.jpg
  mmsdag enhance a.jpg holiday/ --out bright --model zero_dce
  mmsdag enhance clip.mp4 --out bright.mp4
  # 16-bit results; on a machine with little memory
  mmsdag enhance holiday/ --bit-depth 16 --tile 256
  # a model that you trained
  mmsdag enhance dark/ --model my_config.py \\
      --checkpoint work_dirs/my_config/iter_1000.pth
"""
)
FOLDER_EXAMPLES = (
    _RESULTS.format(out='OUT_DIR')
    + """
examples:
  python tools/enhance.py configs/zero_dce/zero-dce_1xb8-1k_brackets.py \\
      checkpoints/zero-dce_1xb8-1k_brackets_seed0.pth photos/ enhanced/
  # four GPUs, a quarter of the images each
  torchrun --nproc-per-node 4 tools/enhance.py CONFIG CHECKPOINT IN_DIR OUT_DIR
  # 16-bit results; on a machine with little memory
  python tools/enhance.py CONFIG CHECKPOINT IN_DIR OUT_DIR --bit-depth 16 \\
      --tile 256
"""
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``mmsdag enhance``."""
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='PHOTO',
        help='photographs, folders of them, or videos (these need PyAV)',
    )
    add_option(
        parser, '--model', DEFAULT_MODEL, 'a name that `mmsdag models` lists, or a config file'
    )
    parser.add_argument(
        '--checkpoint', type=Path, metavar='FILE', help='weights, for a config of your own'
    )
    parser.add_argument('--weights', type=Path, help=argparse.SUPPRESS)
    add_option(
        parser,
        '--out',
        'enhanced',
        'folder of the results, or the file of the only one',
        metavar='DIR',
    )
    add_option(
        parser,
        '--steady',
        0.5,
        'of videos: time over which the brightness is averaged within a shot; 0: not at all',
        metavar='SECONDS',
    )
    _add_options(parser)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--overwrite', action='store_true', help='enhance also the images whose results exist'
    )
    parser.add_argument(
        '--device', help="'cpu', 'cuda', 'cuda:1', ...; by default CUDA if there is one"
    )
    parser.add_argument(
        '--amp-dtype',
        choices=['bfloat16', 'float16', 'auto'],
        help='faster, a few 8-bit levels less precise; auto: bfloat16 where '
        'the hardware has it. By default float32',
    )
    parser.add_argument(
        '--tile',
        type=edge,
        default='auto',
        metavar='auto|SIZE|0',
        help='images of more than SIZE x SIZE pixels go through the network in tiles of that size; '
        '0: never cut. By default the size that 1 GiB (CUDA: 4) of memory allows',
    )
    parser.add_argument(
        '--when',
        type=_when,
        metavar='dark|LUMA',
        help="enhance only images whose mean luma is below LUMA, in (0, 1]; 'dark' is 0.21. Others "
        'are written as they are. By default all are enhanced',
    )
    parser.add_argument(
        '--batch-size',
        type=int,
        help='images of one size that go through the network together; by '
        'default 8, but 1 on a CPU, where more is not faster',
    )
    parser.add_argument(
        '--bit-depth',
        type=int,
        choices=[8, 16],
        default=8,
        help='bits per channel of the results (default: 8)',
    )
    parser.add_argument(
        '--format', choices=RESULT_SUFFIXES, help='format of the results (default: png)'
    )
    parser.add_argument('--quality', type=int, help='of JPEG and WebP, 1 to 100 (default: 95)')
    parser.add_argument(
        '--keep-metadata',
        action='store_true',
        help='copy date, place and camera from the EXIF data; by default no EXIF data are written',
    )


def _when(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


def run(args: argparse.Namespace) -> int:
    """Enhance the inputs of ``mmsdag enhance``; return the exit status."""
    from mmsdag.apis import plan_images
    from mmsdag.apis.video import videos_in
    from mmsdag.utils.launch import clear_errors
    from mmsdag.utils.moved import one_checkpoint

    with clear_errors():
        args.checkpoint = one_checkpoint(
            args.checkpoint, 'mmsdag enhance', **{'--weights': args.weights}
        )
    videos = list(videos_in(args.inputs))
    images = [path for path in args.inputs if path not in videos]
    status = 0
    if images:
        status = _enhance(
            lambda: plan_images(images, args.out, args.format),
            images,
            args.model,
            args.checkpoint,
            args,
        )
    return max(status, _enhance_videos(videos, args) if videos else 0)


def _enhance_videos(videos: Sequence[str], args: argparse.Namespace) -> int:
    from mmsdag.apis.video import Steadier, check_pyav, enhance_video, plan_video
    from mmsdag.utils.launch import clear_errors

    with clear_errors():
        check_pyav()
        pairs = [plan_video(path, args.out) for path in videos]
        targets = [target for _, target in pairs]
        for source, target in pairs:
            if targets.count(target) > 1:
                raise ValueError(
                    f'{str(source)!r} and another video would both be written to {str(target)!r}: '
                    'rename one, or give a folder as --out'
                )
        Steadier(args.steady)
        inferencer = _inferencer(args.model, args.checkpoint, args)
    failed = 0
    for source, target in pairs:
        if target.exists() and not args.overwrite:
            print(f'{target}: exists, skipped')
            continue
        try:
            report = enhance_video(inferencer, source, target, args.steady, progress=True)
        except ValueError as error:
            failed += 1
            print(f'error: {error}', file=sys.stderr)
            continue
        print(f'{target}: {report}')
    return 1 if failed else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``tools/enhance.py``; ``argv`` without the program's name."""
    parser = new_parser('Enhance a folder of low-light photographs.', FOLDER_EXAMPLES)
    parser.add_argument('config', help='config file, or name of one of the package')
    parser.add_argument(
        'checkpoint',
        help="weights of that model; 'none' for an enhancer without any, such as a gamma curve",
    )
    parser.add_argument('in_dir', help='folder of photographs')
    parser.add_argument('out', metavar='out_dir', help='folder of the results; not inside IN_DIR')
    _add_options(parser)
    args = parser.parse_args(argv)

    from mmsdag.apis import plan_folder

    return _enhance(
        lambda: plan_folder(args.in_dir, args.out, args.format or 'png'),
        [args.in_dir],
        args.config,
        None if args.checkpoint == 'none' else args.checkpoint,
        args,
    )


def _enhance(
    plan: Callable[[], list[tuple[Path, Path]]],
    inputs: Sequence[str],
    model: str,
    checkpoint: str | Path | None,
    args: argparse.Namespace,
) -> int:
    # After the arguments, because these take seconds.
    from mmsdag.apis import enhance_folder
    from mmsdag.utils.launch import clear_errors
    from mmsdag.utils.memory import keep_freed_memory

    rank = int(os.environ.get('RANK', 0))
    world_size = int(os.environ.get('WORLD_SIZE', 1))
    keep_freed_memory()
    with clear_errors():
        pairs = plan()[rank::world_size]
        report = enhance_folder(
            _inferencer(model, checkpoint, args),
            pairs,
            overwrite=args.overwrite,
            bit_depth=args.bit_depth,
            batch_size=args.batch_size,
            progress=rank == 0,
            quality=args.quality,
            keep_metadata=args.keep_metadata,
        )
    reports = _of_all_processes(report)
    total = sum(reports[1:], reports[0])
    if rank == 0 or len(reports) == 1:
        print(f'results in {args.out}: {total}')
        _name_others(inputs)
    return 1 if total.failed else 0


def _inferencer(
    model: str, checkpoint: str | Path | None, args: argparse.Namespace
) -> LowLightInferencer:
    from mmsdag.apis import LowLightInferencer

    return LowLightInferencer(
        model,
        checkpoint,
        device=_device(args.device),
        tile=args.tile,
        amp_dtype=args.amp_dtype,
        when=args.when,
    )


def _name_others(inputs: Sequence[str]) -> None:
    """Print which files of the folders are not images."""
    from mmsdag.apis.paths import checked_path, others_in
    from mmsdag.datasets.low_light_folder import named

    for folder in filter(Path.is_dir, map(checked_path, inputs)):
        others = others_in(folder)
        if others:
            print(f'{len(others)} other files in {folder} were skipped:{named(others)}')


def _device(name: str | None) -> str | None:
    """Give each process of a machine, under torchrun, a GPU of its own."""
    import torch

    if name in (None, 'cuda') and torch.cuda.is_available():
        local_rank = int(os.environ.get('LOCAL_RANK', 0))
        return f'cuda:{local_rank % torch.cuda.device_count()}'
    return name


def _of_all_processes(report: FolderReport) -> list[FolderReport]:
    """Collect the reports of all processes of torchrun, or return this one.

    It also lets them end together: torchrun stops the others when one ends
    with an error, as those with a broken file do.
    """
    from torch import distributed

    if not distributed.is_torchelastic_launched():
        return [report]
    distributed.init_process_group('gloo', timeout=timedelta(days=30))
    reports = [report] * distributed.get_world_size()
    distributed.all_gather_object(reports, report)
    distributed.destroy_process_group()
    return reports
