"""The guidance hook adds its term to models that know nothing of it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch
from helpers.guided_training import SDAG_NET, ZERO_DCE, Recorder, frozen_net, guidance, train
from mmengine.config import Config
from mmengine.hooks import Hook

from mmsdag.registry import HOOKS, MODELS
from mmsdag.utils.configs import find_config

# A stock model of mmagic, with a loss against its own input.
NAFNET = dict(
    type='mmagic.BaseEditModel',
    generator=dict(
        type='mmagic.NAFNet',
        img_channels=3,
        mid_channels=4,
        enc_blk_nums=[1],
        middle_blk_num=1,
        dec_blk_nums=[1],
    ),
    pixel_loss=dict(type='mmsdag.SpatialConsistencyLoss'),
    data_preprocessor=dict(
        type='mmagic.DataPreprocessor', mean=[0.0, 0.0, 0.0], std=[255.0, 255.0, 255.0]
    ),
)
NEEDS_MMAGIC = pytest.mark.skipif(find_spec('mmagic') is None, reason='needs MMagic')


class TinyNormNet(torch.nn.Module):
    """A convolution and a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 3, 1)
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x))


def test_term_is_the_weighted_mean_error_of_sdags_reconstruction(tmp_path, checkpoint):
    seen = Recorder()
    train(tmp_path, ZERO_DCE, [guidance(checkpoint, loss_weight=7.0), seen])
    enhanced = seen.images[0][0].detach()
    expected = 7 * (enhanced - frozen_net(checkpoint)(enhanced)).abs().mean()
    torch.testing.assert_close(seen.losses[0]['loss_sdag'], expected)
    parts = [value for key, value in seen.losses[0].items() if key != 'loss']
    torch.testing.assert_close(seen.losses[0]['loss'], sum(parts))


@NEEDS_MMAGIC
def test_stock_mmagic_model_is_guided_by_config_alone(tmp_path, checkpoint):
    seen = Recorder()
    runner = train(tmp_path, NAFNET, [guidance(checkpoint, channel_order='bgr'), seen])
    rgb = seen.images[0].detach().flip(1)
    expected = (rgb - frozen_net(checkpoint)(rgb)).abs().mean()
    torch.testing.assert_close(seen.losses[0]['loss_sdag'], expected)
    history = runner.message_hub.get_scalar('train/loss_sdag')
    assert len(history.data[0]) == 2


class Gradients(Hook):
    """Keeps the gradients of loss_sdag and of a loss by hand.

    Args:
        by_hand: From what the generator puts out to the expected loss.
    """

    priority = 'LOWEST'

    def __init__(self, by_hand) -> None:
        self.by_hand = by_hand

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        model = runner.model
        images = []
        handle = model.generator.register_forward_hook(lambda module, args, out: images.append(out))
        data = model.data_preprocessor(data_batch, True)
        loss = model(**data, mode='loss')['loss_sdag']
        handle.remove()
        weights = list(model.generator.parameters())
        self.expected = torch.autograd.grad(self.by_hand(images[0]), weights, retain_graph=True)
        self.found = torch.autograd.grad(loss, weights)


@pytest.mark.parametrize(
    'path',
    [
        pytest.param('nafnet/nafnet-sdag_1xb8-10k_folder', marks=NEEDS_MMAGIC),
        pytest.param('restormer/restormer-sdag_1xb8-10k_folder', marks=NEEDS_MMAGIC),
        'deeplab_head/deeplab-head-sdag_1xb8-10k_folder',
    ],
)
def test_gradient_reaches_the_first_layer_of_a_foreign_network(path, tmp_path, checkpoint):
    cfg = Config.fromfile(find_config(path))
    options = {k: v for k, v in cfg.custom_hooks[0].items() if k != 'type'}
    net = frozen_net(checkpoint)

    def by_hand(image: torch.Tensor) -> torch.Tensor:
        rgb = image.flip(1) if 'channel_order' in options else image
        return (rgb - net(rgb)).abs().mean()

    seen = Gradients(by_hand)
    train(tmp_path, cfg.model, [guidance(**{**options, 'checkpoint': checkpoint}), seen], iters=1)
    torch.testing.assert_close(seen.found, seen.expected)
    # The others too, but for what a zero of the initialization cuts off.
    assert seen.found[0].abs().max() > 0


