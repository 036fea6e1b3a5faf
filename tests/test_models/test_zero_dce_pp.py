"""Zero-DCE++ computes what its authors' code computed, at any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.functional import apply_curves
from mmsdag.models import ZeroDCEPP, ZeroDCEPPNet

IMAGES = ('exdark_2015_02057', 'dicm_02', 'lol_lsrw_00001')
NET = dict(type='mmsdag.ZeroDCEPPNet')


@pytest.mark.parametrize('image', IMAGES)
@pytest.mark.parametrize('scale', [1, 4])
def test_network_reproduces_the_authors_images(shared, official, image, scale):
    reference = np.load(shared / 'reference' / f'{image}.npz')
    net = official(ZeroDCEPPNet(scale_factor=scale), 'zero-dce-pp', 'zero_dce_pp_official.pth')
    with torch.no_grad():
        enhanced, curve = net(torch.from_numpy(reference['input'])[None])
    expected = reference[f'zero_dce_pp_scale{scale}']
    assert np.abs(enhanced[0].numpy() - expected).max() <= 1e-5
    if scale == 1:
        assert np.abs(curve[0].numpy() - reference['zero_dce_pp_scale1_curve']).max() <= 1e-5


def test_shared_map_is_applied_at_every_iteration(shared, official):
    net = official(ZeroDCEPPNet(), 'zero-dce-pp', 'zero_dce_pp_official.pth')
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        enhanced, curve = net(x)
    for _ in range(8):
        x = x + curve * (x**2 - x)
    torch.testing.assert_close(enhanced, x)


@pytest.mark.parametrize('scale', [1, 3, 4, 12])
@pytest.mark.parametrize('size', [(16, 16), (17, 31), (50, 33), (1, 40)])
def test_any_size_is_kept_at_any_scale(scale, size):
    net = ZeroDCEPPNet(channels=4, scale_factor=scale)
    for batch in (1, 2):
        enhanced, curve = net(torch.rand(batch, 3, *size))
        assert enhanced.shape == curve.shape == (batch, 3, *size)


def test_map_of_an_undivided_size_is_that_of_the_image_stretched(shared, official):
    # 94 x 127 pixels fill as many cells, 24 x 32, as the 96 x 128 that they
    # are cut from: the maps must agree closely.
    reference = np.load(shared / 'reference/dicm_02.npz')
    image = torch.from_numpy(reference['input'])[None]
    net = official(ZeroDCEPPNet(scale_factor=4), 'zero-dce-pp', 'zero_dce_pp_official.pth')
    cropped = image[..., :94, :127]
    with torch.no_grad():
        expected = apply_curves(cropped, net.curves(image)[..., :94, :127])
        error = (net.enhance(cropped) - expected).abs()
    assert error.mean() < 0.005


def test_estimation_happens_on_the_small_image():
    net = ZeroDCEPPNet(channels=4, scale_factor=4)
    sizes = []
    net.conv1.register_forward_hook(
        lambda module, args, out: sizes.append(tuple(args[0].shape[-2:]))
    )
    net(torch.rand(1, 3, 34, 40))
    assert sizes == [(9, 10)]


def test_convolutions_are_depthwise_then_pointwise():
    net = ZeroDCEPPNet()
    # 9 + 1 weights a channel, then one for each pair, and a bias each.
    pairs = [(3, 32), *[(32, 32)] * 3, *[(64, 32)] * 2, (64, 3)]
    expected = sum(10 * i + i * o + o for i, o in pairs)
    assert sum(p.numel() for p in net.parameters()) == expected == 10_561


@pytest.mark.parametrize('scale', [0, -4, 2.5, '4'])
def test_a_scale_that_is_no_positive_whole_number_is_refused(scale):
    with pytest.raises(ValueError, match='scale_factor='):
        ZeroDCEPPNet(scale_factor=scale)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_stays_close(shared, official, dtype):
    reference = np.load(shared / 'reference/dicm_02.npz')
    x = torch.from_numpy(reference['input'])[None]
    net = official(ZeroDCEPPNet(scale_factor=4), 'zero-dce-pp', 'zero_dce_pp_official.pth')
    with torch.no_grad(), torch.autocast('cpu', dtype):
        enhanced = net.enhance(x)
    assert enhanced.dtype == torch.float32
    error = np.abs(enhanced[0].numpy() - reference['zero_dce_pp_scale4'])
    assert error.max() < 0.03
    with torch.no_grad():
        assert net.to(dtype).enhance(x.to(dtype)).isfinite().all()


def test_losses_are_those_of_zero_dce_with_eightfold_smoothness():
    model = ZeroDCEPP(NET)
    x = torch.rand(2, 3, 32, 32) * 0.3
    losses = model.losses(x)
    assert set(losses) == {'loss_tv', 'loss_spa', 'loss_col', 'loss_exp'}
    curve = model.generator.curves(x)
    # The authors': squares summed, over the positions of a map and images.
    rows = (curve[:, :, 1:] - curve[:, :, :-1]).square().sum()
    columns = (curve[..., 1:] - curve[..., :-1]).square().sum()
    expected = 1600 * 2 * (rows + columns) / (31 * 32) / 2
    torch.testing.assert_close(losses['loss_tv'], expected)


def test_a_step_of_training_moves_every_weight():
    model = ZeroDCEPP(NET)
    sum(model.losses(torch.rand(2, 3, 32, 32) * 0.3).values()).backward()
    for name, weight in model.generator.named_parameters():
        assert weight.grad.abs().sum() > 0, name
