"""EnlightenGAN: its network's parts, its losses, and who learns from them.

That the network computes what its authors' does is tested where their files
are converted: tests/test_tools/test_convert_checkpoint.py.
"""

from __future__ import annotations

import copy

import pytest
import torch
from helpers.guided_training import SDAG_NET
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from torch.utils.data import Dataset

from mmsdag.models import EnlightenGAN, EnlightenGANNet
from mmsdag.models.frozen import hide
from mmsdag.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS

DISCRIMINATOR = dict(type='mmsdag.NormFreePatchDiscriminator', base_channels=2, num_conv=2)
MODEL = dict(
    type='mmsdag.EnlightenGAN',
    generator=dict(type='mmsdag.EnlightenGANNet', channels=2),
    global_discriminator=DISCRIMINATOR,
    local_discriminator=DISCRIMINATOR,
    feature_loss=dict(
        type='mmsdag.SelfFeaturePreservingLoss',
        extractor=dict(type='mmsdag.VGGExtractor', init_cfg=None),
    ),
    patch_size=16,
    num_patches=2,
)
OPTIMIZERS = dict(
    constructor='mmsdag.MultiOptimWrapperConstructor',
    generator=dict(modules='generator', optimizer=dict(type='Adam', lr=1e-3, betas=(0.5, 0.999))),
    discriminators=dict(
        modules=['global_discriminator', 'local_discriminator'],
        optimizer=dict(type='Adam', lr=1e-3, betas=(0.5, 0.999)),
    ),
)


def small(**kwargs) -> EnlightenGAN:
    with DefaultScope.overwrite_default_scope('mmsdag'):
        model = MODELS.build(dict(MODEL, **kwargs))
        model.init_weights()
    return model


class Doubling(torch.nn.Module):
    """A generator that doubles, and remembers what it got."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen = x
        return 2 * x


class Mean(torch.nn.Module):
    """A discriminator, or an extractor, that gives the mean channel."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(1, keepdim=True)


@pytest.fixture
def simple() -> EnlightenGAN:
    """A model whose networks a hand can calculate."""
    model = small(dimming=(1.0, 1.0))
    model.generator = Doubling()
    model.global_discriminator = model.local_discriminator = Mean()
    hide(model.feature_loss, 'extractor', Mean())
    return model


def flat(*levels: float) -> torch.Tensor:
    """Images of one gray level each."""
    return torch.tensor(levels).view(-1, 1, 1, 1).expand(-1, 3, 20, 18)


@pytest.mark.parametrize('size', [(16, 16), (17, 31), (40, 19)])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_any_size_and_precision_is_kept(size, dtype):
    net = EnlightenGANNet(channels=2).to(dtype).eval()
    with torch.no_grad():
        enhanced = net.enhance(torch.rand(2, 3, *size, dtype=dtype))
    assert enhanced.shape == (2, 3, *size)
    assert enhanced.min() >= 0 and enhanced.max() <= 1


def test_light_is_added_in_proportion_to_darkness():
    # With a residual of 0.4 everywhere, a pixel gains 0.4 (1 - luma) / 2,
    # the half because the authors' images are in [-1, 1].
    net = EnlightenGANNet(channels=2).eval()
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(net.head.bias, 0.4)
    x = torch.rand(1, 3, 21, 18)
    r, g, b = x.unbind(1)
    luma = (0.299 * r + 0.587 * g + 0.114 * b)[:, None]
    torch.testing.assert_close(net(x), x + 0.2 * (1 - luma))
    net.head.bias.data.fill_(3)
    assert net(x).max() > 1
    assert net.enhance(x).max() == 1


def test_a_side_that_16_does_not_divide_is_reflected_on_both_ends():
    net = EnlightenGANNet(channels=2).double().eval()
    x = torch.rand(1, 3, 19, 32, dtype=torch.float64)
    # 13 rows are missing: 6 above, 7 below.
    rows = [*range(6, 0, -1), *range(19), *range(17, 10, -1)]
    with torch.no_grad():
        expected = net(x[:, :, rows])[:, :, 6:25]
        torch.testing.assert_close(net(x), expected)


def test_images_of_a_batch_do_not_touch_each_other_at_inference():
    net = EnlightenGANNet(channels=2).eval()
    x = torch.rand(3, 3, 20, 37)
    with torch.no_grad():
        singly = torch.cat([net(image[None]) for image in x])
        torch.testing.assert_close(net(x), singly)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_stays_close_to_float32(dtype):
    net = EnlightenGANNet(channels=8).eval()
    x = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected = net(x)
        with torch.autocast('cpu', dtype):
            image = net(x)
    assert image.dtype == torch.float32
    residual = (expected - x).abs().mean()
    assert (image - expected).abs().mean() < 0.03 * residual


