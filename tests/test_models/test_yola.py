"""YOLA: its size, and what its features do not depend on."""

from __future__ import annotations

import pytest
import torch

from mmsdag.models import YOLANet


@pytest.fixture
def net() -> YOLANet:
    return YOLANet().eval()


@pytest.mark.parametrize('size, count', [(3, 8715), (5, 8843)])
def test_it_has_as_many_weights_as_the_authors_module(size, count):
    # IIBlock of the authors' code, with the kernels of their YOLOv3 and TOOD
    # configs.
    net = YOLANet(kernel_size=size)
    assert sum(p.numel() for p in net.parameters()) == count


def test_features_do_not_change_with_the_light(net):
    net.norm.weight.data.fill_(1.0)
    x = torch.rand(2, 3, 16, 20) * 0.8 + 0.2
    # Another color temperature, and less of it.
    light = torch.tensor([0.5, 0.3, 0.1]).view(3, 1, 1)
    with torch.no_grad():
        features = net.invariant_features(x)[..., 1:-1, 1:-1]
        darker = net.invariant_features(x * light)[..., 1:-1, 1:-1]
    assert features.abs().mean() > 0.1
    torch.testing.assert_close(features, darker, atol=1e-4, rtol=0)


def test_features_are_differences_of_neighbors_log_ratios(net):
    net.kernel.data.zero_()
    net.kernel.data[0, 0, 1, 1], net.kernel.data[0, 0, 1, 2] = -1.0, 1.0
    net.norm.weight.data.fill_((1 + net.norm.eps) ** 0.5)
    x = torch.rand(1, 3, 6, 6) * 0.9 + 0.1
    log = x.double().log()
    ratios = log[:, [0, 1, 0]] - log[:, [1, 2, 2]]
    expected = (ratios[..., 1:] - ratios[..., :-1]).float()
    with torch.no_grad():
        features = net.invariant_features(x)[:, ::8]
    torch.testing.assert_close(
        features[..., 1:-1, 1:-1], expected[..., 1:-1, 1:], atol=1e-5, rtol=0
    )


def test_black_pixels_have_features_of_zero_and_finite_gradients(net):
    net.norm.bias.data.fill_(1.0)
    x = torch.rand(1, 3, 6, 6)
    x[0, 1, 2, 3] = 0
    x.requires_grad_()
    features = net.invariant_features(x)
    zero = (features == 0).nonzero().tolist()
    # Green: the features of G/B, 8 to 15.
    assert zero == [[0, channel, 2, 3] for channel in range(8, 16)]
    net(x).sum().backward()
    assert x.grad.isfinite().all()


def test_output_is_inside_the_range_of_an_image_and_keeps_gradients(net):
    net.fuse[-1].bias.data = torch.tensor([-4.0, 0.0, 4.0])
    image = net.enhance(torch.rand(1, 3, 8, 8))
    assert image.min() > 0 and image.max() < 1
    image.sum().backward()
    assert (net.fuse[-1].bias.grad > 0).all()


def test_even_kernels_are_refused():
    with pytest.raises(ValueError, match='kernel_size=4 of YOLANet'):
        YOLANet(kernel_size=4)
