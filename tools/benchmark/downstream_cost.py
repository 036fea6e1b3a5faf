"""Measure the cost of an enhancer before a stock detector or segmentor.

Time and memory of a test step. All variants run in one process, in turn, round
after round, so that a busy machine slows all of them; differences and ratios
are taken within a round. The detector or segmentor runs before each
measurement, as in a test loop, so that the caches hold its data.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from measuring import add_options, check_options, clock_of, conditions, progress, timed
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope

from mmsdag.cli.arguments import new_parser
from mmsdag.datasets.transforms import EnhanceImage
from mmsdag.models import load_enhancer
from mmsdag.models.precision import autocast
from mmsdag.utils import write_atomically
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.memory import keep_freed_memory
from mmsdag.utils.system import PeakMemory
from mmsdag.utils.tables import markdown_head, markdown_row, markdown_table

EXAMPLES = """\
columns:
  step            milliseconds per image, preprocessing included: median,
                  and range over the rounds
  added           time of the enhancing data preprocessor minus that of the
                  stock one: median
  enhancer        time of the enhancer by itself, on the same images on the
                  device, in [0, 1], one after the other
  added/enhancer  1: the data preprocessor costs no more than the enhancer
  memory          peak of a step above the memory in use before it, MiB

examples:
  python tools/benchmark/downstream_cost.py                # some minutes
  python tools/benchmark/downstream_cost.py --quick        # a test run
  python tools/benchmark/downstream_cost.py --device cuda --markdown cost.md
"""


class Recognizer(NamedTuple):
    """A stock config, and height and width of its images."""

    config: str
    preprocessor: str
    size: tuple[int, int]


class Enhancer(NamedTuple):
    """Argument of ``load_enhancer``, and the precision."""

    config: dict | str
    amp_dtype: str | None = None


RECOGNIZERS = {
    'yolox-nano': Recognizer(
        'mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
        'mmsdag.EnhancedDetDataPreprocessor',
        (416, 416),
    ),
    'deeplabv3plus-r50': Recognizer(
        'mmseg::deeplabv3plus/deeplabv3plus_r50-d8_4xb2-40k_cityscapes-512x1024.py',
        'mmsdag.EnhancedSegDataPreprocessor',
        (512, 1024),
    ),
}
#: Names as `mmsdag models` lists them, with ", auto" for the precision.
CLASSICAL = ('fixed_gamma', 'clahe', 'histogram', 'retinex', 'lime')
LEARNED = ('zero_dce', 'zero_dce, auto', 'zero_dce_pp', 'sci', 'ruas')
ENHANCERS = (*CLASSICAL, *LEARNED)
#: Height and width of the photograph for EnhanceImage.
PHOTO = (512, 512)


@dataclass
class Row:
    """Measurements of one variant; seconds of an image, one a round."""

    recognizer: str
    enhancer: str
    step: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    memory: int | None = None


def enhancer_of(name: str) -> Enhancer:
    """Return one of :data:`ENHANCERS`."""
    enhancer, _, amp_dtype = name.partition(', ')
    return Enhancer(enhancer, amp_dtype or None)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = new_parser(__doc__, EXAMPLES)
    parser.add_argument(
        '--recognizers', '--recognisers', nargs='*', choices=RECOGNIZERS, default=list(RECOGNIZERS)
    )
    parser.add_argument('--enhancers', nargs='*', choices=ENHANCERS, default=list(ENHANCERS))
    parser.add_argument(
        '--batch-size',
        type=int,
        metavar='N',
        help="images per step (default: that of the config's test_dataloader)",
    )
    parser.add_argument(
        '--no-memory',
        action='store_true',
        help='do not measure the memory, which takes a process per row',
    )
    add_options(parser, tables='the tables')
    return parser.parse_args(argv)


def photograph(size: tuple[int, int]) -> np.ndarray:
    """Return a dark ramp with noise, (H, W, 3), BGR, uint8."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 60, size[1])[None, :, None]
    return (ramp + rng.uniform(0, 40, (*size, 3))).astype(np.uint8)


def batch_of(name: str, size: tuple[int, int], count: int | None = None) -> dict:
    """Return a batch as the test dataloader gives it."""
    config = RECOGNIZERS[name].config
    if config.startswith('mmdet'):
        from mmdet.structures import DetDataSample as Sample
    else:
        from mmseg.structures import SegDataSample as Sample
    photo = torch.from_numpy(photograph(size)).permute(2, 0, 1)
    count = count or get_config(config).test_dataloader.batch_size
    meta = dict(img_shape=size, ori_shape=size, scale_factor=(1.0, 1.0))
    return dict(
        # Each in memory of its own.
        inputs=[photo.roll(i, 1).contiguous() for i in range(count)],
        data_samples=[Sample(metainfo=meta) for _ in range(count)],
    )


