"""Trainings and files that a second call does not make again.

A step has an identity, a digest of everything that its result depends on. A
result with the same identity is kept.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmsdag.utils import find_latest_checkpoint, save_checkpoint, write_atomically
from mmsdag.utils.hashing import digest, with_file_digests
from mmsdag.utils.quiet import quiet

_RECORD = 'demo.json'


def train(cfg: Config, identity: str, weights: Path, name: str, prefix: str = '') -> None:
    """Run a training, or the rest of it; do nothing if it is done.

    Args:
        cfg: Config of the training, with a ``work_dir``.
        identity: Identity of the training; see :func:`config_identity`.
        weights: File for the trained weights.
        name: Name of the step, stored in the file.
        prefix: Beginning of the names of the weights to keep.
    """
    work_dir = Path(cfg.work_dir)
    record = work_dir / _RECORD
    if read_json(record).get('identity') != identity:
        remove_own(work_dir, record.name)
        weights.unlink(missing_ok=True)
        write_json(record, dict(identity=identity))
    elif weights.is_file():
        print('  done already', flush=True)
        return
    latest = find_latest_checkpoint(work_dir)
    cfg.resume = latest is not None
    if latest:
        cfg.load_from = str(latest)
    with quiet(logging.INFO, stdout=False):
        runner = Runner.from_cfg(cfg)
    # The level stays; setting it clears the logger's cache of the disabled
    # levels.
    runner.logger.setLevel(logging.INFO)
    runner.logger.addFilter(_is_news)
    model = runner.train()
    state = {key: value for key, value in model.state_dict().items() if key.startswith(prefix)}
    save_checkpoint(dict(state_dict=state, meta=dict(stage=name)), weights)


def config_identity(cfg: Config, data: str) -> str:
    """Return a digest of everything that the trained weights depend on.

    Args:
        cfg: Config of the training. Checkpoints count by their content; the
            folder of the training data does not count.
        data: Identity of the training data.
    """
    settings = cfg.to_dict()
    wanted = {
        key: settings.get(key)
        for key in (
            'model',
            'train_dataloader',
            'train_cfg',
            'optim_wrapper',
            'param_scheduler',
            'custom_hooks',
            'load_from',
            'default_hooks',
            'randomness',
        )
    }
    wanted['train_dataloader']['dataset'].pop('data_root')
    return digest([with_file_digests(wanted, lambda text: text.endswith('.pth')), data])


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether a message of MMEngine's log is worth showing."""
    text = record.getMessage()
    if record.levelno > logging.INFO:
        return 'deprecated' not in text
    done = re.match(r'Iter\(train\) \[ *(\d+)/(\d+)\]', text)
    # A terminal shows a progress bar instead.
    return (
        done is not None
        and not sys.stderr.isatty()
        and int(done[1]) % max(int(done[2]) // 5, 1) == 0
    )


def loss_history(work_dir: Path) -> dict[str, dict[int, float]]:
    """Read every number in MMEngine's logs, by name and iteration.

    A resumed training has several logs; the later one wins.
    """
    history: dict[str, dict[int, float]] = {}
    for path in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:  # killed while writing
                continue
            for name, value in entry.items():
                history.setdefault(name, {})[entry['step']] = value
    return {name: dict(sorted(values.items())) for name, values in history.items()}


def training_seconds(history: dict[str, dict[int, float]]) -> float:
    """Sum the time of all iterations from their logged means."""
    before, seconds = 0, 0.0
    for step, per_iteration in history['time'].items():
        seconds += (step - before) * per_iteration
        before = step
    return seconds


def read_json(path: Path) -> dict:
    """Read a JSON file; return an empty dict if there is none."""
    return json.loads(path.read_text()) if path.is_file() else {}


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file atomically."""
    write_atomically(path, json.dumps(content, indent=1).encode())


def remove_own(folder: Path, mark: str) -> None:
    """Remove a folder that a step made: one that holds the file ``mark``.

    Raises:
        ValueError: If the folder exists without this file.
    """
    if not folder.exists():
        return
    if not (folder / mark).is_file():
        raise ValueError(
            f'{folder} was not made by this demo, and is in its way: name another folder with --out'
        )
    shutil.rmtree(folder)