def test_network_passes_the_gradient_check():
    net = EnlightenGANNet(channels=2).double().eval()
    x = torch.rand(1, 3, 16, 17, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *_: net(x),
        (x, net.encoder[0].conv1.weight, net.decoder[3].reduce.weight),
        fast_mode=True,
    )


def test_images_too_small_to_be_pooled_four_times_are_refused():
    with pytest.raises(ValueError, match='16x16 pixels or more, not 15x40'):
        EnlightenGANNet(channels=2)(torch.rand(1, 3, 15, 40))


@pytest.mark.parametrize(
    'num_conv, side, scores',
    [
        # Kernels of 4, padded by 2: strides of 2 make 32 17, 9, 5, 3; the last
        # two layers add a pixel each.
        (4, 32, 5),
        # 96 49 25 13 7 4, 5, 6.
        (5, 96, 6),
    ],
)
def test_discriminator_is_padded_by_two_as_the_authors(num_conv, side, scores):
    net = MODELS.build(dict(DISCRIMINATOR, num_conv=num_conv))
    assert net(torch.rand(1, 3, side, side)).shape == (1, 1, scores, scores)


def test_discriminator_has_biases_and_no_normalization():
    net = MODELS.build(dict(DISCRIMINATOR, num_conv=1))
    net.init_weights()
    # 3 to 2, stride 2; 2 to 4; 4 to 1; each of 4x4 weights and a bias.
    assert sum(p.numel() for p in net.parameters()) == (
        (3 * 16 + 1) * 2 + (2 * 16 + 1) * 4 + (4 * 16 + 1)
    )
    assert 0 < net.model[1].conv.weight.std() < 0.04
    # Scaled images have scaled scores: there is nothing that takes it back.
    x = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(net(3 * x), 3 * net(x))


def test_losses_agree_with_a_calculation_by_hand(simple):
    # Levels 0.4 of the results and 0.6, 0.8 of the bright images are scores
    # of -0.2 and 0.2, 0.6 (mean 0.4) in [-1, 1].
    losses = simple.losses(flat(0.2, 0.2), flat(0.6, 0.8))
    expected = dict(
        # Real - mean fake, to 0: (0.4^2 + 0.8^2) / 2 = 0.4;
        # fake - mean real, to 1: (-0.6 - 1)^2 = 2.56.
        loss_gan_global=(0.4 + 2.56) / 2,
        # Fake to 1: 1.2^2.
        loss_gan_local=1.44,
        # Without contrast, there is nothing to be preserved.
        loss_feature_global=0.0,
        loss_feature_local=0.0,
        # Real - mean fake, to 1: ((-0.6)^2 + (-0.2)^2) / 2 = 0.2; fake -
        # mean real, to 0: 0.36.
        loss_disc_global=(0.2 + 0.36) / 2,
        # Real to 1: (0.8^2 + 0.4^2) / 2 = 0.4; fake to 0: 0.04.
        loss_disc_local=(0.4 + 0.04) / 2,
    )
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value, abs=1e-6), name


def test_features_of_images_and_patches_are_compared_to_the_input(simple):
    simple.generator = Mean()  # gray, but brightness does not count
    x = torch.rand(2, 1, 20, 18).expand(-1, 3, -1, -1)
    losses = simple.losses(x, flat(1.0, 1.0))
    assert losses['loss_feature_global'] < 1e-6
    assert losses['loss_feature_local'] < 1e-6
    # The negative of an image has opposite features: squares of 2.
    simple.generator = torch.nn.Conv2d(3, 3, 1)
    torch.nn.init.constant_(simple.generator.weight, -1 / 3)
    losses = simple.losses(x, flat(1.0, 1.0))
    assert losses['loss_feature_global'].item() == pytest.approx(4, rel=1e-2)
    assert losses['loss_feature_local'].item() == pytest.approx(4, rel=1e-2)


def test_half_of_the_images_are_dimmed_before_they_are_enhanced(simple):
    simple.dimming = (2.0, 4.0)
    x = flat(*[0.4] * 400)
    simple.losses(x[..., :16, :16], x[..., :16, :16])
    levels = simple.generator.seen.unflatten(1, (3, 1)).amax((1, 2, 3, 4))
    same = torch.isclose(levels, torch.tensor(0.4))
    assert 160 < same.sum() < 240
    assert (levels[~same] >= 0.1).all() and (levels[~same] <= 0.2).all()
    assert levels[~same].std() > 0.01


