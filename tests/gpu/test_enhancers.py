"""Trained and classical enhancers compute on a GPU what they do on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch

from mmsdag.apis import LowLightInferencer
from mmsdag.registry import MODELS
from mmsdag.utils.model_index import trained_models

#: One model of each recipe.
TRAINED = list(dict.fromkeys(m.recipe for m in trained_models()))
CLASSICAL = [
    'GammaEnhancer',
    'CLAHEEnhancer',
    'HistogramEqualizationEnhancer',
    'LIMEEnhancer',
    'MultiScaleRetinexEnhancer',
]
NETWORKS = ['ZeroDCENet', 'ZeroDCEPPNet', 'SCINet', 'RUASNet', 'EnlightenGANNet', 'SDAGNet']


def network_of(name: str, device: torch.device) -> torch.nn.Module:
    """Build an enhancer with random weights of a usual size."""
    torch.manual_seed(0)
    config = dict(type=f'mmsdag.{name}')
    if name == 'SDAGNet':
        config['extractor'] = dict(type='mmsdag.VGGExtractor')
    return MODELS.build(config).to(device).eval()


@pytest.fixture(scope='module')
def image(photograph: Callable[..., np.ndarray]) -> np.ndarray:
    return photograph(120, 168)


@pytest.fixture
def x(image: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return the image as (1, 3, H, W), RGB, [0, 1]."""
    pixels = torch.from_numpy(image[..., ::-1].copy()).to(device)
    return pixels.permute(2, 0, 1)[None].contiguous() / 255


def output_of(network: torch.nn.Module) -> Callable:
    """Return the function from an image to an image."""
    return getattr(network, 'enhance', network.forward)


@pytest.mark.parametrize('name', TRAINED)
def test_trained_enhancer_gives_the_image_of_the_cpu(
    name: str, image: np.ndarray, device: torch.device, exact_convolutions: None
) -> None:
    expected = LowLightInferencer(name, device='cpu').enhance(image)
    found = LowLightInferencer(name, device=device).enhance(image)
    assert np.abs(expected.astype(int) - found).max() <= 1


@pytest.mark.parametrize('name', CLASSICAL)
def test_classical_enhancer_gives_the_image_of_the_cpu(
    name: str, image: np.ndarray, device: torch.device, exact_convolutions: None
) -> None:
    if name == 'LIMEEnhancer' and not hasattr(cv2, 'ximgproc'):
        pytest.skip("needs OpenCV's contrib modules")
    config = dict(type=f'mmsdag.{name}')
    expected = LowLightInferencer(config, device='cpu').enhance(image)
    found = LowLightInferencer(config, device=device).enhance(image)
    difference = np.abs(expected.astype(int) - found)
    # Sums in another order move a few pixels over a boundary between levels.
    assert difference.mean() < 0.05 and difference.max() <= 3


@pytest.mark.parametrize('amp_dtype', ['float16', 'bfloat16', 'auto'])
@pytest.mark.parametrize('name', TRAINED)
def test_half_precision_stays_within_a_few_levels(
    name: str, amp_dtype: str, image: np.ndarray, device: torch.device
) -> None:
    if device.type == 'cpu' and amp_dtype == 'float16':
        pytest.skip('slow on a CPU')
    expected = LowLightInferencer(name, device=device).enhance(image)
    found = LowLightInferencer(name, device=device, amp_dtype=amp_dtype).enhance(image)
    assert np.abs(expected.astype(int) - found).mean() <= 2


@pytest.mark.parametrize('name', NETWORKS)
def test_channels_last_gives_the_same(
    name: str, x: torch.Tensor, device: torch.device, exact_convolutions: None
) -> None:
    run = output_of(network_of(name, device))
    with torch.no_grad():
        torch.testing.assert_close(
            run(x.contiguous(memory_format=torch.channels_last)), run(x), atol=1e-4, rtol=1e-4
        )


@pytest.mark.parametrize('name', NETWORKS)
def test_compiled_network_gives_the_same(
    name: str, x: torch.Tensor, device: torch.device, exact_convolutions: None
) -> None:
    run = output_of(network_of(name, device))
    torch.compiler.reset()
    backend = 'inductor' if device.type == 'cuda' else 'eager'
    with torch.no_grad():
        torch.testing.assert_close(
            torch.compile(run, backend=backend)(x), run(x), atol=2e-4, rtol=1e-3
        )