def test_gradient_reaches_the_generator_through_both_terms(tmp_path, checkpoint):
    runner = train(tmp_path, ZERO_DCE, [guidance(checkpoint)], iters=1)
    hook = next(h for h in runner.hooks if hasattr(h, 'weight_at'))
    image = torch.rand(1, 3, 16, 16, requires_grad=True)
    hook.loss(image).backward()
    copy = image.detach().clone().requires_grad_()
    (copy - frozen_net(checkpoint)(copy)).abs().mean().backward()
    torch.testing.assert_close(image.grad, copy.grad)
    detached = image.detach().clone().requires_grad_()
    (detached - frozen_net(checkpoint)(detached).detach()).abs().mean().backward()
    assert not torch.allclose(image.grad, detached.grad)


def test_guidance_changes_the_weights_and_nothing_else_does(tmp_path, checkpoint):
    plain = train(tmp_path / 'a', ZERO_DCE, []).model.state_dict()
    off = train(
        tmp_path / 'b', ZERO_DCE, [guidance('missing.pth', loss_weight=0.0)]
    ).model.state_dict()
    late = train(tmp_path / 'c', ZERO_DCE, [guidance(checkpoint, begin=9)]).model.state_dict()
    on = train(
        tmp_path / 'd', ZERO_DCE, [guidance(checkpoint, loss_weight=50.0)]
    ).model.state_dict()
    for name, value in plain.items():
        torch.testing.assert_close(off[name], value, rtol=0, atol=0)
        torch.testing.assert_close(late[name], value, rtol=0, atol=0)
    assert any(not torch.equal(on[name], plain[name]) for name in plain)
    assert on.keys() == plain.keys()


def test_hook_leaves_the_model_as_it_was(tmp_path, checkpoint):
    model = train(tmp_path, ZERO_DCE, [guidance(checkpoint)]).model
    assert not model._forward_hooks
    assert not model.generator._forward_hooks


@NEEDS_MMAGIC
def test_rehearsal_runs_the_target_no_extra_time(tmp_path, checkpoint):
    MODELS.register_module(module=TinyNormNet, force=True)
    model = dict(NAFNET, generator=dict(type='mmsdag.TinyNormNet'))
    runner = train(tmp_path, model, [guidance(checkpoint)], iters=1)
    assert int(runner.model.generator.norm.num_batches_tracked) == 1


def test_ramp_raises_the_weight_linearly_after_its_beginning(checkpoint):
    hook = HOOKS.build(guidance(checkpoint, begin=10, ramp_iters=4))
    weights = [hook.weight_at(i) for i in (0, 9, 10, 11, 12, 13, 14, 99)]
    assert weights == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1]


def test_ramp_is_applied_to_the_logged_loss(tmp_path, checkpoint):
    seen = Recorder()
    train(tmp_path, ZERO_DCE, [guidance(checkpoint, begin=1, ramp_iters=2), seen])
    assert 'loss_sdag' not in seen.losses[0]
    enhanced = seen.images[-1][0].detach()
    expected = (enhanced - frozen_net(checkpoint)(enhanced)).abs().mean() / 2
    torch.testing.assert_close(seen.losses[1]['loss_sdag'], expected)


def test_value_range_of_the_target_is_mapped_to_images(checkpoint):
    hook = HOOKS.build(guidance(checkpoint, value_range=(-1, 1)))
    output = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    assert hook._as_image(output).mean().item() == pytest.approx(0.75)


def test_output_picks_from_tuples_and_dicts(checkpoint):
    image = torch.rand(1, 3, 4, 4, requires_grad=True)
    by_key = HOOKS.build(guidance(checkpoint, output='img'))
    by_index = HOOKS.build(guidance(checkpoint, output=1))
    first = HOOKS.build(guidance(checkpoint))
    assert by_key._as_image({'img': image}) is image
    assert by_index._as_image((None, image)) is image
    assert first._as_image((image, None)) is image


