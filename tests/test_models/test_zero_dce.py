"""Zero-DCE computes what its authors' code computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.functional import apply_curves
from mmsdag.models import ZeroDCE, ZeroDCENet

IMAGES = ('exdark_2015_02057', 'dicm_02', 'lol_lsrw_00001')
NET = dict(type='mmsdag.ZeroDCENet')


@pytest.mark.parametrize('image', IMAGES)
@pytest.mark.parametrize('name', ['zero_dce', 'zero_dce_sdag'])
def test_network_reproduces_the_authors_images_and_curves(shared, official, image, name):
    reference = np.load(shared / 'reference' / f'{image}.npz')
    net = official(ZeroDCENet(), 'zero-dce', f'{name}_official.pth')
    with torch.no_grad():
        enhanced, curves = net(torch.from_numpy(reference['input'])[None])
    assert np.abs(enhanced[0].numpy() - reference[name]).max() <= 1e-5
    assert np.abs(curves[0].numpy() - reference[f'{name}_curves']).max() <= 1e-5


def test_losses_reproduce_the_authors_values(shared, official):
    values = np.load(shared / 'reference' / 'losses.npz')
    model = ZeroDCE(NET)
    official(model.generator, 'zero-dce', 'zero_dce_sdag_official.pth')
    losses = model.losses(torch.from_numpy(values['x']))
    assert len(losses) == 4
    for name, loss in losses.items():
        expected = values[f'zero_dce_{name}'].item()
        assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_guidance_of_the_published_file_reproduces_the_reference(shared, official):
    from mmsdag.models import SDAGNet

    sdag = official(
        SDAGNet(dict(type='mmsdag.VGGExtractor', init_cfg=None)),
        'sdag',
        'sdag_official.pth',
        'params',
    )
    for image in IMAGES:
        reference = np.load(shared / 'reference' / f'{image}.npz')
        enhanced = torch.from_numpy(reference['zero_dce'])[None]
        with torch.no_grad():
            error = (enhanced - sdag(enhanced)).abs().mean()
        assert error.item() == pytest.approx(reference['guidance_l1_of_zero_dce'].item(), rel=1e-4)


def test_initial_weights_follow_the_authors():
    torch.manual_seed(0)
    net = ZeroDCENet()
    net.init_weights()
    assert net.conv2.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert net.conv2.bias.abs().max() == 0


def test_model_enhances_in_every_forward_mode():
    model = ZeroDCE(NET).eval()
    image = torch.randint(0, 60, (3, 24, 20)).byte()
    data = model.data_preprocessor(dict(inputs=[image], data_samples=None), False)
    with torch.no_grad():
        tensor = model(**data, mode='tensor')
        sample = model(**data, mode='predict')[0]
    # The model works on RGB, [0, 1]; predictions return to BGR, [0, 255].
    expected = model.generator.enhance(image.flip(0)[None] / 255)
    torch.testing.assert_close(tensor, expected)
    torch.testing.assert_close(sample.output.pred_img, 255 * expected[0].flip(0))


def test_curves_of_hand_made_maps():
    # x = 0.5, r = -1: 0.5 - (0.25 - 0.5) = 0.75, then
    # 0.75 - (0.5625 - 0.75) = 0.9375.
    x = torch.full((1, 3, 1, 1), 0.5)
    shared_map = torch.full((1, 3, 1, 1), -1.0)
    own_maps = torch.full((1, 6, 1, 1), -1.0)
    for curves in (shared_map, own_maps):
        out = apply_curves(x, curves, num_iters=2)
        torch.testing.assert_close(out, torch.full_like(x, 0.9375))


def test_curves_of_another_number_are_refused():
    with pytest.raises(ValueError, match='5 channels.*3 or 24'):
        apply_curves(torch.rand(1, 3, 4, 4), torch.rand(1, 5, 4, 4))


def test_curves_pass_the_gradient_check():
    x = torch.rand(1, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    curves = torch.rand(1, 6, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: apply_curves(a, b, num_iters=2), (x, curves))


def test_a_part_is_replaced_by_its_name_and_another_name_is_refused():
    model = ZeroDCE(NET, tv_loss=dict(type='mmsdag.IlluminationSmoothnessLoss', loss_weight=3.0))
    assert (model.tv_loss.loss_weight, model.color_loss.loss_weight) == (3.0, 5.0)
    with pytest.raises(TypeError, match="ZeroDCE has no argument 'smooth_loss'"):
        ZeroDCE(NET, smooth_loss=dict(type='mmsdag.MSELoss'))
