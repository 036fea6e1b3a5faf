"""SCI computes what its authors' code computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.models import SCI, SCINet

IMAGES = ('exdark_2015_02057', 'dicm_02', 'lol_lsrw_00001')
NET = dict(type='mmsdag.SCINet')


@pytest.mark.parametrize('image', IMAGES)
@pytest.mark.parametrize('name', ['easy', 'medium', 'difficult'])
def test_network_reproduces_the_authors_images_and_illuminations(shared, official, image, name):
    reference = np.load(shared / 'reference' / f'{image}.npz')
    net = official(SCINet(), 'sci', f'sci_{name}.pt').eval()
    with torch.no_grad():
        enhanced, illumination = net(torch.from_numpy(reference['input'])[None])
    assert np.abs(enhanced[0].numpy() - reference[f'sci_{name}']).max() <= 1e-5
    assert np.abs(illumination[0].numpy() - reference[f'sci_{name}_illumination']).max() <= 1e-5


def test_loss_of_the_first_stage_reproduces_the_authors_value(shared, official):
    values = np.load(shared / 'reference/losses.npz')
    model = SCI(NET, num_stages=1).eval()
    official(model.generator, 'sci', 'sci_medium.pt')
    losses = model.losses(torch.from_numpy(values['x']))
    assert set(losses) == {'loss_fidelity', 'loss_smooth'}
    assert sum(losses.values()).item() == pytest.approx(
        values['sci_loss_first_stage_eval_bn'].item(), rel=1e-4
    )


def test_each_stage_calibrates_the_image_by_the_enhancement_before():
    # What the stages see, with networks that say 0.5 and 0.25 everywhere:
    # i1 = x + 0.5 = 0.7, y1 = 0.2 / 0.7; x2 = x + y1 - 0.25, i2 = x2 + 0.5.
    model = SCI(NET, num_stages=2).eval()
    net = model.generator
    x = torch.full((1, 3, 16, 16), 0.2)
    for part, logit in ((net.illumination, 0.0), (net.calibration, np.log(1 / 3))):
        torch.nn.init.zeros_(part.head.weight)
        torch.nn.init.constant_(part.head.bias, logit)
    enhanced, illumination = net(x)
    torch.testing.assert_close(illumination, torch.full_like(x, 0.7))
    torch.testing.assert_close(enhanced, torch.full_like(x, 0.2 / 0.7))
    second = net.calibrate(x, enhanced)
    torch.testing.assert_close(second, torch.full_like(x, 0.2 + 0.2 / 0.7 - 0.25))
    # Both illuminations are flat and 0.5 from their input: 2 * 1.5 * 0.25.
    losses = model.losses(x)
    assert losses['loss_fidelity'].item() == pytest.approx(0.75, rel=1e-5)
    assert losses['loss_smooth'].item() == pytest.approx(0, abs=1e-6)


def test_blocks_are_tied_and_stored_once():
    state = SCINet().state_dict()
    names = [name for name in state if name.endswith('.weight')]
    assert sum('calibration.block' in name for name in names) == 4
    # Illumination: convolutions 3-3 of 84 each and a normalization of 6.
    # Calibration: 3-16, normalized, 2 of 16-16, normalized, 16-3.
    illumination = 3 * 84 + 6
    calibration = (448 + 32) + 2 * (2320 + 32) + 435
    assert sum(p.numel() for p in SCINet().parameters()) == illumination + calibration


def test_inference_does_without_calibration():
    net = SCINet().eval()
    del net.calibration
    assert net.enhance(torch.rand(1, 3, 16, 16)).shape == (1, 3, 16, 16)


def test_output_stays_in_range_where_the_image_is_black():
    net = SCINet().eval()
    torch.nn.init.constant_(net.illumination.head.bias, -1e3)
    x = torch.zeros(1, 3, 16, 16)
    enhanced, illumination = net(x)
    assert illumination.unique().item() == pytest.approx(1e-4)
    assert enhanced.unique().item() == 0


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_stays_close(shared, official, dtype):
    reference = np.load(shared / 'reference/dicm_02.npz')
    x = torch.from_numpy(reference['input'])[None]
    net = official(SCINet(), 'sci', 'sci_medium.pt').eval()
    with torch.no_grad(), torch.autocast('cpu', dtype):
        enhanced = net.enhance(x)
    assert enhanced.dtype == torch.float32
    assert np.abs(enhanced[0].numpy() - reference['sci_medium']).max() < 0.05
    with torch.no_grad():
        assert net.to(dtype).enhance(x.to(dtype)).isfinite().all()


def test_network_passes_the_gradient_check():
    net = SCINet().double().eval()
    x = torch.rand(1, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net.calibrate(x, net.enhance(x)), (x,))


def test_a_step_of_training_moves_both_networks():
    model = SCI(NET)
    sum(model.losses(torch.rand(2, 3, 16, 16) * 0.3).values()).backward()
    for name, weight in model.generator.named_parameters():
        # Normalization takes a bias before it away again.
        if 'stem.0.bias' in name or 'block' in name and name.endswith('bias'):
            continue
        assert weight.grad.abs().sum() > 0, name


def test_initial_weights_follow_the_authors():
    torch.manual_seed(0)
    net = SCINet()
    net.init_weights()
    block = net.calibration.block
    assert block[0].weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert block[0].bias.abs().max() == 0
    assert 0.005 < (block[1].weight - 1).abs().mean() < 0.03


def test_a_model_without_a_stage_is_refused():
    with pytest.raises(ValueError, match='num_stages=0'):
        SCI(NET, num_stages=0)
