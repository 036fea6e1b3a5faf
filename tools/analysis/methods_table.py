"""Every enhancer in one table: how its images look, its size and its speed.

Enhances the photographs of a test set (by default the dark bracket shots of
held-out scenes), judges them by the metrics of configs/_base_/evaluation/,
counts parameters and operations, and takes the time. Prints Markdown and
writes methods.md and methods.csv. Called again, it judges only what is new or
has changed; time is always taken anew.
"""
from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

import mmsdag
from mmsdag.models.enhancers.build import build_enhancer, enhancer_config
from mmsdag.registry import DATASETS, METRICS
from mmsdag.utils import write_atomically
from mmsdag.utils.configs import find_config
from mmsdag.utils.launch import clear_errors
from mmsdag.utils.memory import keep_freed_memory
from mmsdag.utils.model_index import trained_models

EXAMPLES = """\
examples:
  # images as they are, classical enhancers, every committed checkpoint
  python tools/analysis/methods_table.py

  # some of your own; "none" for an enhancer without weights
  python tools/analysis/methods_table.py \\
      mine=my_config.py:work_dirs/mine/iter_1000.pth

  # the enhancers of a benchmark, with what recognisers make of them
  python tools/benchmark_downstream.py configs/benchmark/brackets.py
  python tools/analysis/methods_table.py \\
      --spec configs/benchmark/brackets.py --sizes 600x400 1920x1080 \\
      --downstream work_dirs/benchmark/brackets/figures.csv

A method with several checkpoints (seeds) has their mean. Operations are those
of convolutions and matrix products, a multiplication and an addition counted
as two (GFLOPs = 2 GMACs). Time is the median of one image at a time in
float32, the network alone.
"""
ROOT = Path(__file__).resolve().parents[2]
EVALUATION = ROOT / 'configs' / '_base_' / 'evaluation'
DATA = ROOT / 'configs' / '_base_' / 'datasets' / 'brackets_test.py'
CLASSICAL = {
    'gamma 2.2': dict(type='mmsdag.GammaEnhancer', gamma=2.2),
    'histogram equalisation': dict(
        type='mmsdag.HistogramEqualizationEnhancer'),
    'CLAHE': dict(type='mmsdag.CLAHEEnhancer'),
    'multi-scale Retinex': dict(type='mmsdag.MultiScaleRetinexEnhancer'),
    'LIME': dict(type='mmsdag.LIMEEnhancer'),
}
#: Digits behind the point, where they are not three.
DIGITS = dict(
    PSNR=2, NIQE=2, LOE=0, entropy=2, parameters=0, GFLOPs=2, ms=1, mAP=1,
    mAP50=1, mIoU=1)
#: Figures of recognisers, as tools/benchmark_downstream.py names them.
DOWNSTREAM = dict(bbox_mAP='mAP', bbox_mAP_50='mAP50', mIoU='mIoU')

Size = tuple[int, int]


class Raw(nn.Module):
    """Leaves images as they are."""

    def enhance(self, x: Tensor) -> Tensor:
        """Images to the same."""
        return x


@dataclass
class Method:
    """A row of the table.

    Attributes:
        name: What it is called, here and in a benchmark's CSV.
        title: Its name for people.
        enhancer: As for ``build_enhancer``; None leaves images as they are.
        checkpoints: One file for each seed; ``[None]`` without weights.
        figures: By the names of the columns.
    """
    name: str
    title: str
    enhancer: Any
    checkpoints: list[str | None] = field(default_factory=lambda: [None])
    figures: dict[str, float] = field(default_factory=dict)

    def build(self, checkpoint: str | None) -> nn.Module:
        """The network with the weights of a checkpoint."""
        if self.enhancer is None:
            return Raw()
        return build_enhancer(self.enhancer, checkpoint)


# What to compare


def named_method(text: str) -> Method:
    """Read ``NAME=CONFIG:CHECKPOINT``."""
    name, _, place = text.partition('=')
    config, _, checkpoint = place.rpartition(':')
    if not (name and config and checkpoint):
        raise argparse.ArgumentTypeError(f'{text!r} is no '
                                         'NAME=CONFIG:CHECKPOINT')
    return Method(name, name, config,
                  [None if checkpoint == 'none' else checkpoint])


