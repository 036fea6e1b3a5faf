"""Run the demonstration: photographs, trainings, recognition, report."""

from __future__ import annotations

import logging
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device

from mmsdag.models.precision import autocast
from mmsdag.report import image_source
from mmsdag.utils import write_atomically
from mmsdag.utils.env import package_versions
from mmsdag.utils.hashing import digest, file_digest
from mmsdag.utils.image_io import read_image
from mmsdag.utils.quiet import quiet
from mmsdag.utils.system import device_name, duration

from . import recognition, recognition_setup
from .measuring import measure
from .options import DemoOptions, RecognitionOptions
from .page import render_report
from .photographs import Photographs, prepare_photographs
from .stages import STAGES, check_extractor, set_data, stage_config, stage_facts
from .steps import config_identity, loss_history, read_json, train, write_json
from .verdict import VERSIONS, cell, means


def run_demo(options: DemoOptions) -> None:
    """Run the demonstration, or what is left of it.

    Writes ``report.html`` and prints its metrics.

    Raises:
        FileNotFoundError: If a folder or a checkpoint is missing.
        ValueError: If an option or the photographs are not usable.
    """
    started = time.time()
    configs = {stage.name: stage_config(stage, options) for stage in STAGES}
    check_extractor(configs['sdag'])
    scenes = recognition_options(options)
    if options.scenes:
        recognition_setup.check(scenes)
    min_side = max(cfg.train_dataloader.dataset.min_size for cfg in configs.values())
    total = len(STAGES) + (3 if options.scenes else 2)
    print(f'[1/{total}] photographs', flush=True)
    photographs = prepare_photographs(options, min_side)
    for number, stage in enumerate(STAGES, start=2):
        cfg = configs[stage.name]
        print(f'[{number}/{total}] {stage.title}: {cfg.train_cfg.max_iters} iterations', flush=True)
        set_data(stage, cfg, photographs, options)
        train(
            cfg,
            config_identity(cfg, photographs.identity),
            options.weights(stage.name),
            stage.name,
            prefix='generator.',
        )
    section = None
    if options.scenes:
        print(f'[{total - 1}/{total}] recognition by day and by night', flush=True)
        section = recognition_section(scenes, recognition.run_recognition(scenes))
    print(f'[{total}/{total}] report', flush=True)
    print_metrics(write_report(options, photographs, configs, section, started))
    if section:
        recognition.print_table([section['head'], *section['rows']])
        print('\n'.join(section['verdict']), end='\n\n')
    print(f'{options.out / "report.html"} ({duration(time.time() - started)})')


def recognition_options(options: DemoOptions) -> RecognitionOptions:
    """Return options that test the enhancers of this demonstration."""
    return RecognitionOptions(
        out=options.out / 'recognition',
        unguided=options.weights('unguided'),
        guided=options.weights('guided'),
        train=options.scenes,
        test=max(options.scenes * 3 // 8, 1),
        seed=options.seed,
        cfg_options=options.scenes_options,
    )


def recognition_section(options: RecognitionOptions, metrics: recognition.Metrics) -> dict:
    """Return the table, sentences and pictures for the report."""
    head, *rows = recognition.table(metrics, options)
    tests = recognition_setup.conditions(options)

    def views(number: int) -> list[dict]:
        return [
            dict(
                title=test.title,
                **{
                    task.name: _source(options.picture(number, name, task.name))
                    for task in recognition_setup.TASKS
                },
            )
            for name, test in tests.items()
        ]

    return dict(
        head=head,
        rows=rows,
        verdict=recognition.verdict(metrics),
        counts=(options.train, options.test),
        scenes=[dict(name=f'scene {number + 1}', views=views(number)) for number in options.shown],
    )


def _source(path: Path, side: int | None = None) -> str:
    return image_source(read_image(path)[..., ::-1], side)


def run_facts(options: DemoOptions, guided: Config, seconds: float) -> dict[str, str]:
    """Return the facts that a reader needs to repeat the run."""
    device = torch.device(get_device())
    reduced = not isinstance(autocast(guided.model.amp_dtype, device), nullcontext)
    overrides = [f'{key}={value}' for key, value in options.cfg_options.items()]
    hardware = device_name(device)
    if device.type == 'cpu':
        hardware += f', {torch.get_num_threads()} threads'
    return {
        'seed': str(options.seed),
        'guidance weight': f'{guided.custom_hooks[0].loss_weight:g}',
        'overridden settings': ', '.join(overrides) or 'none',
        'hardware': hardware,
        'precision': 'trained in bfloat16 where it is safe, else float32' if reduced else 'float32',
        'this call took': duration(seconds),
        'versions': ', '.join(f'{name} {number}' for name, number in package_versions().items()),
        'weights': ', '.join(
            f'{stage.name}.pth (SHA-256 {file_digest(options.weights(stage.name))[:12]}…)'
            for stage in STAGES
        ),
    }


def write_report(
    options: DemoOptions,
    photographs: Photographs,
    configs: dict[str, Config],
    section: dict | None,
    started: float,
) -> dict[str, dict[str, float | None]]:
    """Measure and write the page, unless it is done; return the means."""
    record = options.out / 'figures.json'
    page = options.out / 'report.html'
    identity = digest(
        [photographs.identity, section]
        + [file_digest(options.weights(stage.name)) for stage in STAGES]
    )
    present = read_json(record)
    if page.is_file() and present.get('identity') == identity:
        print('  done already', flush=True)
        return present['mean']
    with quiet(logging.INFO, stdout=False):
        views = measure(options, photographs, configs['sdag'].model.generator)
    histories = {stage.name: loss_history(Path(configs[stage.name].work_dir)) for stage in STAGES}
    text = render_report(
        views,
        {
            name: {term: values for term, values in history.items() if term.startswith('loss_')}
            for name, history in histories.items()
        },
        **_content(photographs),
        stages=[stage_facts(stage, configs[stage.name], histories[stage.name]) for stage in STAGES],
        facts=run_facts(options, configs['guided'], time.time() - started),
        recognition=section,
    )
    write_atomically(page, text.encode())
    mean = means(views)
    write_json(
        record,
        dict(
            identity=identity,
            mean=mean,
            photographs=[dict(photo=v.photo, version=v.version, **v.metrics) for v in views],
        ),
    )
    return mean


def _content(photographs: Photographs) -> dict[str, Any]:
    return dict(
        text=photographs.manifest['text'],
        credits=photographs.manifest['credits'],
        thumbs=[
            dict(name=path.stem, picture=_source(path, 160))
            for path in sorted((photographs.folder / 'dark').iterdir())
        ],
    )


def print_metrics(mean: dict[str, dict[str, float | None]]) -> None:
    """Print the mean metrics as a table."""
    names = list(next(iter(mean.values())))
    print(f'\n{"":20}' + ''.join(f'{name:>14}' for name in names))
    for version, metrics in mean.items():
        print(f'{VERSIONS[version]:20}' + ''.join(f'{cell(metrics, name):>14}' for name in names))
    print()