def recognizer_with(name: str, enhancer: str | None, device: str) -> Any:
    """Build a stock model with random weights, with or without enhancer."""
    recognizer = RECOGNIZERS[name]
    scope = recognizer.config.split('::')[0]
    model: Config = get_config(recognizer.config).model
    if enhancer is not None:
        config, amp_dtype = enhancer_of(enhancer)
        model.data_preprocessor.update(
            type=recognizer.preprocessor, enhancer=config, amp_dtype=amp_dtype
        )
    with DefaultScope.overwrite_default_scope(scope):
        torch.manual_seed(0)
        built = MODELS.build(model)
    return revert_sync_batchnorm(built).to(device).eval()


def enhancer_alone(name: str, device: str) -> Callable[[Sequence[torch.Tensor]], None]:
    """Return the enhancer alone, for images (1, 3, H, W), RGB, [0, 1]."""
    config, amp_dtype = enhancer_of(name)
    network: Any = load_enhancer(config).to(device)

    @torch.no_grad()
    def run(images: Sequence[torch.Tensor]) -> None:
        with autocast(amp_dtype, images[0].device):
            for image in images:
                network.enhance(image)

    return run


def measure(
    name: str,
    size: tuple[int, int],
    enhancers: Sequence[str],
    rounds: int,
    device: str,
    clock: Callable[[], float],
    count: int | None,
) -> list[Row]:
    """Measure the rows of a detector or segmentor, without the memory."""
    data = batch_of(name, size, count)
    stock = recognizer_with(name, None, device)
    # One recognizer, with one data preprocessor after the other.
    preprocessors = {
        enhancer: recognizer_with(name, enhancer, device).data_preprocessor
        for enhancer in enhancers
    }
    alone = {e: enhancer_alone(e, device) for e in enhancers}
    images = [
        (image[None].flip(1).to(device).float() / 255).to(memory_format=torch.channels_last)
        for image in data['inputs']
    ]
    rows = {'none': Row(name, 'none')}
    rows.update({e: Row(name, e) for e in enhancers})
    plain = stock.data_preprocessor(data, False)

    def recognize(prepared: dict) -> float:
        # The second half of test_step, after the data preprocessor.
        return timed(partial(stock, **prepared, mode='predict'), device, clock)

    def prepare(preprocessor: Callable) -> tuple[float, float]:
        """Return the seconds of the data preprocessor and of the step."""
        prepared: dict = {}
        seconds = timed(lambda: prepared.update(preprocessor(data, False)), device, clock)
        return seconds, seconds + recognize(prepared)

    with torch.no_grad():
        recognize(plain)
        for number in range(-1, rounds):
            theirs = 0.0
            for enhancer, row in rows.items():
                progress(f'{name}, {enhancer}: round {number + 1} of {rounds}')
                ours, step = prepare(preprocessors.get(enhancer, stock.data_preprocessor))
                if enhancer == 'none':
                    theirs, itself = ours, 0.0
                else:
                    itself = timed(partial(alone[enhancer], images), device, clock)
                    recognize(plain)
                if number < 0:
                    continue  # the first round warms up
                row.step.append(step / len(images))
                if enhancer != 'none':
                    row.added.append((ours - theirs) / len(images))
                    row.alone.append(itself / len(images))
    return list(rows.values())


def peak_memory(
    name: str, enhancer: str | None, size: tuple[int, int], device: str, count: int | None
) -> int | None:
    """Return the peak memory of a step in bytes; see PeakMemory.

    On a CPU it needs a process of its own.
    """
    keep_freed_memory()
    model = recognizer_with(name, enhancer, device)
    data = batch_of(name, size, count)
    memory = PeakMemory(device)
    with torch.no_grad():
        model.test_step(data)
    return memory.bytes()


def measure_memory(
    rows: Sequence[Row], size: tuple[int, int], device: str, count: int | None = None
) -> None:
    """Measure the memory of the rows, in place."""
    if not PeakMemory.available(device):
        return
    context = multiprocessing.get_context('spawn')
    for row in rows:
        progress(f'{row.recognizer}, {row.enhancer}: memory')
        enhancer = None if row.enhancer == 'none' else row.enhancer
        arguments = (row.recognizer, enhancer, size, device, count)
        if device != 'cpu':
            row.memory = peak_memory(*arguments)
            continue
        # A process for each row: another row would leave memory to reuse.
        with context.Pool(1) as pool:
            row.memory = pool.apply(peak_memory, arguments)