def test_patches_are_of_the_same_places_in_all_images():
    model = small(patch_size=16, num_patches=3)
    image = torch.arange(40.0 * 30).reshape(1, 1, 40, 30).expand(2, 3, -1, -1)
    first, second = model.draw_patches((image, image + 0.5))
    assert first.shape == (6, 3, 16, 16)
    torch.testing.assert_close(second, first + 0.5)
    corners = first[::2, 0, 0, 0]
    assert len(corners.unique()) == 3
    for patch, corner in zip(first[::2, 0], corners):
        top, left = divmod(int(corner), 30)
        assert torch.equal(patch, image[0, 0, top : top + 16, left : left + 16])


def test_patches_reach_all_corners_of_the_image():
    model = small(patch_size=16, num_patches=60)
    image = torch.arange(17.0 * 17).reshape(1, 1, 17, 17)
    (patches,) = model.draw_patches((image,))
    assert patches[:, 0, 0, 0].unique().tolist() == [0, 1, 17, 18]


def test_each_term_teaches_its_own_network():
    model = small()
    losses = model.losses(torch.rand(2, 3, 32, 32) / 4, torch.rand(2, 3, 32, 32))
    of_judges = {name for name in losses if name.startswith('loss_disc_')}
    assert len(of_judges) == 2 and len(losses) == 6
    for names, taught in ((of_judges, 'discriminator'), (losses.keys() - of_judges, 'generator')):
        model.zero_grad()
        sum(losses[name] for name in names).backward()
        for name, parameter in model.named_parameters():
            assert (parameter.grad is not None) == (taught in name), name


def test_a_step_is_the_authors_step():
    """Generator, then discriminators, against a plain loop."""
    model = small()
    twin = copy.deepcopy(model)
    optim_wrapper = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type='mmsdag.MultiOptimWrapperConstructor',
            optim_wrapper_cfg={k: v for k, v in OPTIMIZERS.items() if k != 'constructor'},
        )
    )(model)
    parts = [
        list(twin.generator.parameters()),
        [*twin.global_discriminator.parameters(), *twin.local_discriminator.parameters()],
    ]
    plain = [torch.optim.Adam(p, 1e-3, (0.5, 0.999)) for p in parts]
    dark, bright = Photographs()[0]['inputs'].values()
    for step in range(2):
        torch.manual_seed(step)
        log = model.train_step(
            dict(inputs=dict(img=[dark], bright=[bright]), data_samples=None), optim_wrapper
        )
        torch.manual_seed(step)
        losses = twin.losses(*(i.flip(0)[None] / 255 for i in (dark, bright)))
        assert log.keys() == {*losses, 'loss'}
        taught = [
            [v for k, v in losses.items() if k.startswith('loss_disc_') == judges]
            for judges in (False, True)
        ]
        assert log['loss'].item() == pytest.approx(sum(taught[0]).item())
        for optimizer, terms in zip(plain, taught):
            optimizer.zero_grad()
            sum(terms).backward()
            optimizer.step()
    for own, expected in zip(model.parameters(), twin.parameters()):
        torch.testing.assert_close(own, expected, atol=1e-6, rtol=1e-5)


def test_one_optimizer_for_all_is_refused():
    with pytest.raises(TypeError, match="'generator', 'discriminators'"):
        small().train_step(dict(), None)


def test_dark_images_alone_are_refused():
    with pytest.raises(TypeError, match='UnpairedDataset'):
        small()(torch.rand(1, 3, 16, 16), mode='loss')


def test_inference_needs_dark_images_alone():
    x = torch.rand(1, 3, 20, 20)
    model = small().eval()
    with torch.no_grad():
        torch.testing.assert_close(model(x), model.generator.enhance(x))


@pytest.mark.parametrize(
    'option, message',
    [
        (dict(patch_size=0), 'patch_size=0'),
        (dict(num_patches=0), 'num_patches=0'),
        (dict(dimming=(0.5, 2)), r'dimming=\(0.5, 2\)'),
        (dict(dimming=(4, 2)), r'dimming=\(4, 2\)'),
    ],
)
def test_an_option_out_of_its_range_is_refused(option, message):
    with pytest.raises(ValueError, match=message):
        small(**option)


def test_crops_smaller_than_a_patch_are_refused():
    x = torch.rand(1, 3, 16, 20)
    with pytest.raises(ValueError, match='patch_size=17.*16x20'):
        small(patch_size=17).losses(x, x)


