"""A 1x1 convolution by a matrix product is the convolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsdag.functional import pointwise_conv

LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('outputs', [3, 32])
@pytest.mark.parametrize('biased', [True, False])
@pytest.mark.parametrize('dtype', [torch.float64, torch.bfloat16])
def test_it_and_its_gradients_are_those_of_the_convolution(layout, outputs, biased, dtype):
    tensors = [
        torch.rand(2, 5, 7, 9).contiguous(memory_format=layout),
        torch.randn(outputs, 5, 1, 1),
    ] + [torch.randn(outputs)] * biased
    results = []
    for function in (pointwise_conv, F.conv2d):
        copies = [t.detach().to(dtype).requires_grad_() for t in tensors]
        y = function(*copies)
        results.append([y, *torch.autograd.grad(y.square().sum(), copies)])
    for own, expected in zip(*results):
        torch.testing.assert_close(own, expected)


@pytest.mark.parametrize('outputs', [3, 32])
def test_channels_stay_last(outputs):
    x = torch.rand(1, 5, 7, 9).contiguous(memory_format=torch.channels_last)
    y = pointwise_conv(x, torch.rand(outputs, 5, 1, 1), torch.rand(outputs))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_under_autocast_the_bias_does_not_widen_the_result():
    x = torch.rand(1, 3, 7, 9).contiguous(memory_format=torch.channels_last)
    with torch.autocast('cpu', torch.bfloat16):
        y = pointwise_conv(x, torch.rand(3, 3, 1, 1), torch.rand(3))
    assert y.dtype == torch.bfloat16
