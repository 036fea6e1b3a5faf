"""Models and files that the tests of the interfaces share."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from helpers.weights import save_weights
from mmengine.config import Config
from torch import nn

from mmsdag.apis import LowLightInferencer
from mmsdag.models import ZeroDCENet
from mmsdag.registry import MODELS


@MODELS.register_module(force=True)
class GlobalEnhancer(nn.Module):
    """Instance norm: every pixel depends on the whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.InstanceNorm2d(8)
        self.out = nn.Conv2d(8, 3, 3, padding=1)

    def enhance(self, x):
        return torch.sigmoid(self.out(self.norm(self.conv(x))))


@MODELS.register_module(force=True)
class Identity(nn.Module):
    """Gives back what it gets, times a weight of one."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def enhance(self, x):
        return x * self.weight


@MODELS.register_module(force=True)
class Tint(nn.Module):
    """Keeps red, halves green, drops blue."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 0.5, 0.0]))

    def enhance(self, x):
        return x * self.weight[:, None, None]


@pytest.fixture(autouse=True)
def one_thread():
    """Small images are not worth more, least of all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def config_of(network: str) -> Config:
    return Config(dict(model=dict(type='mmsdag.ZeroDCE', generator=dict(type=network))))


@pytest.fixture(scope='session')
def config_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp('config') / 'zero_dce.py'
    path.write_text(config_of('mmsdag.ZeroDCENet').pretty_text)
    return path


@pytest.fixture(scope='session')
def checkpoint_of(tmp_path_factory):
    """Checkpoint of a network: random, or given."""

    def save(network: nn.Module, name: str = 'model.pth') -> Path:
        path = tmp_path_factory.mktemp('weights') / name
        save_weights(network, path)
        return path

    return save


@pytest.fixture(scope='session')
def checkpoint(checkpoint_of) -> Path:
    """Zero-DCE with random weights, large enough to reach seven pixels."""
    torch.manual_seed(0)
    network = ZeroDCENet()
    for parameter in network.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter)
    return checkpoint_of(network)


@pytest.fixture
def make_inferencer(checkpoint_of):
    """An inferencer for a network of any registered type."""

    def make(network: str, **options) -> LowLightInferencer:
        options.setdefault('device', 'cpu')
        weights = checkpoint_of(MODELS.build(dict(type=network)))
        return LowLightInferencer(config_of(network), weights, **options)

    return make


@pytest.fixture
def write_image():
    """Write a random image; returns it."""

    def write(path: Path, height: int = 12, width: int = 16, dtype=np.uint8):
        rng = np.random.default_rng(len(str(path.name)))
        image = rng.integers(np.iinfo(dtype).max, size=(height, width, 3)).astype(dtype)
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)
        return image

    return write
