"""The fast path computes what the plain formulas say.

The expected values come from tools/benchmark/plain/, which is written after
the published formulas without any of the fast path's means.
"""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace

import plain
import pytest
import torch

from mmsdag.models import (
    RUAS,
    SCI,
    SDAG,
    BlendUNet,
    EnlightenGAN,
    SDAGGuidanceLoss,
    SDAGNet,
    SelfSupervisedRestorer,
    ZeroDCE,
    ZeroDCENet,
    ZeroDCEPP,
)
from mmsdag.models.precision import resolve_amp_dtype
from mmsdag.utils import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
NET = dict(type='mmsdag.SDAGNet', extractor=dict(type='mmsdag.VGGExtractor', init_cfg=None))
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def restorer() -> SelfSupervisedRestorer:
    """BlendUNet, whose output depends on all of its weights."""
    model = SelfSupervisedRestorer(
        dict(type='mmsdag.BlendUNet', channels=4), dict(type='mmsdag.GammaDegradation')
    )
    torch.nn.init.normal_(model.generator.head.weight, std=0.01)
    return model


def trained_of(net: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights of a network, to be differentiated by."""
    return {
        name: weight.detach().clone().requires_grad_(not name.startswith('extractor.'))
        for name, weight in net.state_dict().items()
    }


def gradient_error(net, weights) -> float:
    """Norm of the difference of all gradients, relative to their norm."""
    pairs = [(weights[name].grad, p.grad) for name, p in net.named_parameters() if p.requires_grad]
    assert pairs
    difference = sum((a - b).square().sum() for a, b in pairs)
    return (difference / sum(a.square().sum() for a, _ in pairs)).sqrt().item()


def stage_one(amp_dtype=None):
    """Losses of one iteration by both, and the gradients' error."""
    model = SDAG(NET, amp_dtype=amp_dtype).train()
    images = torch.rand(4, 3, 24, 20)
    noise = torch.randn_like(images) * 50 / 255
    model.degradations['noise'] = SimpleNamespace(degrade=lambda x: x + noise)
    weights = trained_of(model.generator)
    right = plain.stage_one_loss(images, noise, weights)
    right.backward()
    loss = sum(model.forward_train(images).values())
    loss.backward()
    return loss.item(), right.item(), gradient_error(model.generator, weights)


def guided(tmp_path, amp_dtype=None):
    """The same of Zero-DCE under guidance."""
    model = ZeroDCE(dict(type='mmsdag.ZeroDCENet'), amp_dtype=amp_dtype)
    frozen = SDAGNet(NET['extractor']).state_dict()
    torch.save({'state_dict': frozen}, tmp_path / 'sdag.pth')
    guidance = SDAGGuidanceLoss(
        str(tmp_path / 'sdag.pth'), NET, loss_weight=10.0, amp_dtype=amp_dtype
    )
    images = torch.rand(2, 3, 40, 36) * 0.3
    weights = trained_of(model.generator)
    right = plain.guided_loss(images, weights, frozen, 10.0)
    right.backward()
    outputs = []
    model.generator.register_forward_hook(lambda module, args, output: outputs.append(output[0]))
    loss = sum(model.forward_train(images).values()) + guidance(outputs[0])
    loss.backward()
    return loss.item(), right.item(), gradient_error(model.generator, weights)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_sdag_images_equal_the_plain_ones(layout):
    net = SDAGNet(NET['extractor'])
    x = torch.rand(2, 3, 17, 22)
    with torch.no_grad():
        out = net(x.contiguous(memory_format=layout))
        right = plain.sdag(x, net.state_dict())
    assert (out - right).abs().max() <= 1e-5


@pytest.mark.parametrize('layout', LAYOUTS)
def test_zero_dce_images_and_curves_equal_the_plain_ones(layout):
    net = ZeroDCENet()
    x = torch.rand(2, 3, 17, 22)
    with torch.no_grad():
        ours = net(x.contiguous(memory_format=layout))
        right = plain.zero_dce(x, net.state_dict())
    for tensor, expected in zip(ours, right):
        assert (tensor - expected).abs().max() <= 1e-5


@pytest.mark.parametrize('layout', LAYOUTS)
def test_blend_unet_images_equal_the_plain_ones(layout):
    net = restorer().generator
    # Sides that are no multiples of the stride.
    x = torch.rand(2, 3, 17, 22) * 0.3
    with torch.no_grad():
        ours = net(x.contiguous(memory_format=layout))
        right = plain.blend_unet(x, net.state_dict())
    assert (ours - right).abs().max() <= 1e-5


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_blend_unet_convolves_in_channels_last(layout, dtype):
    net = BlendUNet(channels=4)
    found = []
    for module in net.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda module, args, output: found.append(args[0]))
    with torch.autocast('cpu', dtype, enabled=dtype is torch.bfloat16):
        net(torch.rand(2, 3, 17, 22).contiguous(memory_format=layout))
    assert len(found) == 18
    assert all(x.is_contiguous(memory_format=torch.channels_last) for x in found)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_sdag_gradients_equal_the_plain_ones(layout):
    net = SDAGNet(NET['extractor'])
    weights = trained_of(net)
    x = torch.rand(2, 3, 17, 22)
    plain_x = x.clone().requires_grad_()
    x = x.contiguous(memory_format=layout).requires_grad_()
    net(x).square().mean().backward()
    plain.sdag(plain_x, weights).square().mean().backward()
    assert gradient_error(net, weights) < 1e-4
    assert (x.grad - plain_x.grad).norm() < 1e-4 * plain_x.grad.norm()


