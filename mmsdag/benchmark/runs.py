"""Run the measurements of a benchmark, each into a file of its own."""

from __future__ import annotations

import io
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import BaseTTAModel
from mmengine.runner import Runner
from tqdm import tqdm

from mmsdag.evaluation import DetectionMatches, LabelHits, PixelCounts
from mmsdag.utils import write_atomically
from mmsdag.utils.env import package_versions
from mmsdag.utils.hashing import digest
from mmsdag.utils.quiet import quiet
from mmsdag.utils.system import PeakMemory, device_name, duration

from .collect import COLLECTORS, PerImage, Relabel
from .plan import Plan, Run
from .sources import EvaluationSet, label_table


@dataclass(frozen=True)
class Result:
    """The result of a finished run.

    Attributes:
        run: The run.
        metrics: The stock evaluators' metrics.
        facts: Time, memory, versions and settings.
        per_image: Statistics of each image.
        arrays: Predictions and ground truth, for the pictures.
    """

    run: Run
    metrics: dict[str, float]
    facts: dict[str, Any]
    per_image: PerImage
    arrays: dict[str, np.ndarray]


def _result_path(plan: Plan, run: Run) -> Path:
    return plan.work_dir / 'cells' / f'{run.key}.npz'


def _run_dir(plan: Plan, run: Run) -> Path:
    return plan.work_dir / 'runs' / run.key


def read_result(plan: Plan, run: Run) -> Result | None:
    """Read the result of a run; None if it is missing or damaged."""
    path = _result_path(plan, run)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        facts = json.loads(str(arrays.pop('facts')))
        kind: Any = (
            DetectionMatches
            if 'scores' in arrays
            else LabelHits
            if 'hit' in arrays
            else PixelCounts
        )
        return Result(run, facts.pop('metrics'), facts, kind.from_arrays(arrays), arrays)
    except FileNotFoundError:
        return None
    except Exception as error:  # of any kind: the run is repeated
        print(f'{path} cannot be read; the run is repeated: {error}', file=sys.stderr)
        return None


def run_all(plan: Plan, runs: Sequence[Run], show: Callable[[str], None]) -> dict[Run, str]:
    """Run what is not done yet.

    Args:
        plan: The benchmark.
        runs: Its runs, or some of them.
        show: Function that prints a line.

    Returns:
        The errors of the failed runs; the others are done.
    """
    failed: dict[Run, str] = {}
    waiting = [run for run in runs if read_result(plan, run) is None]
    # Runs may share a key: unchanged images are the same at both plug-ins.
    waiting = list({run.key: run for run in reversed(waiting)}.values())[::-1]
    show(f'{len(runs)} runs: {len(waiting)} to do, {len(runs) - len(waiting)} done already')
    sizes = [len(plan.datasets[run.dataset].infos) for run in waiting]
    with tqdm(total=sum(sizes), unit='image', disable=None) as bar:
        started, done = time.time(), 0
        for number, (run, size) in enumerate(zip(waiting, sizes), start=1):
            bar.set_description(f'{number}/{len(waiting)} {run}')
            try:
                metrics = run_one(plan, run, bar)
            except Exception as error:
                failed[run] = f'{type(error).__name__}: {error}'
                log = _run_dir(plan, run) / 'error.txt'
                write_atomically(log, traceback.format_exc().encode())
                line = f'FAILED: {failed[run]} ({log})'
            else:
                line = '  '.join(
                    f'{name.split("/")[-1]} {value:.4g}' for name, value in metrics.items()
                )
            done += size
            bar.n = done
            bar.refresh()
            left = (time.time() - started) / done * (sum(sizes) - done)
            show(
                f'[{number}/{len(waiting)}] {run}: {line}'
                + (f'  (about {duration(left)} left)' if left >= 1 else '')
            )
    return failed