def committed_methods() -> list[Method]:
    """The classical enhancers, and what the metafiles have weights of."""
    methods = {'raw': Method('raw', 'raw', None)}
    for name, enhancer in CLASSICAL.items():
        methods[name] = Method(name, name, enhancer)
    for model in trained_models():
        full = model.names[-1]
        name = full.rpartition('_seed')[0] or full
        method = methods.setdefault(name, Method(name, name, model.config, []))
        method.checkpoints.append(str(model.weights))
    return list(methods.values())


def methods_of_spec(path: str) -> list[Method]:
    """The enhancers of a benchmark's spec.

    Raises:
        ValueError: If it has none.
    """
    entries = Config.fromfile(find_config(path)).get('enhancers')
    if not entries:
        raise ValueError(f'--spec {path}: it has no enhancers')
    methods = []
    for name, entry in entries.items():
        entry = entry or {}
        files = entry.get('checkpoint')
        methods.append(
            Method(name, entry.get('title', name), entry.get('enhancer'),
                   files if isinstance(files, list) else [files]))
    return methods


# How the images look


class Judge:
    """Figures of enhanced photographs, kept from call to call.

    Args:
        config: A config with a ``test_dataloader``.
        device: Where to enhance.
        folder: Where the figures of each checkpoint are kept.
    """

    def __init__(self, config: str | Path, device: str, folder: Path) -> None:
        cfg = Config.fromfile(find_config(config))
        if not cfg.get('test_dataloader'):
            raise ValueError(f'--data {config}: it has no test_dataloader')
        init_default_scope(cfg.get('default_scope', 'mmsdag'))
        self.dataset = DATASETS.build(cfg.test_dataloader.dataset)
        paired = 'gt_img' in self.dataset[0]['data_samples']
        kind = 'paired' if paired else 'unpaired'
        self.metrics = _metrics(EVALUATION / f'{kind}.py')
        self.evaluator = Evaluator(list(self.metrics.values()))
        self.device = device
        self.folder = folder
        images = [self.dataset.get_data_info(i)
                  for i in range(len(self.dataset))]
        self.judged_by = [mmsdag.__version__, images, list(self.metrics)]

    def kept_at(self, method: Method, checkpoint: str | None) -> Path:
        """File of a checkpoint's figures: of another name for other ones."""
        weights = checkpoint and hashlib.sha256(
            Path(checkpoint).read_bytes()).hexdigest()
        network = method.enhancer and enhancer_config(method.enhancer)[0]
        key = json.dumps([self.judged_by, network, weights], default=repr)
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / f'{digest[:20]}.json'

    def figures(self, method: Method, checkpoint: str | None,
                bar: tqdm) -> dict[str, float]:
        """Mean figures over the photographs, by name."""
        path = self.kept_at(method, checkpoint)
        if path.is_file():
            bar.update(len(self.dataset))
            return json.loads(path.read_text())
        network = method.build(checkpoint).to(self.device)
        for index in range(len(self.dataset)):
            packed = self.dataset[index]
            # (3, H, W), BGR, [0, 255], as metrics have them.
            image = packed['inputs'].float()
            enhanced = network.enhance(
                image.flip(0)[None].to(self.device) / 255)
            sample = packed['data_samples'].to_dict()
            sample['input'] = image
            sample['output'] = dict(
                pred_img=enhanced[0].flip(0).float().clamp(0, 1).cpu() * 255)
            self.evaluator.process([sample])
            bar.update()
        figures = self.evaluator.evaluate(len(self.dataset))
        write_atomically(path, json.dumps(figures).encode())
        return figures


def _metrics(path: Path) -> dict[str, Any]:
    """Metrics of a config by what makes them, less LPIPS without weights."""
    metrics = {}
    for config in Config.fromfile(path).test_evaluator:
        try:
            metrics[json.dumps(config)] = METRICS.build(config)
        except FileNotFoundError as error:
            print(f'without {config.type}: {error}', file=sys.stderr)
    return metrics