# The slopes of the L1 losses and of the hinge jump: where rounding moves a
# pixel across, gradients differ by some 1e-3, as much as the plain ones do
# from those in float64.
def test_stage_one_in_float32_equals_the_plain_one():
    loss, right, error = stage_one()
    assert loss == pytest.approx(right, rel=1e-5)
    assert error < 5e-3


def test_guided_training_in_float32_equals_the_plain_one(tmp_path):
    loss, right, error = guided(tmp_path)
    assert loss == pytest.approx(right, rel=1e-5)
    assert error < 5e-3


@pytest.mark.parametrize(
    'model, loss_of, options',
    [
        (lambda: ZeroDCEPP(dict(type='mmsdag.ZeroDCEPPNet')), 'zero_dce_pp_loss', {}),
        (lambda: SCI(dict(type='mmsdag.SCINet')), 'sci_loss', {}),
        (
            lambda: RUAS(dict(type='mmsdag.RUASNet', denoise=False)),
            'ruas_loss',
            dict(with_denoiser=False),
        ),
        (restorer, 'blend_unet_loss', {}),
    ],
    ids=['Zero-DCE++', 'SCI', 'RUAS', 'BlendUNet'],
)
def test_a_method_trains_as_the_plain_one(model, loss_of, options):
    # In float64, so that rounding moves no pixel across a jump.
    model = model().double().train()
    weights = {
        name: weight.requires_grad_(name.endswith(('weight', 'bias')))
        for name, weight in copy.deepcopy(model.generator.state_dict()).items()
    }
    images = torch.rand(2, 3, 40, 36, dtype=torch.float64) * 0.3
    right = getattr(plain, loss_of)(images, weights)
    right.backward()
    loss = sum(model.forward_train(images, **options).values())
    loss.backward()
    assert loss.item() == pytest.approx(right.item(), rel=1e-9)
    learnt = {
        name: parameter.grad
        for name, parameter in model.generator.named_parameters()
        if parameter.grad is not None
    }
    assert learnt
    scale = max(grad.abs().max().item() for grad in learnt.values())
    for name, grad in learnt.items():
        torch.testing.assert_close(grad, weights[name].grad, atol=1e-9 * scale, rtol=1e-6)


