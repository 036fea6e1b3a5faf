"""IAT: its size, its formula, its first state."""

from __future__ import annotations

import pytest
import torch

from mmsdag.models import IATNet


@pytest.fixture
def net() -> IATNet:
    return IATNet().eval()


def test_it_has_as_many_weights_as_the_authors_checkpoints(net):
    # Title of the paper: 90 K. best_Epoch_lol_v1.pth holds 91,154.
    assert sum(p.numel() for p in net.parameters()) == 91154


def test_after_initialization_only_the_local_branch_acts(net):
    net.init_weights()
    x = torch.rand(2, 3, 20, 28)
    with torch.no_grad():
        color, gamma = net.settings(x)
        scale, shift = net.local_maps(x)
        torch.testing.assert_close(color, torch.eye(3).expand(2, 3, 3))
        torch.testing.assert_close(gamma, torch.ones(2, 1))
        torch.testing.assert_close(net(x), (x * scale + shift).clamp(1e-8, 1))


def test_color_matrix_mixes_before_the_exponent_bends(net):
    for parameter in net.settings.color_head.parameters():
        parameter.data.zero_()
    for parameter in net.settings.gamma_head.parameters():
        parameter.data.zero_()
    for head in (net.multiply_head, net.add_head):
        head.weight.data.zero_()
    net.multiply_head.bias.data.fill_(2.0)
    net.add_head.bias.data.fill_(0.0)
    net.settings.gamma.data.fill_(0.5)
    # Red of green, green of red and blue, blue of nothing.
    net.settings.color.data = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 0.0]])
    x = torch.tensor([0.02, 0.08, 0.16]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    # 2 x = (0.04, 0.16, 0.32); mixed (0.16, 0.18, 0); roots.
    expected = torch.tensor([0.4, 0.424264, 1e-4]).view(1, 3, 1, 1)
    torch.testing.assert_close(net.enhance(x), expected.expand(1, 3, 8, 8), atol=1e-6, rtol=0)


def test_output_is_an_image_even_of_a_negative_exponent(net):
    net.settings.gamma.data.fill_(-3.0)
    enhanced = net.enhance(torch.rand(1, 3, 8, 8) * 0.1)
    assert enhanced.min() >= 0 and enhanced.max() <= 1


def test_residuals_are_dropped_in_training_only(net):
    for name, parameter in net.named_parameters():
        if 'scale' in name:
            parameter.data.fill_(1.0)
    x = torch.rand(16, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(net.local_maps(x), net.local_maps(x))
        net.train()
        torch.manual_seed(0)
        assert not torch.equal(net.local_maps(x)[0], net.local_maps(x)[0])


def test_every_weight_gets_a_gradient_from_the_first_step_but_one(net):
    net.init_weights()
    net.train()
    net(torch.rand(2, 3, 16, 16)).mean().backward()
    without = {name for name, p in net.named_parameters() if not p.grad.any()}
    # Attention averages over values of 0, whatever queries and keys say.
    assert {'settings.queries', 'settings.key.weight'} <= without
    assert 'settings.value.weight' not in without


def test_gradients_of_a_single_image_are_those_of_it_in_a_batch(net):
    # PyTorch's batch normalization mistakes the layout of one image's
    # gradient for another.
    grads = []
    for copies in (1, 2):
        x = torch.linspace(0, 1, 3 * 16 * 16).view(1, 3, 16, 16)
        x.requires_grad_()
        color, gamma = net.settings(x.expand(copies, -1, -1, -1))
        (color.sum() + gamma.sum()).backward()
        grads.append(x.grad / copies)
    assert grads[0].abs().max() > 1e-6
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-7)
