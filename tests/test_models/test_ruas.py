"""RUAS computes what its authors' code computed, and learns in turns."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from helpers.guided_training import SDAG_NET
from helpers.weights import save_weights
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

from mmsdag.models import RUAS, RUASNet, load_enhancer
from mmsdag.models.enhancers.ruas_net import DENOISING_CELL, ILLUMINATION_CELL, RUASCell
from mmsdag.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmsdag.utils import save_checkpoint
from mmsdag.utils.configs import find_config
from mmsdag.utils.conversion import convert

IMAGES = ('exdark_2015_02057', 'dicm_02', 'lol_lsrw_00001')
NET = dict(type='mmsdag.RUASNet')


def optimizers(model, **denoiser):
    """The authors' two optimizers."""
    sgd = dict(type='SGD', lr=0.015, momentum=0.9, weight_decay=3e-4)
    return OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type='mmsdag.MultiOptimWrapperConstructor',
            optim_wrapper_cfg=dict(
                illumination=dict(
                    modules='generator.illumination', optimizer=sgd, clip_grad=dict(max_norm=5)
                ),
                denoiser=dict(
                    modules='generator.denoiser',
                    optimizer=dict(sgd, lr=0.001),
                    clip_grad=dict(max_norm=5),
                    **denoiser,
                ),
            ),
        )
    )(model)


@pytest.fixture
def hub():
    """The message hub in which a runner counts the iterations."""
    with DefaultScope.overwrite_default_scope('mmsdag'):
        hub = MessageHub.get_instance('test_ruas')
        yield hub
    MessageHub._instance_dict.pop('test_ruas')


@pytest.mark.parametrize('image', IMAGES)
@pytest.mark.parametrize('name', ['lol', 'upe', 'dark'])
def test_network_reproduces_the_authors_images_and_illumination(shared, official, image, name):
    reference = np.load(shared / 'reference' / f'{image}.npz')
    net = official(RUASNet(), 'ruas', f'ruas_{name}.pt')
    with torch.no_grad():
        outputs = net(torch.from_numpy(reference['input'])[None])
    for output, key in zip(outputs, ('', '_enhanced_before_denoise', '_illumination')):
        expected = reference[f'ruas_{name}{key}']
        assert np.abs(output[0].numpy() - expected).max() <= 1e-5


def test_denoise_chooses_which_image_is_the_enhanced_one(shared, official):
    reference = np.load(shared / 'reference' / 'dicm_02.npz')
    x = torch.from_numpy(reference['input'])[None]
    for denoise, key in ((True, 'ruas_upe'), (False, 'ruas_upe_enhanced_before_denoise')):
        net = official(RUASNet(denoise=denoise), 'ruas', 'ruas_upe.pt')
        with torch.no_grad():
            enhanced = net.enhance(x)
        assert np.abs(enhanced[0].numpy() - reference[key]).max() <= 1e-5


def test_losses_reproduce_the_authors_values(shared, official):
    values = np.load(shared / 'reference' / 'losses.npz')
    model = RUAS(NET)
    official(model.generator, 'ruas', 'ruas_lol.pt')
    losses = model.losses(torch.from_numpy(values['x'])[:1])
    assert len(losses) == 4
    for part, names in (
        ('enhance', ('fidelity', 'smooth')),
        ('denoise', ('denoise_fidelity', 'denoise_tv')),
    ):
        total = sum(losses[f'loss_{name}'].item() for name in names)
        expected = values[f'ruas_loss_{part}_first_image'].item()
        assert total == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_stays_close_to_float32(shared, official, dtype):
    reference = np.load(shared / 'reference' / 'lol_lsrw_00001.npz')
    net = official(RUASNet(), 'ruas', 'ruas_lol.pt')
    with torch.no_grad(), torch.autocast('cpu', dtype):
        enhanced = net.enhance(torch.from_numpy(reference['input'])[None])
    assert enhanced.dtype == torch.float32
    error = (enhanced[0] - torch.from_numpy(reference['ruas_lol'])).abs()
    assert error.mean() < 0.01