def test_enlighten_gan_trains_as_the_plain_one():
    # Images of a patch's size, so that all patches lie at the same place.
    model = (
        EnlightenGAN(dict(type='mmsdag.EnlightenGANNet', channels=4), dimming=(1, 1), num_patches=2)
        .double()
        .train()
    )
    extractor = model.feature_loss.extractor.double()
    weights = {
        name: weight.detach().clone().requires_grad_(name.endswith(('weight', 'bias')))
        for name, weight in (model.state_dict() | extractor.state_dict(prefix='extractor.')).items()
    }
    low = torch.rand(2, 3, 32, 32, dtype=torch.float64) * 0.3
    bright = torch.rand_like(low)
    right = plain.enlighten_gan_losses(low, low, bright, weights, [(0, 0)] * 2)
    terms = model.forward_train(dict(img=low, bright=bright))
    for own, expected, parts in zip(
        (False, True), right, (['generator'], ['global_discriminator', 'local_discriminator'])
    ):
        loss = sum(term for name, term in terms.items() if name.startswith('loss_disc_') == own)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
        learnt = {
            f'{part}.{name}': parameter
            for part in parts
            for name, parameter in getattr(model, part).named_parameters()
        }
        grads = torch.autograd.grad(loss, list(learnt.values()))
        for name, grad, other in zip(
            learnt,
            grads,
            torch.autograd.grad(expected, [weights[name] for name in learnt], retain_graph=True),
        ):
            torch.testing.assert_close(grad, other, atol=1e-12, rtol=1e-6, msg=name)


def test_stage_one_in_bfloat16_is_near():
    loss, right, error = stage_one('bfloat16')
    assert loss == pytest.approx(right, rel=0.01)
    assert error < 0.1


def test_guided_training_in_bfloat16_is_near(tmp_path):
    loss, right, error = guided(tmp_path, 'bfloat16')
    assert loss == pytest.approx(right, rel=0.01)
    assert error < 0.1


def test_bfloat16_training_learns_and_stays_finite():
    model = SDAG(NET, amp_dtype='bfloat16').train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    images = torch.rand(4, 3, 16, 16)
    totals = []
    for _ in range(12):
        loss = sum(model.forward_train(images).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        totals.append(loss.item())
    assert all(p.isfinite().all() for p in parameters)
    assert all(p.dtype == torch.float32 for p in parameters)
    assert sum(totals[-3:]) < 0.8 * sum(totals[:3])


def test_inference_leaves_its_input_alone():
    net = ZeroDCENet()
    x = torch.rand(1, 3, 9, 9)
    before = x.clone()
    with torch.inference_mode():
        net.enhance(x)
    assert torch.equal(x, before)


def test_denormal_weights_are_zero_after_loading_and_change_nothing(tmp_path):
    weights = ZeroDCENet().state_dict()
    for weight in weights.values():
        weight.view(-1)[::4] = 1e-40
    torch.save({'state_dict': weights}, tmp_path / 'denormal.pth')
    loaded = load_checkpoint(str(tmp_path / 'denormal.pth'))['state_dict']
    tiny = torch.finfo(torch.float32).tiny
    for weight in loaded.values():
        assert not ((weight != 0) & (weight.abs() < tiny)).any()
    net = ZeroDCENet()
    net.load_state_dict(loaded)
    x = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        right = plain.zero_dce(x, weights)[0]
        assert (net.enhance(x) - right).abs().max() <= 1e-6


def test_auto_means_bfloat16_only_where_the_hardware_has_it(monkeypatch):
    cpu = torch.device('cpu')
    for probe in ('_is_amx_tile_supported', '_is_avx512_bf16_supported'):
        monkeypatch.setattr(torch.cpu, probe, lambda: False, raising=False)
    assert resolve_amp_dtype('auto', cpu) is None
    monkeypatch.setattr(torch.cpu, '_is_avx512_bf16_supported', lambda: True, raising=False)
    assert resolve_amp_dtype('auto', cpu) is torch.bfloat16
    assert resolve_amp_dtype('float16', cpu) is torch.float16
    assert resolve_amp_dtype(None, cpu) is None
