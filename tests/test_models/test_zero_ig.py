"""Zero-IG: its network, its losses, its authors' files, its guidance."""

from __future__ import annotations

import pytest
import torch
from helpers.guided_training import Recorder, frozen_net, guidance, save_sdag, train
from torch import nn

from mmsdag.models import (
    AdaptiveLightLoss,
    BlurredMSELoss,
    NoiseEnergyLoss,
    TextureConsistencyLoss,
    ZeroIG,
    ZeroIGNet,
)
from mmsdag.utils.conversion import convert

NETWORK = dict(type='mmsdag.ZeroIGNet', channels=4, noise_channels=4)
MODEL = dict(type='mmsdag.ZeroIG', generator=NETWORK)


def test_it_has_the_weights_of_the_authors_network():
    # Three convolutions and one normalization; two denoisers of two 3x3 and
    # one 1x1 convolution, of three and of six channels.
    illumination = (3 * 64 * 9 + 64) + (64 * 64 * 9 + 64) + 2 * 64 + (64 * 3 * 9 + 3)
    middle = 48 * 48 * 9 + 48
    denoiser = (3 * 48 * 9 + 48) + middle + (48 * 3 + 3)
    refiner = (6 * 48 * 9 + 48) + middle + (48 * 6 + 6)
    count = sum(p.numel() for p in ZeroIGNet().parameters())
    assert count == illumination + denoiser + refiner == 86572


def test_an_image_is_enhanced_by_its_parts():
    net = ZeroIGNet(channels=4, noise_channels=4).eval()
    x = torch.rand(2, 3, 12, 13)
    enhanced, quotient, light, denoised, noise = net(x)
    torch.testing.assert_close(denoised, (x + 1e-4 - net.denoiser(x + 1e-4)).clamp(1e-4, 1))
    torch.testing.assert_close(light, net.illumination(denoised))
    torch.testing.assert_close(quotient, ((x + 1e-4) / light).clamp(1e-4, 1))
    torch.testing.assert_close(noise, net.refiner(torch.cat([quotient, light], 1)))
    torch.testing.assert_close(enhanced, (quotient - noise[:, :3]).clamp(1e-4, 1))
    torch.testing.assert_close(net.enhance(x), enhanced)
    net.denoise = False
    torch.testing.assert_close(net.enhance(x), quotient)
    torch.testing.assert_close(net(x)[0], quotient)


def test_initial_weights_follow_the_authors():
    net = ZeroIGNet()
    before = net.denoiser[2].weight.detach().clone()
    net.init_weights()
    block = net.illumination.block
    assert block[0].weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert block[0].bias.abs().max() == 0
    assert 0.005 < (block[1].weight - 1).abs().mean() < 0.03
    assert torch.equal(net.denoiser[2].weight, before)


def test_the_loss_of_the_illumination_is_that_of_a_hand_calculation():
    image = torch.full((1, 3, 4, 4), 0.1, requires_grad=True)
    light = torch.full((1, 3, 4, 4), 0.5)
    gain = 0.5 / (0.1 * (0.144 + 0.587 + 0.299))
    wanted = (0.1 * gain) ** gain * 0.7**-gain / gain
    expected = 7 * (0.5 - wanted) ** 2 + 3 * (0.1 / 0.5 - 0.1 * gain) ** 2
    loss = AdaptiveLightLoss(light_weight=7.0, quotient_weight=3.0)(light, image)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    assert not loss.requires_grad


def test_each_image_of_a_batch_has_a_gain_of_its_own():
    light = torch.full((2, 3, 4, 4), 0.5)
    images = torch.tensor([0.02, 0.4]).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    loss = AdaptiveLightLoss()
    single = [loss(light[:1], image[None]) for image in images]
    torch.testing.assert_close(loss(light, images), (single[0] + single[1]) / 2)


def test_halves_of_one_texture_are_left_alone():
    texture = torch.rand(1, 3, 16, 16)
    assert TextureConsistencyLoss()(texture, texture).item() == pytest.approx(0, abs=1e-9)
    # A second half of the same texture, but lighter, should equal the first.
    loss = TextureConsistencyLoss(loss_weight=1.0)(texture, texture + 0.1)
    assert loss.item() == pytest.approx(0.01, rel=1e-4)


def test_halves_without_texture_should_equal_their_local_means():
    # Standard deviations of 0.005 are too small to agree.
    first, second = 0.5 + 0.01 * (torch.rand(2, 1, 3, 16, 16) - 0.5)
    loss = TextureConsistencyLoss(loss_weight=1.0)
    assert not loss.agreement(first, second).any()

    def distance(x):
        padded = nn.functional.pad(x, (2, 2, 2, 2), mode='reflect')
        rows = sum(padded[..., i : i + 16, :] for i in range(5))
        mean = sum(rows[..., i : i + 16] for i in range(5)) / 25
        return (x - mean).square().mean().item()

    assert loss(first, second).item() == pytest.approx(distance(first) + distance(second), rel=1e-4)


def test_the_loss_of_colors_sees_means_and_no_noise():
    image = torch.full((1, 3, 64, 64), 0.5)
    loss = BlurredMSELoss(loss_weight=1.0)
    assert loss(image + 0.1, image).item() == pytest.approx(0.01, rel=1e-4)
    noise = 0.1 * (torch.rand(1, 3, 64, 64) - 0.5)
    assert loss(image + noise, image).item() < noise.square().mean().item() / 50