def run_one(plan: Plan, run: Run, bar: tqdm) -> dict[str, float]:
    """Run MMEngine's stock test loop and write the result.

    Returns:
        The stock evaluators' metrics.

    Raises:
        RuntimeError: If they differ from those of the images' statistics.
    """
    data = plan.datasets[run.dataset]
    cfg = _runner_config(plan, run)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    memory = PeakMemory(device)
    started = time.time()
    with quiet():
        runner = Runner.from_cfg(cfg)
        table = label_table(plan.recognizers[run.recognizer], data)
        if table is not None:
            # Test-time augmentation calls the detector itself, for each view.
            model = runner.model
            detector = model.module if isinstance(model, BaseTTAModel) else model
            detector.register_forward_hook(Relabel(table))
        collect = COLLECTORS[data.task](bar)
        runner.register_hook(collect, priority='LOWEST')
        metrics = {name: float(value) for name, value in runner.test().items()}
        arrays, per_image = collect.result(runner)
    del runner
    _check_metrics(metrics, per_image, data.task)
    facts = dict(
        metrics=metrics,
        cell=dict(vars(run)),
        images=len(data.infos),
        classes=list(data.classes),
        seconds_per_image=collect.seconds_per_image,
        peak_memory_mib=memory.mib(),
        total_seconds=time.time() - started,
        device=device_name(device)
        if device == 'cuda'
        else f'CPU, {torch.get_num_threads()} threads',
        versions=package_versions(),
        finished=time.strftime('%Y-%m-%d %H:%M:%S'),
    )
    buffer = io.BytesIO()
    content: dict[str, Any] = dict(
        facts=np.array(json.dumps(facts)), **per_image.arrays(), **arrays
    )
    np.savez_compressed(buffer, **content)
    write_atomically(_result_path(plan, run), buffer.getvalue())
    return metrics


def _runner_config(plan: Plan, run: Run) -> Config:
    """Return the config of a run with what MMEngine's runner needs."""
    cfg = plan.config(run)
    cfg.work_dir = str(_run_dir(plan, run))
    cfg.experiment_name = f'{run.key}_{time.time_ns()}'
    cfg.log_level = 'WARNING'
    cfg.default_hooks = dict(logger=None, checkpoint=None)
    cfg.visualizer = dict(type='mmengine.Visualizer', name=cfg.experiment_name)
    _restrict_annotation(cfg, plan.datasets[run.dataset], plan.work_dir / 'annotations')
    return cfg


def _restrict_annotation(cfg: Config, data: EvaluationSet, folder: Path) -> None:
    """Give ``CocoMetric`` an annotation of the dataset's images alone.

    It counts every image of its file, also those that a filter of the
    dataset leaves out.
    """
    for evaluator in cfg.test_evaluator:
        path = evaluator.get('ann_file')
        if not path or not evaluator.type.endswith('CocoMetric'):
            continue
        content = json.loads(Path(path).read_text())
        kept = {info['img_id'] for info in data.infos}
        if {image['id'] for image in content['images']} == kept:
            continue
        for key, name in (('images', 'id'), ('annotations', 'image_id')):
            content[key] = [i for i in content[key] if i[name] in kept]
        text = json.dumps(content)
        target = folder / f'{digest(text)[:20]}.json'
        if not target.is_file():
            write_atomically(target, text.encode())
        evaluator.ann_file = str(target)


def _check_metrics(metrics: dict[str, float], per_image: PerImage, task: str) -> None:
    """Check that the evaluator's rounded metrics agree with ours."""
    scale, slack = (1, 0.0005) if task == 'det' else (100, 0.005)
    for name, value in per_image.summarise()[0].items():
        for stock in (n for n in metrics if n.split('/')[-1] == name):
            ours = float(value[0]) * scale
            if not abs(ours - metrics[stock]) <= slack + 1e-4 * scale and (metrics[stock] >= 0):
                raise RuntimeError(
                    f'{stock} is {metrics[stock]} by the evaluator, but '
                    f'{ours:.5f} by the statistics of each image'
                )
