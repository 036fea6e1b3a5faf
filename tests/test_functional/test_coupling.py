"""The coupling's affine step is its published formula."""

from __future__ import annotations

import pytest
import torch

from mmsdag.functional import affine_coupling, coupling_gain

SHAPE = (2, 3, 4, 5)


def test_scales_by_the_exponential_of_a_bounded_sigmoid():
    x, logits, shift = torch.randn(3, *SHAPE)
    scale = 0.8 * (2 * torch.sigmoid(logits) - 1)
    out = affine_coupling(x, logits, shift, 0.8)
    torch.testing.assert_close(out, x * torch.exp(scale) + shift)


def test_gradients_are_those_of_the_formula():
    x, logits, shift = (
        torch.randn(SHAPE, dtype=torch.float64, requires_grad=True) for _ in range(3)
    )
    assert torch.autograd.gradcheck(
        lambda *tensors: affine_coupling(*tensors, 0.8), (x, logits, shift)
    )


def test_gain_is_bounded_by_the_clamp():
    # tanh(x / 2) is 1 far out: e^0.5 and e^-0.5.
    gain = coupling_gain(torch.tensor([-100.0, 0.0, 100.0]), 0.5)
    assert gain.tolist() == pytest.approx([0.60653, 1.0, 1.64872], rel=1e-5)


def test_inputs_are_left_as_they_were():
    x, logits, shift = torch.randn(3, *SHAPE)
    before = [t.clone() for t in (x, logits, shift)]
    affine_coupling(x, logits, shift, 0.8)
    coupling_gain(logits, 0.8)
    for tensor, old in zip((x, logits, shift), before):
        assert torch.equal(tensor, old)


def test_half_precision_stays_half_precision():
    x, logits, shift = torch.randn(3, *SHAPE).bfloat16()
    out = affine_coupling(x, logits, shift, 0.8)
    right = affine_coupling(x.float(), logits.float(), shift.float(), 0.8)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), right, rtol=0.02, atol=0.02)
