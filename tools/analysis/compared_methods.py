"""The methods that the table compares."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import Any

from mmengine.config import Config
from torch import Tensor, nn

from mmsdag.models import load_enhancer
from mmsdag.utils.configs import find_config
from mmsdag.utils.model_index import TASK, find_checkpoint, trained_models

#: Names of the enhancers without weights, by their titles.
CLASSICAL = {
    'gamma 2.2': 'fixed_gamma',
    'histogram equalization': 'histogram',
    'CLAHE': 'clahe',
    'multi-scale Retinex': 'retinex',
    'LIME': 'lime',
}


class Raw(nn.Module):
    """Return images unchanged."""

    def enhance(self, x: Tensor) -> Tensor:
        """Return the images."""
        return x


@dataclass
class Method:
    """A row of the table.

    Attributes:
        name: Name, here and in a benchmark's CSV.
        title: Name for people.
        enhancer: Argument of ``load_enhancer``; None: raw images.
        checkpoints: One file for each seed; ``[None]`` without weights.
        figures: Values by the names of the columns.
    """

    name: str
    title: str
    enhancer: Any
    checkpoints: list[str | None] = field(default_factory=lambda: [None])
    figures: dict[str, float] = field(default_factory=dict)

    def build(self, checkpoint: str | None) -> Any:
        """Build the network with the weights of a checkpoint."""
        if self.enhancer is None:
            return Raw()
        return load_enhancer(self.enhancer, checkpoint)


def named_method(text: str) -> Method:
    """Read ``NAME=CONFIG:CHECKPOINT``."""
    name, _, place = text.partition('=')
    config, _, checkpoint = place.rpartition(':')
    if not (name and config and checkpoint):
        raise argparse.ArgumentTypeError(f'{text!r} is not of the form NAME=CONFIG:CHECKPOINT')
    return Method(name, name, config, [None if checkpoint == 'none' else checkpoint])


def committed_methods() -> list[Method]:
    """Return the classical enhancers and those with committed weights."""
    methods = {'raw': Method('raw', 'raw', None)}
    for name, enhancer in CLASSICAL.items():
        methods[name] = Method(name, name, enhancer)
    for model in trained_models():
        name = model.recipe
        method = methods.setdefault(name, Method(name, name, model.config, []))
        method.checkpoints.append(str(model.checkpoint))
    return list(methods.values())


def methods_of_spec(path: str) -> list[Method]:
    """Return the enhancers of a benchmark's spec.

    Raises:
        FileNotFoundError: If a checkpoint is missing.
        ValueError: If it has none.
    """
    entries = Config.fromfile(find_config(path)).get('enhancers')
    if not entries:
        raise ValueError(f'--spec {path}: it has no enhancers')
    methods = []
    for name, entry in entries.items():
        entry = entry or {}
        if entry.get('with_original'):
            continue  # the same images, seen by a detector beside others
        files = entry.get('checkpoint')
        checkpoints = [
            file and str(find_checkpoint(file, TASK))
            for file in (files if isinstance(files, list) else [files])
        ]
        methods.append(Method(name, entry.get('title', name), entry.get('enhancer'), checkpoints))
    return methods
