"""FRBNet: its size, its filter, and what its features do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.models import FRBNet


@pytest.fixture
def net() -> FRBNet:
    net = FRBNet()
    for name in ('magnitude', 'phase', 'magnitude_gate', 'phase_gate'):
        getattr(net.filter, name).data.normal_()
    return net.eval()


def test_it_has_as_many_weights_as_the_authors_module(net):
    # FIINet(number_K=10) of the authors' code.
    assert sum(p.numel() for p in net.parameters()) == 9357


def test_features_do_not_change_with_the_light(net):
    x = torch.rand(2, 3, 16, 20) * 0.8 + 0.2
    # Another color temperature, and less of it.
    light = torch.tensor([0.5, 0.3, 0.1]).view(3, 1, 1)
    with torch.no_grad():
        features = net.filtered_ratios(x)
        darker = net.filtered_ratios(x * light)
    assert features.abs().mean() > 0.1
    torch.testing.assert_close(features, darker, atol=1e-4, rtol=0)


def test_response_is_a_sum_of_gaussians_of_the_radius(net):
    part = net.filter
    part.log_width.data.fill_(np.log(0.2))
    part.log_window.data.fill_(np.log(0.4))
    magnitude, phase = part.response(torch.zeros(1, 3, 8, 10))

    def gaussians(coefficients, gates, share):
        total = 0.0
        for k in range(10):
            gate = 1 / (1 + np.exp(-gates[k].item()))
            distance = share - k / 9
            total += (
                gate * coefficients[k].item() * np.exp(-(distance**2) / (2 * (0.2 + 1e-6) ** 2))
            )
        return total

    largest = np.hypot(0.5, 0.5)
    for row, column in ((1, 0), (2, 3), (7, 5)):
        v, h = np.fft.fftfreq(8)[row], np.fft.rfftfreq(10)[column]
        radius, angle = np.hypot(v, h), np.arctan2(v, h)
        direction = 1 + 0.05 * (np.cos(angle) + np.sin(angle))
        expected = direction * gaussians(part.phase, part.phase_gate, radius / largest)
        assert phase[row, column].item() == pytest.approx(expected, abs=1e-5)
        expected = (
            direction
            * gaussians(part.magnitude, part.magnitude_gate, radius / largest)
            * np.exp(-((radius / 0.4) ** 2))
        )
        assert magnitude[row, column].item() == pytest.approx(expected, abs=1e-5)
    assert magnitude[0, 0] == 0


def test_at_first_the_filter_passes_nothing_but_learns():
    net = FRBNet()
    x = torch.rand(2, 3, 16, 16)
    assert not net.filtered_ratios(x).any()
    net(x).square().mean().backward()
    assert net.filter.magnitude.grad.abs().max() > 0
    # A magnitude of 0 has no phase.
    assert not net.filter.phase.grad.any()


def test_the_window_passes_all_frequencies_at_first(net):
    x = torch.zeros(1, 3, 16, 16)
    magnitude = net.filter.response(x)[0]
    net.filter.log_window.data.fill_(100.0)
    torch.testing.assert_close(magnitude, net.filter.response(x)[0], rtol=1e-4, atol=0)


def test_black_pixels_have_finite_features_and_gradients(net):
    x = torch.zeros(1, 3, 8, 8)
    x[:, :, 2:4] = torch.rand(1, 3, 2, 8)
    x.requires_grad_()
    image = net.enhance(x)
    assert image.isfinite().all() and image.min() > 0 and image.max() < 1
    image.sum().backward()
    assert x.grad.isfinite().all()


def test_a_single_function_is_refused():
    with pytest.raises(ValueError, match='functions=1 of FRBNet'):
        FRBNet(functions=1)
