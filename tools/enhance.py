"""Enhance a folder of low-light photographs."""
from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsdag.apis import FolderReport

EXAMPLES = """
PNGs of the same names are written to OUT_DIR, in the same sub-folders. What
is there already is skipped, so that an interrupted run goes on where it was.
A file that cannot be read is left out and named at the end; the exit status
is then 1. It is 2 if nothing could be started.

examples:
  python tools/enhance.py configs/zero_dce/zero-dce_1xb8-1k_brackets.py \\
      checkpoints/zero-dce_1xb8-1k_brackets_seed0.pth photos/ enhanced/
  # four GPUs, a quarter of the images each
  torchrun --nproc-per-node 4 tools/enhance.py CONFIG CHECKPOINT IN_DIR OUT_DIR
  # 16-bit results; on a machine with little memory
  python tools/enhance.py CONFIG CHECKPOINT IN_DIR OUT_DIR --bit-depth 16 \\
      --tile 256
"""


def _tile(text: str) -> int | str:
    return text if text == 'auto' else int(text)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'config', help='config file, or name of one of the package')
    parser.add_argument(
        'checkpoint',
        help="weights of that model; 'none' for an enhancer without any, such "
        'as a gamma curve')
    parser.add_argument('in_dir', type=Path, help='folder of photographs')
    parser.add_argument(
        'out_dir', type=Path, help='folder of the results; not inside IN_DIR')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='enhance also the images whose results exist')
    parser.add_argument(
        '--device',
        help="'cpu', 'cuda', 'cuda:1', ...; by default CUDA if there is one")
    parser.add_argument(
        '--amp-dtype',
        choices=['bfloat16', 'float16', 'auto'],
        help='faster, a few 8-bit levels less precise; auto: bfloat16 where '
        'the hardware has it. By default float32')
    parser.add_argument(
        '--tile',
        type=_tile,
        default='auto',
        metavar='auto|SIZE|0',
        help='images of more than SIZE x SIZE pixels go through the network '
        'in pieces of that size, 0: always whole. By default what 1 GiB '
        '(CUDA: 4) of memory allows')
    parser.add_argument(
        '--batch-size',
        type=int,
        help='images of one size that go through the network together; by '
        'default 8, but 1 on a CPU, where more is not faster')
    parser.add_argument(
        '--bit-depth',
        type=int,
        choices=[8, 16],
        default=8,
        help='bits a channel of the results (default: 8)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    rank = int(os.environ.get('RANK', 0))
    world_size = int(os.environ.get('WORLD_SIZE', 1))

    # After the arguments, because these take seconds.
    from mmsdag.apis import LowLightInferencer, enhance_folder, plan_folder
    from mmsdag.utils.launch import clear_errors
    from mmsdag.utils.memory import keep_freed_memory

    keep_freed_memory()
    with clear_errors():
        pairs = plan_folder(args.in_dir, args.out_dir)[rank::world_size]
        inferencer = LowLightInferencer(
            args.config,
            None if args.checkpoint == 'none' else args.checkpoint,
            device=_device(args.device),
            tile=args.tile,
            amp_dtype=args.amp_dtype)
        report = enhance_folder(
            inferencer,
            pairs,
            overwrite=args.overwrite,
            bit_depth=args.bit_depth,
            batch_size=args.batch_size,
            progress=rank == 0)
    reports = _of_all_processes(report)
    total = sum(reports[1:], reports[0])
    if rank == 0 or len(reports) == 1:
        print(total)
    return 1 if total.failed else 0


def _device(name: str | None) -> str | None:
    """Under torchrun, each process of a machine takes another GPU."""
    import torch
    if name in (None, 'cuda') and torch.cuda.is_available():
        local_rank = int(os.environ.get('LOCAL_RANK', 0))
        return f'cuda:{local_rank % torch.cuda.device_count()}'
    return name


def _of_all_processes(report: FolderReport) -> list[FolderReport]:
    """Collect the reports of all that torchrun started, or give this one.

    It also makes them end together: torchrun stops the others when one ends
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


if __name__ == '__main__':
    sys.exit(main())