def test_brightened_image_and_illumination_stay_in_range():
    net = RUASNet()
    nn.init.constant_(net.illumination.cells[-1].fuse.bias, -1e3)
    with torch.no_grad():
        _, bright, illumination = net(torch.rand(1, 3, 16, 16))
    # An illumination of nothing is one of a thousandth.
    assert illumination.unique().item() == pytest.approx(0.001)
    assert bright.min() >= 0 and bright.max() == 1


def test_with_and_without_gradient_the_result_is_the_same():
    # The maximum of a window is taken in another way.
    net = RUASNet()
    x = torch.rand(2, 3, 18, 21)
    with torch.no_grad():
        without = net(x)
    for own, expected in zip(net(x), without):
        torch.testing.assert_close(own, expected)


@pytest.mark.parametrize('operations', [ILLUMINATION_CELL, DENOISING_CELL, ('skip_connect',) * 7])
def test_a_cell_without_gradient_leaves_its_input_alone(operations):
    torch.manual_seed(0)
    cell, x = RUASCell(operations, 3), torch.randn(2, 3, 9, 8)
    expected, before = cell(x), x.clone()
    with torch.no_grad():
        result = cell(x)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-5)
    assert torch.equal(x, before)


def test_denoiser_begins_as_a_trained_one(tmp_path):
    trained = RUASNet()
    save_weights(trained, tmp_path / 'ruas.pth')
    net = RUASNet(
        denoiser_init=dict(
            type='Pretrained', checkpoint=str(tmp_path / 'ruas.pth'), prefix='generator.denoiser.'
        )
    )
    net.init_weights()
    for part, equal in ((net.denoiser, True), (net.illumination, False)):
        name = 'denoiser' if equal else 'illumination'
        expected = getattr(trained, name).state_dict()
        for key, value in part.state_dict().items():
            assert torch.equal(value, expected[key]) == equal


def test_a_cell_computes_what_its_architecture_says():
    # All convolutions are 1x1, all weights 1, biases 0, one channel:
    # step 1 distils x = 1, refines to x + x = 2; step 2 distils 2 * 2 = 4
    # (residual), refines to 2 + 2 = 4; step 3 distils 4, refines to 8; the
    # last operation has 8. They are summed: 1 + 4 + 4 + 8 = 17.
    cell = RUASCell(
        (
            'conv_1x1',
            'conv_1x1',
            'resconv_1x1',
            'skip_connect',
            'conv_1x1',
            'skip_connect',
            'skip_connect',
        ),
        1,
    )
    for name, parameter in cell.named_parameters():
        torch.nn.init.constant_(parameter, float('weight' in name))
    one = torch.ones(1, 1, 2, 2)
    torch.testing.assert_close(cell(one), 17 * one)
    # Negative values go through each activation at 1/20: step 1 has -1/20
    # and refines -2 to -1/10; step 2 -2/10/20 = -1/100 and -1/5/20 = -1/100;
    # step 3 -1/2000 and -1/1000; last -1/20000.
    expected = -(1 / 20 + 1 / 100 + 1 / 2000 + 1 / 20000)
    torch.testing.assert_close(cell(-one), expected * one)


def test_dilated_operations_reach_two_pixels():
    cell = RUASCell(('dilconv_3x3', *['skip_connect'] * 6), 1)
    with torch.no_grad():
        cell.fuse.weight[:, 1:] = 0  # the distilled part of step 1 alone
    x = torch.zeros(1, 1, 9, 9)
    x[..., 4, 4] = 1
    changed = (cell(x) - cell(torch.zeros_like(x)))[0, 0].abs() > 1e-7
    assert changed.nonzero().tolist() == [[i, j] for i in (2, 4, 6) for j in (2, 4, 6)]