def judge_all(methods: Sequence[Method], judge: Judge) -> None:
    """Fill in how the images of every method look."""
    count = sum(len(m.checkpoints) for m in methods) * len(judge.dataset)
    with tqdm(total=count, unit='image', disable=None) as bar:
        for method in methods:
            bar.set_description(method.name)
            seeds = [judge.figures(method, c, bar) for c in method.checkpoints]
            method.figures.update(
                (name, float(np.mean([s[name] for s in seeds])))
                for name in seeds[0])


# What they cost


def used_parameters(network: nn.Module) -> int:
    """Number of the parameters that an enhanced image depends on."""
    parameters = list(network.parameters())
    if not parameters:
        return 0
    network.requires_grad_(True)
    with torch.enable_grad():
        image = network.enhance(torch.full((1, 3, 64, 64), 0.3))
        if not image.requires_grad:  # it computes without gradients
            return sum(p.numel() for p in parameters)
        gradients = torch.autograd.grad(
            image.sum(), parameters, allow_unused=True)
    network.requires_grad_(False)
    return sum(
        p.numel() for p, g in zip(parameters, gradients) if g is not None)


def flops(network: nn.Module, size: Size, device: str) -> int:
    """Operations for an image (height, width): see the help."""
    # Fused with what follows them, convolutions would not be counted.
    with torch.backends.mkldnn.flags(
            enabled=False), FlopCounterMode(display=False) as counter:
        network.enhance(torch.full((1, 3, *size), 0.3, device=device))
    return counter.get_total_flops()


def seconds(network: nn.Module, size: Size, device: str, repeats: int,
            clock: Callable[[], float]) -> float:
    """Median time for an image (height, width)."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, *size, generator=generator).to(device) * 0.3
    times = []
    for _ in range(repeats + 1):
        start = clock()
        network.enhance(image)
        if device != 'cpu':
            torch.cuda.synchronize()
        times.append(clock() - start)
    # The first makes buffers and threads.
    return statistics.median(times[1:])


def measure_all(methods: Sequence[Method], args: argparse.Namespace) -> None:
    """Fill in size and speed."""
    clock = time.process_time if args.cpu_time else time.perf_counter
    for method in tqdm(methods, unit='method', disable=None):
        network = method.build(method.checkpoints[0])
        method.figures['parameters'] = used_parameters(network)
        network.to(args.device)
        for size in args.sizes:
            label = f'{size[1]}×{size[0]}'
            # Of classical enhancers, nothing that could be counted.
            if count := flops(network, size, args.device):
                method.figures[f'GFLOPs, {label}'] = count / 1e9
            if args.repeats:
                method.figures[f'ms, {label}'] = 1e3 * seconds(
                    network, size, args.device, args.repeats, clock)


# What recognisers make of them


def read_downstream(path: Path,
                    names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Figures of ``tools/benchmark_downstream.py``, in percent, by method.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it has none of the methods.
    """
    if not path.is_file():
        raise FileNotFoundError(f'--downstream {path}: no such file; '
                                'tools/benchmark_downstream.py writes one')
    found: dict[str, dict[str, float]] = {}
    with open(path, newline='') as file:
        for row in csv.DictReader(file):
            if (row['subset'] == 'all' and row['metric'] in DOWNSTREAM
                    and not row['minus']):
                figure = DOWNSTREAM[row['metric']]
                found.setdefault(row['enhancer'], {})[
                    f'{figure}, {row["dataset"]} ({row["recogniser"]})'
                ] = float(row['value'])
    if not found.keys() & set(names):
        raise ValueError(
            f'--downstream {path} is about {", ".join(found)}, none of them '
            f'among {", ".join(names)}: give its spec by --spec')
    return found


# Tables


