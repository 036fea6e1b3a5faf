"""Image metrics, size and speed of the compared methods."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from compared_methods import Method
from mmengine.config import Config
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from mmsdag.models.loading import network_config
from mmsdag.models.runner import EnhancerRunner
from mmsdag.registry import DATASETS, METRICS
from mmsdag.utils import write_atomically
from mmsdag.utils.configs import config_folder, find_config
from mmsdag.utils.hashing import digest, file_digest
from mmsdag.version import __version__

#: (height, width) in pixels.
Size = tuple[int, int]


class Judge:
    """Image metrics of enhanced photographs, kept from call to call.

    Args:
        config: A config with a ``test_dataloader``.
        device: Where to enhance.
        folder: Where the metrics of each checkpoint are kept.
    """

    def __init__(self, config: str | Path, device: str, folder: Path) -> None:
        cfg = Config.fromfile(find_config(config))
        if not cfg.get('test_dataloader'):
            raise ValueError(f'--data {config}: it has no test_dataloader')
        init_default_scope(cfg.get('default_scope', 'mmsdag'))
        self.dataset = DATASETS.build(cfg.test_dataloader.dataset)
        paired = 'gt_img' in self.dataset[0]['data_samples']
        kind = 'paired' if paired else 'unpaired'
        self.metrics = _metrics(config_folder() / '_base_' / 'evaluation' / f'{kind}.py')
        self.evaluator = Evaluator(list(self.metrics.values()))
        self.device = device
        self.folder = folder
        images = [self.dataset.get_data_info(i) for i in range(len(self.dataset))]
        self.judged_by = [__version__, images, list(self.metrics)]

    def kept_at(self, method: Method, checkpoint: str | None) -> Path:
        """Return the file of a checkpoint's metrics.

        Its name depends on everything that the metrics depend on.
        """
        network = method.enhancer and network_config(method.enhancer)[0]
        key = digest([self.judged_by, network, checkpoint and file_digest(checkpoint)])
        return self.folder / f'{key[:20]}.json'

    def figures(self, method: Method, checkpoint: str | None, bar: tqdm) -> dict[str, float]:
        """Return the mean metrics over the photographs, by name."""
        path = self.kept_at(method, checkpoint)
        if path.is_file():
            bar.update(len(self.dataset))
            return json.loads(path.read_text())
        runner = EnhancerRunner(
            method.build(checkpoint), method.name, device=torch.device(self.device)
        )
        for index in range(len(self.dataset)):
            packed = self.dataset[index]
            # (3, H, W), BGR, [0, 255], as metrics have them.
            image = packed['inputs'].float()
            enhanced = runner.enhance_rgb(image.flip(0)[None].to(self.device) / 255)
            sample = packed['data_samples'].to_dict()
            sample['input'] = image
            sample['output'] = dict(pred_img=enhanced[0].flip(0).cpu() * 255)
            self.evaluator.process([sample])
            bar.update()
        figures = self.evaluator.evaluate(len(self.dataset))
        write_atomically(path, json.dumps(figures).encode())
        return figures


def _metrics(path: Path) -> dict[str, Any]:
    """Build the metrics of a config, without LPIPS if it has no weights."""
    metrics = {}
    for config in Config.fromfile(path).test_evaluator:
        try:
            metrics[json.dumps(config)] = METRICS.build(config)
        except FileNotFoundError as error:
            print(f'without {config.type}: {error}', file=sys.stderr)
    return metrics


def judge_all(methods: Sequence[Method], judge: Judge) -> None:
    """Compute the image metrics of every method, in place."""
    count = sum(len(m.checkpoints) for m in methods) * len(judge.dataset)
    with tqdm(total=count, unit='image', disable=None) as bar:
        for method in methods:
            bar.set_description(method.name)
            seeds = [judge.figures(method, c, bar) for c in method.checkpoints]
            method.figures.update(
                (name, float(np.mean([s[name] for s in seeds]))) for name in seeds[0]
            )


def used_parameters(network: Any) -> int:
    """Count the parameters that an enhanced image depends on."""
    parameters = list(network.parameters())
    if not parameters:
        return 0
    network.requires_grad_(True)
    with torch.enable_grad():
        image = network.enhance(torch.full((1, 3, 64, 64), 0.3))
        if not image.requires_grad:  # it computes without gradients
            return sum(p.numel() for p in parameters)
        gradients = torch.autograd.grad(image.sum(), parameters, allow_unused=True)
    network.requires_grad_(False)
    return sum(p.numel() for p, g in zip(parameters, gradients) if g is not None)


def flops(network: Any, size: Size, device: str) -> int:
    """Count the operations for an image: see the help."""
    # Fused with what follows them, convolutions would not be counted.
    with torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
        network.enhance(torch.full((1, 3, *size), 0.3, device=device))
    return counter.get_total_flops()


def seconds(
    network: Any, size: Size, device: str, repeats: int, clock: Callable[[], float]
) -> float:
    """Return the median time for an image."""
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
