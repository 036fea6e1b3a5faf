from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from mmsdag.models import ZeroDCENet
from mmsdag.models.runner import EnhancerRunner

UINT8 = np.dtype(np.uint8)


class Shift(nn.Module):
    """Looks one pixel far, needs memory for ``limit`` pixels at most."""

    def __init__(self, limit=10**9):
        super().__init__()
        self.limit = limit
        self.seen = []

    def enhance(self, x):
        # The probe of how far it looks is float64, on a CPU.
        if x.dtype == torch.float32 and (len(x) * x.shape[-2] * x.shape[-1] > self.limit):
            raise torch.cuda.OutOfMemoryError('no memory')
        self.seen.append(tuple(x.shape))
        return nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


class Broken(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def enhance(self, x):
        x = x.clone()
        x[0, 0, 0, 0] = self.value
        return x


def ways(runner, rgb):
    """Enhance images (N, 3, H, W) of whole levels in every way there is."""
    planes = (rgb * 255).round()
    array = planes.permute(0, 2, 3, 1).flip(-1).numpy()
    return [
        runner.enhance_rgb(rgb),
        torch.stack(runner.enhance_planes(list(planes), False, False)) / 255,
        torch.from_numpy(runner.enhance_array(array, np.dtype(np.float32)).copy())
        .flip(-1)
        .permute(0, 3, 1, 2)
        / 255,
    ]


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, 3, 40, 50), generator=generator).float() / 255


def test_all_ways_give_the_same(images):
    expected = Shift().enhance(images)
    for found in ways(EnhancerRunner(Shift(), 'the test'), images):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    'limit, batches',
    [
        (2000, [1]),  # one image
        (1000, []),  # half of one
    ],
)
def test_memory_that_runs_out_halves_the_batch_and_then_the_tile(images, limit, batches):
    expected = Shift().enhance(images)
    network = Shift(limit)
    for found in ways(EnhancerRunner(network, 'the test'), images):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    whole = [shape[0] for shape in network.seen if shape[-2:] == (40, 50)]
    assert set(whole) == set(batches)


def test_an_error_leaves_no_state_behind(images):
    network = Shift(3)
    runner = EnhancerRunner(network, 'the test')
    before = {k: v for k, v in vars(runner).items() if k != 'network'}
    with pytest.raises(torch.cuda.OutOfMemoryError):
        runner.enhance_rgb(images)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        runner.enhance_array(np.zeros((2, 8, 8, 3), np.uint8), UINT8)
    after = vars(runner)
    assert {k: after[k] for k in before} == before
    network.limit = 10**9
    torch.testing.assert_close(runner.enhance_rgb(images), Shift().enhance(images))


def test_a_trainable_enhancer_is_never_cut(images):
    runner = EnhancerRunner(Shift(1000), 'the test', trainable=True)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        runner.enhance_rgb(images)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
@pytest.mark.parametrize('way', range(3))
def test_what_is_not_finite_is_refused_in_every_way(images, value, way):
    runner = EnhancerRunner(Broken(value), 'the test')
    calls = [
        lambda: runner.enhance_rgb(images),
        lambda: runner.enhance_planes(list((images * 255).byte()), True, True),
        lambda: runner.enhance_array(np.zeros((1, 8, 8, 3), np.uint8), UINT8),
    ]
    with pytest.raises(ValueError, match='Broken of the test returned infin'):
        calls[way]()


def test_large_finite_numbers_whose_sum_overflows_are_clipped(images):
    runner = EnhancerRunner(Broken(3e38), 'the test')
    images = images.repeat(4, 1, 1, 1)
    network = runner.network
    network.enhance = lambda x: torch.full_like(x, 3e38)
    assert torch.equal(runner.enhance_rgb(images), torch.ones_like(images))


def test_the_precision_is_the_same_in_every_way(images):
    network = ZeroDCENet().eval().requires_grad_(False)
    exact = EnhancerRunner(copy.deepcopy(network), 'the test')
    rough = EnhancerRunner(network, 'the test', amp_dtype='bfloat16')
    results = ways(rough, images)
    for found in results:
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, results[0], rtol=0, atol=1e-6)
    assert not torch.equal(results[0], exact.enhance_rgb(images))


def test_gradients_reach_a_trainable_enhancer_and_its_input(images):
    network = ZeroDCENet()
    runner = EnhancerRunner(network, 'the test', trainable=True)
    images.requires_grad_()
    runner.enhance_rgb(images).sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(tile=-1), 'tile=-1 of the test'),
        (dict(chunk_size=0), 'chunk_size=0 of the test'),
        (dict(amp_dtype='int8'), "amp_dtype='int8' of the test"),
        (dict(when='night'), "when='night'"),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        EnhancerRunner(Shift(), 'the test', **options)