@pytest.mark.parametrize(
    'config, message',
    [
        (dict(denoising_cell=DENOISING_CELL[:6]), '7 operations, not 6'),
        (dict(illumination_cell=('pool',) * 7), "'pool'.*skip_connect"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        RUASNet(**config)


def test_each_term_teaches_its_own_network():
    model = RUAS(NET)
    losses = model.losses(torch.rand(2, 3, 16, 16) / 4)
    of_denoiser = {name for name in losses if 'denoise' in name}
    for names, taught, untaught in (
        (of_denoiser, 'denoiser', 'illumination'),
        (losses.keys() - of_denoiser, 'illumination', 'denoiser'),
    ):
        model.zero_grad()
        sum(losses[name] for name in names).backward()
        parts = model.generator
        assert all(p.grad is not None for p in getattr(parts, taught).parameters())
        assert all(p.grad is None for p in getattr(parts, untaught).parameters())


def test_denoiser_learns_in_every_third_iteration(hub):
    model = RUAS(NET, denoise_interval=3)
    optim_wrapper = optimizers(model)
    image = torch.randint(0, 60, (3, 16, 16)).byte()
    learnt = []
    for iteration in range(6):
        MessageHub.get_current_instance().update_info('iter', iteration)
        before = copy.deepcopy(model.generator.state_dict())
        log = model.train_step(dict(inputs=[image], data_samples=None), optim_wrapper)
        changed = {
            name.split('.')[0]
            for name, value in model.generator.state_dict().items()
            if not torch.equal(value, before[name])
        }
        learnt.append('denoiser' in changed)
        assert 'illumination' in changed
        assert ('loss_denoise_tv' in log) == learnt[-1]
    assert learnt == [False, False, True] * 2


def test_a_step_is_the_authors_step(hub):
    """Both optimizers against a plain loop, on the same gradients."""
    model = RUAS(NET, denoise_interval=2)
    twin = copy.deepcopy(model)
    optim_wrapper = optimizers(model)
    image = torch.randint(0, 60, (3, 16, 16)).byte()
    x = image.flip(0)[None] / 255
    parts = twin.generator.illumination, twin.generator.denoiser
    plain = [
        torch.optim.SGD(p.parameters(), lr, 0.9, weight_decay=3e-4)
        for p, lr in zip(parts, (0.015, 0.001))
    ]
    for iteration in range(4):
        MessageHub.get_current_instance().update_info('iter', iteration)
        model.train_step(dict(inputs=[image], data_samples=None), optim_wrapper)
        losses = twin.losses(x)
        for network, optimizer, turn in zip(parts, plain, (True, iteration % 2 == 1)):
            optimizer.zero_grad()
            sum(
                loss
                for name, loss in losses.items()
                if ('denoise' in name) == (network is parts[1])
            ).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5)
            if turn:
                optimizer.step()
    for own, expected in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(own, expected, atol=1e-7, rtol=1e-6)


def test_one_optimizer_for_all_is_refused(hub):
    model = RUAS(NET)
    with pytest.raises(TypeError, match="'illumination', 'denoiser'"):
        model.train_step(dict(), None)


def test_an_interval_of_nothing_is_refused():
    with pytest.raises(ValueError, match='denoise_interval=0'):
        RUAS(NET, denoise_interval=0)


class Photographs(Dataset):
    """Four dark images."""

    def __len__(self) -> int:
        return 4

    def __deepcopy__(self, memo: dict) -> Photographs:
        return self

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(int(index))
        return dict(inputs=torch.randint(0, 90, (3, 24, 20), generator=generator).to(torch.uint8))


def run(work_dir, sdag=None, resume=False, max_iters=8, **model) -> Runner:
    torch.manual_seed(0)
    sgd = dict(type='SGD', lr=0.015, momentum=0.9, weight_decay=3e-4)
    hooks = (
        []
        if sdag is None
        else [
            dict(
                type='mmsdag.SDAGGuidanceHook',
                checkpoint=str(sdag),
                sdag=SDAG_NET,
                loss_weight=20.0,
            )
        ]
    )
    runner = Runner(
        model=dict(dict(type='mmsdag.RUAS', generator=NET, denoise_interval=3), **model),
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            dataset=Photographs(),
            sampler=dict(type='mmsdag.ResumableSampler'),
        ),
        train_cfg=dict(type='mmsdag.ResumableTrainLoop', max_iters=max_iters),
        optim_wrapper=dict(
            constructor='mmsdag.MultiOptimWrapperConstructor',
            illumination=dict(
                modules='generator.illumination', optimizer=sgd, clip_grad=dict(max_norm=5)
            ),
            denoiser=dict(
                modules='generator.denoiser',
                optimizer=dict(sgd, lr=0.001),
                clip_grad=dict(max_norm=5),
            ),
        ),
        default_hooks=dict(
            checkpoint=dict(type='mmsdag.AtomicCheckpointHook', interval=4, by_epoch=False),
            seed=dict(type='mmsdag.SeedHook'),
        ),
        custom_hooks=hooks,
        log_processor=dict(by_epoch=False),
        default_scope='mmsdag',
        randomness=dict(seed=5),
        resume=resume,
        log_level='WARNING',
        experiment_name=f'{work_dir.parent.name}_{work_dir.name}_{resume}',
    )
    runner.train()
    return runner


def test_a_resumed_training_equals_an_uninterrupted_one(tmp_path):
    # Iteration 4 lies between two of the denoiser, 3 and 6: its momentum and
    # its turn have to survive.
    whole = run(tmp_path / 'whole')
    run(tmp_path / 'half', max_iters=4)
    resumed = run(tmp_path / 'half', resume=True)
    assert resumed.iter == whole.iter == 8
    for own, expected in zip(resumed.model.parameters(), whole.model.parameters()):
        assert torch.equal(own, expected)
    for name, wrapper in whole.optim_wrapper.items():
        states = (w.optimizer.state_dict()['state'] for w in (resumed.optim_wrapper[name], wrapper))
        for own, expected in zip(*(s.values() for s in states)):
            assert torch.equal(own['momentum_buffer'], expected['momentum_buffer'])


@pytest.mark.parametrize('denoise', [True, False])
def test_guidance_teaches_the_illumination_and_not_the_denoiser(tmp_path, denoise):
    from mmsdag.models import SDAGNet

    sdag = tmp_path / 'sdag.pth'
    net = SDAGNet(SDAG_NET['extractor'], num_blocks=1)
    torch.save(dict(state_dict=net.state_dict()), sdag)
    guided, plain = (
        run(tmp_path / name, guide, max_iters=2, generator=dict(NET, denoise=denoise))
        for name, guide in (('guided', sdag), ('plain', None))
    )
    assert 'train/loss_sdag' in guided.message_hub.log_scalars
    assert 'train/loss_sdag' not in plain.message_hub.log_scalars
    networks = guided.model.generator, plain.model.generator
    for own, without in zip(*(n.illumination.parameters() for n in networks)):
        assert not torch.equal(own, without)
    for own, without in zip(*(n.denoiser.parameters() for n in networks)):
        assert own.grad is None and torch.equal(own, without)


@pytest.mark.parametrize('name, denoise', [('lol', True), ('upe', False), ('dark', False)])
def test_whether_to_denoise_belongs_to_the_authors_weights(shared, tmp_path, name, denoise):
    content = convert('ruas', shared / 'weights' / f'ruas_{name}.pt')
    save_checkpoint(content, tmp_path / 'converted.pth')
    config = 'ruas/ruas_1xb1-400_brackets'
    assert Config.fromfile(find_config(config)).model.generator == dict(
        type='RUASNet', denoise=False
    )
    network = load_enhancer(config, tmp_path / 'converted.pth')
    assert network.denoise == denoise
    reference = np.load(shared / 'reference' / 'lol_lsrw_00001.npz')
    with torch.no_grad():
        enhanced = network.enhance(torch.from_numpy(reference['input'])[None])
    key = f'ruas_{name}' + ('' if denoise else '_enhanced_before_denoise')
    error = (enhanced[0] - torch.from_numpy(reference[key])).abs()
    assert error.max() <= 1e-5
