"""Half instance norm is PyTorch's instance norm on half of the channels."""
from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmsdag.functional import half_instance_norm


def expected(x, weight, bias):
    first, second = x.split((len(weight), x.shape[1] - len(weight)), dim=1)
    first = F.instance_norm(first, weight=weight, bias=bias)
    return F.leaky_relu(torch.cat((first, second), dim=1), 0.2)


def inputs(dtype=torch.float32, layout=torch.channels_last, offset=0.):
    x = torch.randn(3, 6, 7, 5, dtype=dtype) + offset
    return (x.contiguous(memory_format=layout), torch.randn(3, dtype=dtype),
            torch.randn(3, dtype=dtype))


@pytest.mark.parametrize('layout',
                         [torch.contiguous_format, torch.channels_last])
def test_normalises_the_first_channels_and_activates_all(layout):
    x, weight, bias = inputs(layout=layout)
    out = half_instance_norm(x, weight, bias)
    torch.testing.assert_close(out, expected(x, weight, bias))


def test_first_channels_need_not_be_half():
    x, weight, bias = inputs()
    out = half_instance_norm(x, weight[:1], bias[:1])
    torch.testing.assert_close(out, expected(x, weight[:1], bias[:1]))


def test_gradients_are_those_of_the_formula():
    arguments = [t.requires_grad_() for t in inputs(torch.float64)]
    assert torch.autograd.gradcheck(half_instance_norm, arguments)


def test_layout_is_kept():
    x, weight, bias = inputs()
    out = half_instance_norm(x, weight, bias)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_far_from_zero_no_digits_are_lost():
    # E[x^2] - E[x]^2 in float32 would be wrong in the second digit here.
    x, weight, bias = inputs(offset=1000.)
    out = half_instance_norm(x, weight, bias)
    right = expected(x.double(), weight.double(), bias.double())
    assert (out - right)[:, :3].abs().max() < 1e-3


def test_flat_images_become_the_bias():
    _, weight, bias = inputs()
    out = half_instance_norm(torch.full((1, 6, 4, 4), 7.), weight, bias)
    torch.testing.assert_close(
        out[0, :3, 0, 0], F.leaky_relu(bias, 0.2), rtol=0, atol=1e-5)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_as_near_as_its_digits(dtype):
    x, weight, bias = inputs()
    x.requires_grad_()
    low = x.detach().to(dtype).requires_grad_()
    out = half_instance_norm(low, weight, bias)
    right = expected(x, weight, bias)
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), right, rtol=0.02, atol=0.03)
    toward = torch.randn_like(right)
    (out * toward.to(dtype)).sum().backward()
    (right * toward).sum().backward()
    error = (low.grad.float() - x.grad).norm() / x.grad.norm()
    assert error < 0.02


def test_float16_squares_do_not_overflow():
    x = torch.randn(1, 2, 8, 8) * 1000
    out = half_instance_norm(x.half(), torch.ones(1), torch.zeros(1))
    right = expected(x, torch.ones(1), torch.zeros(1))
    torch.testing.assert_close(out[:, 0].float(), right[:, 0], rtol=.01,
                               atol=.01)
