"""SDAG computes what its authors' code computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.models import SDAG, SDAGNet
from mmsdag.registry import TRANSFORMS

IMAGES = ('exdark_2015_02057', 'dicm_02', 'lol_lsrw_00001')
NET = dict(type='mmsdag.SDAGNet', extractor=dict(type='mmsdag.VGGExtractor', init_cfg=None))


class GivenNoise:
    """A degradation with the noise of the reference values."""

    def __init__(self, noise: torch.Tensor) -> None:
        self.noise = noise

    def degrade(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.noise


@pytest.fixture(scope='module')
def values(shared) -> dict:
    return dict(np.load(shared / 'reference' / 'losses.npz'))


@pytest.fixture
def stage_one(official, values):
    """A stage-one model on the authors' weights and reference noise."""

    def build(**kwargs) -> SDAG:
        model = SDAG(NET, **kwargs).train()
        official(model.generator, 'sdag', 'sdag_official.pth', 'params')
        model.degradations['noise'] = GivenNoise(torch.from_numpy(values['noise']))
        return model

    return build


@pytest.mark.parametrize('image', IMAGES)
@pytest.mark.parametrize('key, name', [('params', 'sdag'), ('params_ema', 'sdag_ema')])
def test_network_reproduces_the_authors_reconstructions(shared, official, image, key, name):
    reference = np.load(shared / 'reference' / f'{image}.npz')
    net = official(SDAGNet(NET['extractor']), 'sdag', 'sdag_official.pth', key)
    with torch.no_grad():
        out = net(torch.from_numpy(reference['input'])[None])[0]
    assert np.abs(out.numpy() - reference[name]).max() <= 1e-5


def test_loss_terms_reproduce_the_authors_values(stage_one, values):
    losses = stage_one().losses(torch.from_numpy(values['x']))
    assert len(losses) == 5
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(values[name].item(), rel=1e-4)
    total = sum(losses.values()).item()
    assert total == pytest.approx(values['loss_total'].item(), rel=1e-4)


def test_gradients_reproduce_the_authors_values(stage_one, values):
    model = stage_one()
    sum(model.losses(torch.from_numpy(values['x'])).values()).backward()
    norm = torch.stack(
        [p.grad.norm() for p in model.generator.parameters() if p.grad is not None]
    ).norm()
    assert norm.item() == pytest.approx(values['grad_norm_trainable'].item(), rel=1e-4)
    expected = values['grad_ConvOut_weight']
    head = model.generator.head.weight.grad.numpy()
    assert np.abs(head - expected).max() <= 1e-4 * np.abs(expected).max()


def test_per_image_similarity_reproduces_its_own_values(stage_one, values):
    model = stage_one(margin_loss=dict(type='mmsdag.MarginRankingLoss', similarity='image'))
    losses = model.losses(torch.from_numpy(values['x']))
    for name in ('gamma', 'noise'):
        assert losses[f'loss_margin_{name}'].item() == pytest.approx(
            values[f'margin_{name}_per_image'].item(), rel=1e-4
        )


def test_extractor_is_not_trained(stage_one, values):
    model = stage_one()
    sum(model.losses(torch.from_numpy(values['x'])).values()).backward()
    assert all(p.grad is None for p in model.generator.extractor.parameters())
    assert model.generator.head.weight.grad is not None


def test_frozen_enhancer_in_the_loop_makes_the_clean_images(official):
    model = SDAG(
        NET,
        enhancer=dict(type='mmsdag.ZeroDCENet'),
        degradations=dict(gamma=dict(type='mmsdag.GammaDegradation', gamma=0.3)),
    ).train()
    official(model.enhancer, 'zero-dce', 'zero_dce_official.pth')
    x = torch.rand(2, 3, 32, 32) * 0.2
    losses = model.losses(x)
    with torch.no_grad():
        clean = model.enhancer.enhance(x)
        expected = (model.generator(clean) - clean).abs().mean()
    assert losses['loss_recon'].item() == pytest.approx(expected.item())
    assert clean.mean() > 2 * x.mean()
    assert not model.enhancer.training
    assert not any(p.requires_grad for p in model.enhancer.parameters())


def test_forward_modes_give_losses_images_and_data_samples():
    model = SDAG(NET)
    batch = dict(inputs=[torch.randint(0, 256, (3, 24, 20)).byte()] * 2)
    data = model.data_preprocessor(dict(batch, data_samples=None), True)
    losses = model(**data, mode='loss')
    assert set(losses) == {
        'loss_recon',
        'loss_margin_gamma',
        'loss_margin_noise',
        'loss_recon_gamma',
        'loss_recon_noise',
    }
    assert model(**data, mode='tensor').shape == (2, 3, 24, 20)
    samples = model(**data, mode='predict')
    assert samples[0].output.pred_img.shape == (3, 24, 20)


def test_without_degradations_there_is_nothing_to_rank():
    with pytest.raises(ValueError, match='degradations={}'):
        SDAG(NET, degradations={})


def test_batches_of_one_are_refused_when_ranked_across_the_batch():
    with pytest.raises(ValueError, match='train_dataloader.batch_size'):
        SDAG(generator=dict(type='SDAGNet')).check_batch_size(1)
    SDAG(
        generator=dict(type='SDAGNet'),
        margin_loss=dict(type='MarginRankingLoss', similarity='image'),
    ).check_batch_size(1)


def test_degradations_are_the_registered_transforms():
    gamma = TRANSFORMS.build(dict(type='mmsdag.GammaDegradation', gamma=0.3))
    assert type(SDAG(NET).degradations['gamma']) is type(gamma)


def test_bfloat16_trains_close_to_float32(stage_one, values):
    exact, fast = stage_one(), stage_one(amp_dtype='bfloat16')
    data = dict(inputs=torch.from_numpy(values['x']), mode='loss')
    reference, losses = exact(**data), fast(**data)
    total = sum(losses.values())
    assert total.dtype == torch.float32
    assert total.item() == pytest.approx(sum(reference.values()).item(), rel=0.03)
    total.backward()
    assert torch.isfinite(fast.generator.head.weight.grad).all()


def test_unknown_precision_is_named():
    with pytest.raises(ValueError, match="amp_dtype='int8' of SDAG"):
        SDAG(NET, amp_dtype='int8')
