"""FeatEnHancer: its size, its sum, its attention between scales."""

from __future__ import annotations

import math

import pytest
import torch

from mmsdag.models import FeatEnHancer


@pytest.fixture
def net() -> FeatEnHancer:
    return FeatEnHancer().eval()


def test_it_has_as_many_weights_as_the_authors_module(net):
    # FeatEnHancer(in_channels=3) of the authors' code.
    assert sum(p.numel() for p in net.parameters()) == 139400


def test_it_starts_as_the_authors_do(net):
    net.init_weights()
    weights = torch.cat(
        [module.weight.flatten() for module in net.modules() if isinstance(module, torch.nn.Conv2d)]
    )
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)


def test_it_adds_eight_maps_in_units_of_the_standard_deviation(net):
    net.head.weight.data.zero_()
    # Red gets 8 tanh(0.5), green 8 tanh(0), blue one tanh(-1).
    bias = torch.zeros(8, 3)
    bias[:, 0] = 0.5
    bias[3, 2] = -1.0
    net.head.bias.data = bias.flatten()
    x = torch.rand(1, 3, 16, 20)
    change = torch.tensor([8 * math.tanh(0.5) * 0.229, 0.0, math.tanh(-1) * 0.225])
    with torch.no_grad():
        torch.testing.assert_close(net(x), x + change.view(1, 3, 1, 1))
        assert net.enhance(x).max() == 1


def test_attention_weighs_two_scales_head_by_head(net):
    part = net.attention
    for conv in (*part.fine, part.middle):
        conv.weight.data.zero_()
    part.fine[1].bias.data = fine = torch.randn(24)
    part.middle.bias.data = middle = torch.randn(24)
    with torch.no_grad():
        added = part(torch.zeros(1, 24, 16, 16), torch.zeros(1, 24, 3, 3))
    expected = []
    for head in range(8):
        a, b = fine[3 * head : 3 * head + 3], middle[3 * head : 3 * head + 3]
        first = math.exp(a @ b / math.sqrt(3))
        second = math.exp(b @ b / math.sqrt(3))
        expected.append((first * a + second * b) / (first + second))
    torch.testing.assert_close(added, torch.cat(expected).view(1, 24, 1, 1).expand(1, 24, 16, 16))


def test_the_same_convolutions_see_every_scale(net):
    seen = []
    net.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    net(torch.rand(1, 3, 40, 64, requires_grad=True))
    # (40 - 7) // 4 + 1 = 9, (9 - 3) // 2 + 1 = 4; 15 and 7.
    assert seen == [(40, 64), (9, 15), (4, 7)]


def test_every_weight_gets_a_gradient(net):
    net(torch.rand(2, 3, 32, 32)).square().mean().backward()
    assert all(p.grad.abs().max() > 0 for p in net.parameters())


def test_images_too_small_for_three_scales_are_refused(net):
    with pytest.raises(ValueError, match=r'15 pixels or more, got \(14, 20\)'):
        net(torch.rand(1, 3, 14, 20))
    assert net(torch.rand(1, 3, 15, 15)).shape == (1, 3, 15, 15)
