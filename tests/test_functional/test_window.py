"""The maximum over windows and its gradient."""

from __future__ import annotations

import pytest
import torch

from mmsdag.functional import window_maximum


@pytest.mark.parametrize('requires_grad', [False, True])
def test_each_pixel_sees_right_and_below_and_zero_beyond(requires_grad):
    x = torch.tensor([[1.0, 2.0, 0.0], [4.0, 3.0, 5.0]])[None, None]
    expected = torch.tensor([[4.0, 5.0, 5.0], [4.0, 5.0, 5.0]])[None, None]
    torch.testing.assert_close(window_maximum(x.requires_grad_(requires_grad)).detach(), expected)


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_gradient_is_that_of_torch(layout):
    x = torch.rand(2, 3, 6, 7).contiguous(memory_format=layout)
    x.requires_grad_()
    padded = torch.nn.functional.pad(x, (0, 1, 0, 1))
    expected = torch.nn.functional.max_pool2d(padded, 2, stride=1)
    own = window_maximum(x)
    assert torch.equal(own, expected)
    weight = torch.rand_like(own)
    torch.testing.assert_close(
        *(torch.autograd.grad((weight * y).sum(), x)[0] for y in (own, expected))
    )


def test_of_equal_values_the_upper_left_one_gets_the_gradient():
    x = torch.ones(1, 1, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(window_maximum(x)[0, 0, 0, 0], x)
    assert gradient[0, 0].tolist() == [[1, 0], [0, 0]]


def test_gradient_passes_the_check_in_double_precision():
    x = torch.rand(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(window_maximum, x)
