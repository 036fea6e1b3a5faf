"""BlendUNet, against an implementation of its own kind."""

from __future__ import annotations

import importlib.util
import math

import pytest
import torch

from mmsdag.models import BlendUNet


@pytest.fixture
def plain(shared):
    """The network of the trial script, written independently."""
    path = shared / 'trial' / 'guide.py'
    if not path.is_file():
        pytest.skip(f'needs {path}')
    spec = importlib.util.spec_from_file_location('trial_guide', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.UNet()


def test_it_has_fewer_than_300_000_weights():
    assert sum(p.numel() for p in BlendUNet().parameters()) == 224166


def test_at_first_it_is_the_mean_of_the_three_versions():
    x = torch.full((1, 3, 8, 8), 0.1)
    # 0.1, 0.1 ** (1 / 2.2) = 0.35112, and 0.4.
    expected = torch.full_like(x, (0.1 + 0.35112 + 0.4) / 3)
    torch.testing.assert_close(BlendUNet().enhance(x), expected, atol=1e-5, rtol=0)


def test_the_gain_is_limited_and_never_darkens():
    net = BlendUNet()
    net.head.bias.data[2] = 100.0  # the gained version alone
    dark = torch.full((1, 3, 8, 8), 0.001)
    torch.testing.assert_close(net(dark), torch.full_like(dark, 0.03))
    bright = torch.full((1, 3, 8, 8), 0.7)
    torch.testing.assert_close(net(bright), bright)


def test_it_computes_what_the_trial_network_computes(plain):
    names = dict(e='encoder', u='reduce', d='decoder', g='context', o='head')
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    net = BlendUNet()
    net.load_state_dict(
        {
            '.'.join([names[key.split('.')[0]], *key.split('.')[1:]]): value
            for key, value in plain.state_dict().items()
        }
    )
    x = torch.rand(2, 3, 37, 50) * 0.2
    with torch.no_grad():
        torch.testing.assert_close(net(x), plain(x), atol=1e-5, rtol=1e-5)


def test_the_output_of_the_network_is_not_clipped_but_enhance_is():
    net = BlendUNet()
    net.head.bias.data[3:] = 1.0
    x = torch.rand(1, 3, 8, 8)
    assert net(x).max() > 1
    assert net.enhance(x).max() <= 1


def test_it_begins_with_the_weights_of_its_prior():
    x = torch.rand(1, 3, 16, 16) * 0.2
    net = BlendUNet(channels=4, prior=(3.0, 0.0, 1.0))
    parts = [math.exp(3), 1, math.exp(1)]
    versions = [x, x.clamp_min(1e-4) ** (1 / 2.2), x * (0.4 / x.mean())]
    expected = sum(part / sum(parts) * version for part, version in zip(parts, versions))
    torch.testing.assert_close(net(x), expected, atol=1e-5, rtol=1e-4)


def test_channels_can_be_scaled_by_themselves():
    # Means of 0.02, 0.1 and 0.5; the last is above the level.
    x = torch.tensor([0.02, 0.1, 0.5]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    net = BlendUNet(channels=4, prior=(0.0, 0.0, 100.0), level=0.2, per_channel=True)
    torch.testing.assert_close(net(x)[0, :, 0, 0], torch.tensor([0.2, 0.2, 0.5]), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    'option, message', [(dict(level=1.0), 'level=1.0'), (dict(prior=(1.0, 2.0)), 'prior=')]
)
def test_options_out_of_their_range_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        BlendUNet(channels=4, **option)