def columns(methods: Sequence[Method]) -> list[str]:
    """Names of all figures: of images, of cost, of recognisers."""
    last = ['GFLOPs', 'ms', *DOWNSTREAM.values()]
    names = dict.fromkeys(name for m in methods for name in m.figures)
    kinds = {name: name.partition(',')[0] for name in names}
    return sorted(
        names,
        key=lambda n: 1 + last.index(kinds[n]) if kinds[n] in last else 0)


def markdown(methods: Sequence[Method]) -> str:
    """The table for people."""
    names = columns(methods)

    def cells(method: Method) -> Iterator[str]:
        yield method.title
        for name in names:
            value = method.figures.get(name, np.nan)
            digits = DIGITS.get(name.partition(',')[0], 3)
            yield '–' if np.isnan(value) else f'{value:,.{digits}f}'

    lines = [['', *names], ['---'] * (len(names) + 1), *map(cells, methods)]
    return ''.join(f'| {" | ".join(line)} |\n' for line in lines)


def as_csv(methods: Sequence[Method]) -> str:
    """The same, unrounded."""
    buffer = io.StringIO()
    table = csv.DictWriter(
        buffer, ['name', 'title', 'checkpoints', *columns(methods)],
        restval='', lineterminator='\n')
    table.writeheader()
    for method in methods:
        table.writerow(
            dict(
                name=method.name,
                title=method.title,
                checkpoints=' '.join(filter(None, method.checkpoints)),
                **method.figures))
    return buffer.getvalue()


def image_size(text: str) -> Size:
    """Read ``WIDTHxHEIGHT``; returns (height, width)."""
    width, _, height = text.partition('x')
    if not (width.isdigit() and height.isdigit() and int(width)
            and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r} is no WIDTHxHEIGHT')
    return int(height), int(width)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'methods', nargs='*', type=named_method,
        metavar='NAME=CONFIG:CHECKPOINT',
        help='what to compare; by default raw images, the classical '
        'enhancers and every committed checkpoint')
    parser.add_argument(
        '--spec', help='compare the enhancers of a benchmark instead')
    parser.add_argument(
        '--data', default=DATA, metavar='CONFIG',
        help='config with a test_dataloader (default: the dark bracket shots '
        'of held-out scenes)')
    parser.add_argument(
        '--sizes', nargs='+', type=image_size, default=[(400, 600)],
        metavar='WIDTHxHEIGHT',
        help='sizes to count and to time (default: 600x400)')
    parser.add_argument(
        '--repeats', type=int, default=5,
        help='how often to time; 0: not at all (default: %(default)s)')
    parser.add_argument(
        '--threads', type=int, default=1,
        help='of the CPU (default: %(default)s)')
    parser.add_argument(
        '--cpu-time', action='store_true', help='time of the CPU instead of '
        'time on the clock, for a machine that has other work')
    parser.add_argument('--device', default='cpu', help="'cpu' or 'cuda'")
    parser.add_argument(
        '--downstream', type=Path, metavar='CSV',
        help='figures.csv of tools/benchmark_downstream.py, joined by name')
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/methods'), metavar='DIR',
        help='folder for the tables (default: %(default)s)')
    return parser.parse_args(argv)


@torch.no_grad()
def run(args: argparse.Namespace) -> list[Method]:
    """All figures."""
    methods = args.methods or (
        methods_of_spec(args.spec) if args.spec else committed_methods())
    # What can be wrong, before what takes long.
    downstream = args.downstream and read_downstream(
        args.downstream, [method.name for method in methods])
    for method in methods:
        for checkpoint in method.checkpoints:
            method.build(checkpoint)
    judge = Judge(args.data, args.device, args.out / 'judged')
    judge_all(methods, judge)
    measure_all(methods, args)
    for method in methods:
        method.figures.update((downstream or {}).get(method.name, {}))
    return methods


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ``argv`` without the name of the program."""
    args = parse_args(argv)
    warnings.simplefilter('ignore')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    keep_freed_memory()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    with clear_errors():
        methods = run(args)
    text = markdown(methods)
    print(text)
    for name, content in (('methods.md', text), ('methods.csv',
                                                 as_csv(methods))):
        write_atomically(args.out / name, content.encode())
        print(args.out / name)


if __name__ == '__main__':
    main()