def measure_cache(
    enhancers: Sequence[str], size: tuple[int, int], rounds: int, clock: Callable[[], float]
) -> dict[str, dict[str, list[float]]]:
    """Time ``EnhanceImage`` without a cache, with a cold and a warm one."""
    image = photograph(size)
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in enhancers:
            config, amp_dtype = enhancer_of(name)
            plain, cached = (
                EnhanceImage(config, cache_dir=cache, amp_dtype=amp_dtype)
                for cache in (None, folder)
            )
            own: dict[str, list[float]] = dict(plain=[], cold=[], warm=[])
            for number in range(-1, rounds):
                progress(f'EnhanceImage, {name}: round {number + 1} of {rounds}')
                # Other pixels, so that there is no entry.
                fresh = np.roll(image, number + 2, axis=0)
                for kind, transform in (('plain', plain), ('cold', cached), ('warm', cached)):
                    seconds = timed(partial(transform, dict(img=fresh)), 'cpu', clock)
                    if number >= 0:
                        own[kind].append(seconds)
            times[name] = own
    return times


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure everything, and describe the machine."""
    check_options(args)
    if args.batch_size is not None and args.batch_size < 1:
        raise ValueError(f'--batch-size {args.batch_size}: must be 1 or more')
    clock = clock_of(args)
    rounds, part = (min(args.rounds, 2), 4) if args.quick else (args.rounds, 1)
    rows: list[Row] = []
    for name in args.recognizers:
        height, width = RECOGNIZERS[name].size
        size = (height // part, width // part)
        measured = measure(name, size, args.enhancers, rounds, args.device, clock, args.batch_size)
        if not args.no_memory:
            measure_memory(measured, size, args.device, args.batch_size)
        progress('')
        # Now, so that a run that is cut off loses no row that is done.
        if not rows:
            print(HEADER)
        print('\n'.join(map(line, measured)), flush=True)
        rows += measured
    cache = measure_cache(args.enhancers, (PHOTO[0] // part, PHOTO[1] // part), rounds, clock)
    progress('')
    return dict(rows=rows, cache=cache, about=dict(**conditions(args), rounds=rounds))


def _milliseconds(times: Sequence[float]) -> str:
    return f'{statistics.median(times) * 1e3:.1f}' if times else ''


HEADER = markdown_head(
    (
        'recognizer',
        'enhancer',
        'step ms',
        'range',
        'added',
        'enhancer',
        'added/enhancer',
        'memory MiB',
    )
)


def line(row: Row) -> str:
    """Return a row as a line of the Markdown table."""
    ratios = [a / b for a, b in zip(row.added, row.alone)]
    return markdown_row(
        (
            row.recognizer,
            row.enhancer,
            _milliseconds(row.step),
            f'{min(row.step) * 1e3:.0f}-{max(row.step) * 1e3:.0f}',
            _milliseconds(row.added),
            _milliseconds(row.alone),
            f'{statistics.median(ratios):.2f}' if ratios else '',
            '' if row.memory is None else f'{row.memory / 2**20:.0f}',
        )
    )


def cache_table(cache: dict[str, dict[str, list[float]]]) -> str:
    """Return the times of ``EnhanceImage`` as a Markdown table."""
    return markdown_table(
        ('EnhanceImage, ms', 'no cache', 'cold cache', 'warm cache'),
        ((name, *map(_milliseconds, times.values())) for name, times in cache.items()),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; ``argv`` without the name of the program."""
    args = parse_args(argv)
    # Messages of the models would break the table.
    warnings.simplefilter('ignore')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    keep_freed_memory()
    cv2.setNumThreads(0)  # as MMEngine's Runner has it
    with clear_errors():
        results = run(args)
    text = '\n'.join((HEADER, *map(line, results['rows']), '', cache_table(results['cache'])))
    print('', cache_table(results['cache']), sep='\n')
    for name, value in results['about'].items():
        print(f'{name.replace("_", " ")}: {value}')
    if args.json:
        results['rows'] = [asdict(row) for row in results['rows']]
        write_atomically(args.json, json.dumps(results, indent=2).encode())
    if args.markdown:
        write_atomically(args.markdown, f'{text}\n'.encode())


if __name__ == '__main__':
    main()
