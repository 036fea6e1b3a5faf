"""PairLIE: its network, its losses, its authors' files, its training."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmsdag.models import MSELoss, PairLIE, PairLIENet, RetinexLoss
from mmsdag.utils.conversion import convert

NETWORK = dict(type='mmsdag.PairLIENet', channels=4)


def test_it_has_the_weights_of_the_authors_network():
    # 3 * 64 * 9 + 64, 3 * (64 * 64 * 9 + 64), 64 * 3 * 9 + 3; one with 1.
    trunk = 1792 + 3 * 36928
    assert sum(p.numel() for p in PairLIENet().parameters()) == (2 * (trunk + 1731) + trunk + 577)


def test_an_image_is_enhanced_by_its_parts():
    net = PairLIENet(channels=4, correction=0.14)
    x = torch.rand(2, 3, 9, 12)
    enhanced, light, reflectance, projected = net(x)
    assert light.shape == (2, 1, 9, 12)
    torch.testing.assert_close(enhanced, light**0.14 * reflectance)
    torch.testing.assert_close(light, net.illumination(projected).sigmoid())
    torch.testing.assert_close(reflectance, net.reflectance(projected).sigmoid())
    torch.testing.assert_close(net.enhance(x), enhanced)


def test_the_loss_of_a_decomposition_is_that_of_a_hand_calculation():
    light = torch.full((1, 1, 3, 3), 0.5)
    light[..., 1] = 0.25  # nothing two columns apart differs
    light[..., 2, 0] = 1.0
    reflectance = torch.full((1, 3, 3, 3), 0.8)
    projected = torch.full((1, 3, 3, 3), 0.4)
    image = torch.full((1, 3, 3, 3), 0.1)
    image[:, 1] = 0.5
    # L R - I: 0 at five pixels of 0.5, -0.2 at three of 0.25, 0.4 at one.
    fit = (3 * 0.2**2 + 0.4**2) / 9
    # R - I / L: 0, -0.8, 0.4.
    quotient = (3 * 0.8**2 + 0.4**2) / 9
    # L - max I: 0, -0.25, 0.5.
    bright = (3 * 0.25**2 + 0.5**2) / 9
    # Rows 0 and 2 differ in the first of three columns, columns 0 and 2 in
    # the last of three rows.
    smooth = 0.5 / 3 + 0.5 / 3
    loss = RetinexLoss(loss_weight=2.0)(light, reflectance, projected, image)
    assert loss.item() == pytest.approx(2 * (fit + quotient + bright + smooth), rel=1e-5)


def test_illumination_gets_no_gradient_of_the_quotient():
    light = torch.full((1, 1, 3, 3), 0.5, requires_grad=True)
    ones = torch.ones(1, 3, 3, 3)
    # All other terms are at their minimum.
    RetinexLoss()(light, ones, 0.5 * ones, 0.5 * ones).backward()
    assert light.grad.abs().max() == 0


class Recorded(PairLIENet):
    """A network whose parts are given."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return x, x[:, :1] * 0 + 0.5, x, x * 0.5


def test_reflectances_of_both_shots_are_compared():
    model = PairLIE(generator=NETWORK)
    model.generator = Recorded(channels=4)
    img, gt = torch.rand(2, 2, 3, 8, 8)
    losses = model(dict(img=img, gt=gt), mode='loss')
    both = torch.cat([img, gt])
    assert losses['loss_consistency'].item() == pytest.approx(MSELoss()(img, gt).item())
    assert losses['loss_projection'].item() == pytest.approx(
        500 * (both * 0.5).square().mean().item(), rel=1e-5
    )
    light = torch.full_like(both[:, :1], 0.5)
    assert losses['loss_retinex'].item() == pytest.approx(
        RetinexLoss()(light, both, both * 0.5, both).item()
    )


def test_every_weight_gets_a_gradient():
    model = PairLIE(generator=NETWORK)
    losses = model(dict(img=torch.rand(1, 3, 8, 8), gt=torch.rand(1, 3, 8, 8)), mode='loss')
    sum(losses.values()).backward()
    assert all(p.grad.abs().max() > 0 for p in model.parameters())


def test_one_shot_alone_is_refused():
    with pytest.raises(TypeError, match="paired='random'.*PackImages"):
        PairLIE(generator=NETWORK)(torch.rand(1, 3, 8, 8), mode='loss')


def test_the_exponent_is_checked():
    with pytest.raises(ValueError, match='correction=1.4'):
        PairLIENet(correction=1.4)


def test_the_authors_file_converts(tmp_path):
    shapes = {1: (64, 3), 4: (64, 64), 7: (64, 64), 10: (64, 64), 13: (3, 64)}
    theirs = {}
    for letter in 'LRN':
        for layer, (outputs, inputs) in shapes.items():
            if letter == 'L' and layer == 13:
                outputs = 1
            name = f'{letter}_net.{letter}_net.{layer}'
            theirs[f'{name}.weight'] = torch.rand(outputs, inputs, 3, 3)
            theirs[f'{name}.bias'] = torch.rand(outputs)
    torch.save(theirs, tmp_path / 'PairLIE.pth')
    state = convert('pairlie', tmp_path / 'PairLIE.pth')['state_dict']
    assert torch.equal(state['generator.illumination.8.weight'], theirs['L_net.L_net.13.weight'])
    assert torch.equal(state['generator.projection.4.bias'], theirs['N_net.N_net.7.bias'])
    net = PairLIENet()
    net.load_state_dict({k.removeprefix('generator.'): v for k, v in state.items()})