def test_degraded_similarity_ranks_the_image_above_its_degraded_self(tmp_path, checkpoint):
    seen = Recorder()
    train(
        tmp_path,
        ZERO_DCE,
        [
            guidance(
                checkpoint,
                form='degraded_similarity',
                degradations=dict(gamma=dict(type='mmsdag.GammaDegradation', gamma=0.3)),
            ),
            seen,
        ],
    )
    e = seen.images[0][0].detach()
    net = frozen_net(checkpoint)
    dark = e ** (1 / 0.3)

    def sim(a, b):
        a, b = a.flatten(1), b.flatten(1)
        return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))

    expected = (0.5 - sim(net(e), e) + sim(net(dark), dark)).clamp(0).mean()
    torch.testing.assert_close(seen.losses[0]['loss_sdag'], expected, rtol=1e-4, atol=1e-6)


def test_bfloat16_stays_close_to_float32(tmp_path, checkpoint):
    exact, fast = Recorder(), Recorder()
    train(tmp_path / 'a', ZERO_DCE, [guidance(checkpoint), exact], 1)
    train(tmp_path / 'b', ZERO_DCE, [guidance(checkpoint, amp_dtype='bfloat16'), fast], 1)
    torch.testing.assert_close(
        fast.losses[0]['loss_sdag'], exact.losses[0]['loss_sdag'], rtol=0.02, atol=0
    )


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(target='genrator'), "target='genrator'.*'generator'"),
        (dict(target='generator.conv1'), r"'generator\.conv1'.*\(2, 4, 32, 32\)"),
        (dict(output=1), r'output=1.*\(2, 24, 32, 32\)'),
        (dict(output='img'), "output='img'.*a tuple"),
        (dict(target='data_preprocessor'), 'not an image tensor'),
        (dict(target='tv_loss', output=0), 'tv_loss'),
    ],
)
def test_wrong_target_ends_the_run_before_the_first_update(tmp_path, checkpoint, kwargs, message):
    seen = Recorder()
    with pytest.raises(ValueError, match=message):
        train(tmp_path, ZERO_DCE, [guidance(checkpoint, **kwargs), seen])
    assert not seen.losses


@NEEDS_MMAGIC
def test_frozen_target_is_refused(tmp_path, checkpoint):
    class Freeze(Hook):
        priority = 'VERY_HIGH'

        def before_train(self, runner) -> None:
            runner.model.generator.requires_grad_(False)

    with pytest.raises(ValueError, match='carries no gradient'):
        train(tmp_path, NAFNET, [Freeze(), guidance(checkpoint)])


def test_missing_checkpoint_is_named_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth'):
        train(tmp_path, ZERO_DCE, [guidance('nowhere.pth')])


def test_checkpoint_of_another_shape_is_refused(tmp_path, checkpoint):
    other = guidance(checkpoint)
    other['sdag'] = dict(SDAG_NET, num_blocks=2)
    with pytest.raises(ValueError, match=r'does not fit the.* set sdag .*blocks\.1'):
        train(tmp_path, ZERO_DCE, [other])


def test_authors_own_file_is_met_with_the_converter(tmp_path):
    torch.save({'params': {}}, tmp_path / 'authors.pth')
    with pytest.raises(ValueError, match='mmsdag convert'):
        train(tmp_path, ZERO_DCE, [guidance(str(tmp_path / 'authors.pth'))])


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(loss_weight=-1.0), 'loss_weight=-1'),
        (dict(begin=-1), 'begin=-1'),
        (dict(channel_order='grb'), "channel_order='grb'"),
        (dict(value_range=(1, 0)), r'value_range=\(1, 0\)'),
    ],
)
def test_bad_arguments_are_named(checkpoint, kwargs, message):
    with pytest.raises(ValueError, match=message):
        HOOKS.build(guidance(checkpoint, **kwargs))


@pytest.mark.parametrize(
    'kwargs, message',
    [(dict(form='similar'), "form='similar'"), (dict(amp_dtype='int8'), "amp_dtype='int8'")],
)
def test_bad_loss_arguments_end_the_run_early(tmp_path, checkpoint, kwargs, message):
    with pytest.raises(ValueError, match=message):
        train(tmp_path, ZERO_DCE, [guidance(checkpoint, **kwargs)])