def test_removing_as_much_as_there_is_costs_nothing():
    image = torch.rand(1, 3, 12, 12)
    loss = NoiseEnergyLoss()
    assert loss(torch.zeros_like(image), image).item() == 0
    assert loss(image, image).item() > 1


def zeroed(part: nn.Sequential) -> None:
    """Let a denoiser find no noise."""
    nn.init.zeros_(part[-1].weight)
    nn.init.zeros_(part[-1].bias)


def test_denoised_halves_are_compared_with_each_other_and_with_the_whole():
    model = ZeroIG(NETWORK).eval()
    for part in (model.generator.denoiser, model.generator.refiner):
        zeroed(part)
    x = torch.rand(1, 3, 24, 24) * 0.5 + 0.1
    losses = model.losses(x)
    assert len(losses) == 11
    upper, lower = x[..., ::2, :], x[..., 1::2, :]
    first, second = (
        (upper[..., 1::2] + lower[..., ::2]) / 2,
        (upper[..., ::2] + lower[..., 1::2]) / 2,
    )
    # Each half is the other's target, without the 1e-4 that is added to it.
    expected = 1000 * sum((d + 1e-4).square().mean() for d in (first - second, second - first))
    assert losses['loss_denoise'].item() == pytest.approx(expected.item(), rel=1e-3)
    assert losses['loss_denoise_scale'].item() == pytest.approx(0, abs=1e-6)
    assert losses['loss_kept_light'].item() == 0
    assert losses['loss_color'].item() < 1e-2


def test_the_networks_learn_from_their_own_terms():
    model = ZeroIG(NETWORK)
    net = model.generator
    parts = dict(denoiser=net.denoiser, illumination=net.illumination, refiner=net.refiner)
    losses = model.losses(torch.rand(2, 3, 24, 24) * 0.3)
    reached = {}
    for name, loss in losses.items():
        model.zero_grad()
        loss.backward(retain_graph=True)
        reached[name] = {
            part
            for part, module in parts.items()
            if any(p.grad is not None and p.grad.abs().max() > 0 for p in module.parameters())
        }
    for name in ('loss_denoise', 'loss_denoise_scale'):
        assert reached[name] == {'denoiser'}
    for name in ('loss_light', 'loss_smooth', 'loss_tv'):
        assert reached[name] == {'illumination'}
    for name in (
        reached.keys()
        - {'loss_denoise', 'loss_denoise_scale', 'loss_light'}
        - {'loss_smooth', 'loss_tv'}
    ):
        assert 'refiner' in reached[name] and 'denoiser' not in reached[name]


def test_guidance_reaches_the_illumination_and_what_follows(tmp_path):
    path = save_sdag(tmp_path)
    seen = Recorder()
    runner = train(
        tmp_path,
        MODEL,
        [guidance(str(path), loss_weight=7.0), seen],
        iters=1,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-5)),
    )
    enhanced = seen.images[0][0]
    expected = 7 * (enhanced - frozen_net(str(path))(enhanced)).abs().mean()
    torch.testing.assert_close(seen.losses[0]['loss_sdag'], expected)
    assert len(seen.losses[0]) == 13
    net = runner.model.generator.eval()
    net.zero_grad()
    net(torch.rand(1, 3, 16, 16))[0].mean().backward()
    assert net.illumination.stem[0].weight.grad.abs().max() > 0
    assert net.refiner[0].weight.grad.abs().max() > 0
    assert net.denoiser[0].weight.grad is None


def test_the_authors_file_converts(tmp_path):
    theirs = {}
    for number, width in ((1, 3), (2, 6)):
        for layer, shape in enumerate(
            [(48, width, 3, 3), (48, 48, 3, 3), (width, 48, 1, 1)], start=1
        ):
            theirs[f'denoise_{number}.conv{layer}.weight'] = torch.rand(shape)
            theirs[f'denoise_{number}.conv{layer}.bias'] = torch.rand(shape[0])
    block = {'0.weight': torch.rand(64, 64, 3, 3), '0.bias': torch.rand(64)}
    for name in ('weight', 'bias', 'running_mean', 'running_var'):
        block[f'1.{name}'] = torch.rand(64)
    for place in ('conv', 'blocks.0', 'blocks.1', 'blocks.2'):
        theirs.update({f'enhance.{place}.{name}': value for name, value in block.items()})
    for place, shape in (('in_conv', (64, 3, 3, 3)), ('out_conv', (3, 64, 3, 3))):
        theirs[f'enhance.{place}.0.weight'] = torch.rand(shape)
        theirs[f'enhance.{place}.0.bias'] = torch.rand(shape[0])
    torch.save(theirs, tmp_path / 'LOL.pt')
    state = convert('zero-ig', tmp_path / 'LOL.pt')['state_dict']
    assert torch.equal(state['generator.denoiser.2.weight'], theirs['denoise_1.conv2.weight'])
    assert torch.equal(state['generator.refiner.4.bias'], theirs['denoise_2.conv3.bias'])
    assert torch.equal(state['generator.illumination.block.1.bias'], block['1.bias'])
    assert torch.equal(state['generator.illumination.head.bias'], theirs['enhance.out_conv.0.bias'])