class Photographs(Dataset):
    """Four pairs of a dark image and a bright one."""

    def __len__(self) -> int:
        return 4

    def __deepcopy__(self, memo: dict) -> Photographs:
        return self

    def __getitem__(self, index: int) -> dict:
        generator = torch.Generator().manual_seed(int(index))
        dark, bright = (
            torch.randint(low, high, (3, 24, 20), generator=generator).byte()
            for low, high in ((0, 90), (90, 255))
        )
        return dict(inputs=dict(img=dark, bright=bright))


def run(work_dir, sdag=None, resume=False, max_iters=6, **model) -> Runner:
    torch.manual_seed(0)
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
        model=dict(MODEL, **model),
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=2,
            num_workers=0,
            dataset=Photographs(),
            sampler=dict(type='mmsdag.ResumableSampler'),
        ),
        train_cfg=dict(type='mmsdag.ResumableTrainLoop', max_iters=max_iters),
        optim_wrapper=OPTIMIZERS,
        param_scheduler=[
            dict(type='LinearLR', by_epoch=False, start_factor=1.0, end_factor=0.1, begin=2, end=6)
        ],
        default_hooks=dict(
            checkpoint=dict(type='mmsdag.AtomicCheckpointHook', interval=3, by_epoch=False),
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
    # The extractor is not in the checkpoint: it must be a fixed one.
    extractor = tmp_path / 'vgg.pth'
    torch.save(small().feature_loss.extractor.state_dict(), extractor)
    feature_loss = copy.deepcopy(MODEL['feature_loss'])
    feature_loss['extractor']['init_cfg'] = dict(type='Pretrained', checkpoint=str(extractor))
    options = dict(feature_loss=feature_loss)
    whole = run(tmp_path / 'whole', **options)
    run(tmp_path / 'half', max_iters=3, **options)
    resumed = run(tmp_path / 'half', resume=True, **options)
    assert resumed.iter == whole.iter == 6
    for own, expected in zip(
        resumed.model.state_dict().values(), whole.model.state_dict().values()
    ):
        assert torch.equal(own, expected)
    for name, wrapper in whole.optim_wrapper.items():
        assert wrapper.get_lr()['lr'] == [pytest.approx(1e-4)]
        states = (w.optimizer.state_dict()['state'] for w in (resumed.optim_wrapper[name], wrapper))
        for own, expected in zip(*(s.values() for s in states)):
            assert torch.equal(own['exp_avg_sq'], expected['exp_avg_sq'])


def test_the_hook_guides_the_generator_and_leaves_the_judges_alone(tmp_path):
    from mmsdag.models import SDAGNet

    sdag = tmp_path / 'sdag.pth'
    net = SDAGNet(SDAG_NET['extractor'], num_blocks=1)
    torch.save(dict(state_dict=net.state_dict()), sdag)
    guided, plain = (
        run(tmp_path / name, guide, max_iters=1)
        for name, guide in (('guided', sdag), ('plain', None))
    )
    assert 'train/loss_sdag' in guided.message_hub.log_scalars
    assert 'train/loss_sdag' not in plain.message_hub.log_scalars
    differ = {
        name.split('.')[0]
        for (name, own), other in zip(guided.model.named_parameters(), plain.model.parameters())
        if not torch.equal(own, other)
    }
    assert differ == {'generator'}


def test_precision_is_chosen_by_amp_dtype():
    torch.manual_seed(0)
    model = small(dimming=(1.0, 1.0))
    for discriminator in (model.global_discriminator, model.local_discriminator):
        for weight in discriminator.parameters():
            if weight.ndim == 4:  # scores far enough from zero to be rounded
                torch.nn.init.kaiming_normal_(weight, a=0.2)
    batch = dict(img=torch.rand(2, 3, 32, 32) / 4, bright=torch.rand(2, 3, 32, 32))
    results = {}
    for model.amp_dtype in (None, 'bfloat16'):
        torch.manual_seed(1)
        results[model.amp_dtype] = model(batch, mode='loss')
    for name, expected in results[None].items():
        value = results['bfloat16'][name]
        assert value.dtype == torch.float32
        assert value.item() != expected.item()
        # Features of input and result hardly differ yet.
        assert value.item() == pytest.approx(expected.item(), 0.1, 1e-3)


def test_weights_are_laid_out_for_training_and_keep_their_values():
    model = small()
    before = {name: p.clone() for name, p in model.named_parameters()}
    ids = [id(p) for p in model.parameters()]
    model.train()
    weight = model.global_discriminator.model[1].conv.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert ids == [id(p) for p in model.parameters()]
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
