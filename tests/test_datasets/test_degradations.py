"""The transforms: parameters, seeds, dtypes. The arithmetic is tested with
the kernels."""

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from scipy import stats
from torch.utils.data import DataLoader

from mmsdag import functional as F
from mmsdag.datasets.seeding import DrawIndex, seeded
from mmsdag.datasets.transforms import (
    GammaDegradation,
    GaussianNoiseDegradation,
    LowLightDegradation,
    PoissonGaussianNoiseDegradation,
)
from mmsdag.registry import TRANSFORMS

DEGRADATIONS = [
    dict(type='mmsdag.GammaDegradation', gamma=(0.2, 0.5)),
    dict(type='mmsdag.GaussianNoiseDegradation', sigma=(0.0, 0.3)),
    dict(type='mmsdag.PoissonGaussianNoiseDegradation'),
    dict(type='mmsdag.LowLightDegradation'),
    dict(type='mmsdag.LowLightDegradation', order='camera'),
]


def name_of(config: dict) -> str:
    return config['type'][7:] + config.get('order', '')


@pytest.fixture(params=DEGRADATIONS, ids=name_of)
def config(request):
    return request.param


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


def photograph() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- tensors ------------------------------------------------------------


def test_defaults_are_the_authors():
    x = images(2, 3, 8, 8)
    assert torch.equal(GammaDegradation().degrade(x), x ** (1 / 0.3))
    noisy = GaussianNoiseDegradation().degrade(x, generator())
    noise = torch.randn(2, 3, 8, 8, generator=generator())
    assert torch.equal(noisy, x + 50 / 255 * noise)


def test_authors_order_is_gamma_then_noise():
    x = images(2, 3, 8, 8)
    dark = LowLightDegradation(gamma=0.4, sigma=0.1).degrade(x, generator())
    noise = torch.randn(2, 3, 8, 8, generator=generator())
    torch.testing.assert_close(dark, x**2.5 + 0.1 * noise)


def test_camera_order_is_the_kernel_with_its_parameters():
    x = images(2, 3, 8, 8)
    dark = LowLightDegradation(order='camera', exposure=0.2, shot=0.01, read=0.001, bits=6).degrade(
        x, generator()
    )
    expected = F.simulate_low_light(x, 0.2, 0.01, 0.001, bits=6, generator=generator())
    assert torch.equal(dark, expected)


def test_one_image_is_a_batch_of_one(config):
    transform = TRANSFORMS.build(config)
    x = images(3, 8, 8)
    one = transform.degrade(x, generator())
    assert one.shape == x.shape
    assert torch.equal(one, transform.degrade(x[None], generator())[0])


def test_each_image_of_a_batch_draws_its_own_parameters():
    dark = GammaDegradation(gamma=(0.2, 0.5)).degrade(torch.full((500, 1, 1, 1), 0.5))
    # x ** (1/gamma) = 0.5 ** (1/gamma), so gamma = log 0.5 / log x
    gammas = (np.log(0.5) / dark.log().flatten()).numpy()
    log_gamma = np.log(gammas)
    assert gammas.min() >= 0.2 and gammas.max() <= 0.5
    uniform = stats.uniform(np.log(0.2), np.log(0.5 / 0.2))
    assert stats.kstest(log_gamma, uniform.cdf).pvalue > 0.01


def test_each_channel_draws_its_own_gamma_when_asked_to():
    gray = torch.full((2, 3, 4, 4), 0.5)
    tinted = GammaDegradation(gamma=(0.6, 1.7), per_channel=True).degrade(gray, generator())
    levels = tinted[..., 0, 0]
    assert torch.equal(tinted, levels[..., None, None].expand_as(tinted))
    assert len(levels.unique()) == 6
    # x ** (1/gamma) = 0.5 ** (1/gamma)
    assert 0.5 ** (1 / 0.6) <= levels.min() and levels.max() <= 0.5 ** (1 / 1.7)


def test_sigma_is_drawn_uniformly_from_its_range():
    noisy = GaussianNoiseDegradation(sigma=(0.1, 0.3)).degrade(torch.zeros(300, 1, 40, 40))
    sigmas = noisy.flatten(1).std(dim=1).numpy()
    # 1600 pixels give sigma to 1.8 %, little beside the range
    assert stats.kstest(sigmas, stats.uniform(0.1, 0.2).cdf).pvalue > 0.01


def test_noise_levels_spread_as_in_brooks_et_al():
    shot, read = PoissonGaussianNoiseDegradation().draw(torch.zeros(2000, 3, 1, 1), generator())
    assert shot.min() >= 0.0001 and shot.max() <= 0.012
    spread = (read.log() - (2.18 * shot.log() + 1.20)) / 0.26
    assert stats.kstest(spread.numpy(), 'norm').pvalue > 0.01


def test_fixed_noise_levels_are_used_as_given():
    x = torch.full((1, 1, 200, 200), 0.5)
    noisy = PoissonGaussianNoiseDegradation(shot=0, read=0.01).degrade(x)
    assert (noisy - x).std().item() == pytest.approx(0.1, rel=0.02)


def test_default_generator_decides_without_a_seed(config):
    transform = TRANSFORMS.build(config)
    x = images(4, 3, 8, 8)
    torch.manual_seed(1)
    first = transform.degrade(x)
    torch.manual_seed(1)
    assert torch.equal(transform.degrade(x), first)


def test_seed_fixes_tensors_and_touches_no_other_randomness(config):
    x = images(4, 3, 8, 8)
    state = torch.get_rng_state()
    first, same = (TRANSFORMS.build(dict(config, seed=3)).degrade(x) for _ in range(2))
    assert torch.equal(first, same)
    assert torch.equal(torch.get_rng_state(), state)
    other = TRANSFORMS.build(dict(config, seed=4)).degrade(x)
    assert not torch.equal(first, other)


def test_a_generator_goes_before_the_seed():
    x = images(4, 3, 8, 8)
    noisy = GaussianNoiseDegradation(seed=3).degrade(x, generator(9))
    expected = GaussianNoiseDegradation().degrade(x, generator(9))
    assert torch.equal(noisy, expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_gpu_gives_the_images_of_the_cpu(config):
    transform = TRANSFORMS.build(config)
    x = images(4, 3, 16, 16)
    here = transform.degrade(x, generator())
    there = transform.degrade(x.cuda(), generator()).cpu()
    # 8-bit rounding may fall on the other side
    torch.testing.assert_close(
        there, here, rtol=1e-4, atol=1.01 / 255 if 'order' in config else 1e-5
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_generator_of_the_gpu_draws_there(config):
    transform = TRANSFORMS.build(config)
    x = images(4, 3, 16, 16).cuda()
    state = torch.get_rng_state()
    dark = [transform.degrade(x, torch.Generator('cuda').manual_seed(2)) for _ in range(2)]
    assert torch.equal(*dark)
    assert torch.equal(torch.get_rng_state(), state)


def test_tensors_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r'GammaDegradation takes .*\(8, 8\)'):
        GammaDegradation().degrade(torch.zeros(8, 8))


# --- pipelines ----------------------------------------------------------


@pytest.mark.parametrize(
    'dtype, white', [('uint8', 255), ('uint16', 65535), ('float32', 255), ('float64', 255)]
)
def test_pipeline_gives_what_the_tensor_path_gives(config, dtype, white):
    transform = TRANSFORMS.build(config)
    image = (photograph() / 255 * white).astype(dtype)
    torch.manual_seed(2)
    result = transform(dict(img=image.copy()))['img']
    torch.manual_seed(2)
    x = torch.from_numpy(image.astype(np.float64)).permute(2, 0, 1) / white
    expected = transform.degrade(x if dtype == 'float64' else x.float()).permute(1, 2, 0) * white
    if dtype.startswith('uint'):
        expected = expected.round().clamp(0, white)
    assert result.dtype == dtype and result.flags.c_contiguous
    # 16-bit values: float32 rounding may fall on the other side
    np.testing.assert_allclose(
        result.astype(np.float64),
        expected.double().numpy(),
        atol=1.01 if dtype == 'uint16' else 1e-4,
    )


def test_8_bit_noise_is_clipped_instead_of_wrapping_around():
    image = np.full((50, 50, 3), 250, np.uint8)
    noisy = GaussianNoiseDegradation(sigma=0.1)(dict(img=image))['img']
    assert noisy.max() == 255 and noisy.min() > 100


def test_float_images_stay_unclipped():
    image = np.full((50, 50, 3), 250, np.float32)
    noisy = GaussianNoiseDegradation(sigma=0.1)(dict(img=image))['img']
    assert noisy.max() > 255


def test_copy_goes_to_another_key_and_the_original_stays():
    image = photograph()
    results = GammaDegradation(out_key='dark')(dict(img=image, img_channel_order='bgr'))
    assert results['img'] is image
    assert np.array_equal(image, photograph())
    # 255 * (x/255) ** (1/0.3), rounded
    expected = np.rint(255 * (image / 255) ** (1 / 0.3))
    np.testing.assert_array_equal(results['dark'], expected)
    assert results['dark_channel_order'] == 'bgr'


def test_input_array_is_not_written_to(config):
    image = photograph().astype(np.float32)
    before = image.copy()
    TRANSFORMS.build(config)(dict(img=image))
    assert np.array_equal(image, before)


def test_seed_gives_each_image_a_fixed_noise_of_its_own():
    transform = GaussianNoiseDegradation(seed=1)
    gray = np.full((8, 8, 3), 128, np.uint8)
    first, again, other = (transform(dict(img=gray, sample_idx=i))['img'] for i in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


class Gray(BaseDataset):
    def load_data_list(self):
        return [dict(img=np.full((8, 8, 3), 128, np.uint8))] * 12

    def __getitem__(self, idx):
        with seeded(idx):
            return super().__getitem__(idx)


@pytest.mark.parametrize(
    'config, seed', [(DEGRADATIONS[0], None), (DEGRADATIONS[4], None), (DEGRADATIONS[4], 1)]
)
def test_workers_do_not_change_the_images(config, seed):
    dataset = Gray(pipeline=[dict(config, seed=seed)])
    draws = [DrawIndex(i % 12, i, seed=0) for i in range(14)]

    def images_with(num_workers):
        loader = DataLoader(dataset, sampler=draws, batch_size=2, num_workers=num_workers)
        return torch.cat([batch['img'] for batch in loader])

    alone = images_with(0)
    assert torch.equal(images_with(1), alone)
    assert torch.equal(images_with(3), alone)
    # Draws 0 and 12 are of one image: a new draw, unless a seed fixes it.
    assert torch.equal(alone[0], alone[12]) == (seed is not None)


# --- configuration ------------------------------------------------------


@pytest.mark.parametrize('value', [0, -1, (0, 0.3), (0.5, 0.2), float('nan'), float('inf')])
def test_impossible_gammas_are_refused(value):
    with pytest.raises(ValueError, match='gamma='):
        GammaDegradation(gamma=value)


@pytest.mark.parametrize('value', ['0.3', None, (0.1, 0.2, 0.3), ('a', 'b')])
def test_what_is_no_number_or_range_is_refused(value):
    with pytest.raises(TypeError, match='gamma='):
        GammaDegradation(gamma=value)


def test_no_shot_noise_is_a_value_but_no_end_of_a_log_range():
    PoissonGaussianNoiseDegradation(shot=0, read=0)
    with pytest.raises(ValueError, match='shot=.* must be above 0'):
        PoissonGaussianNoiseDegradation(shot=(0, 0.01))


def test_parameters_of_the_other_order_are_refused():
    with pytest.raises(ValueError, match="'camera' takes exposure.*got gamma"):
        LowLightDegradation(order='camera', gamma=0.3)


@pytest.mark.parametrize('bits', [-1, 8.5, 17])
def test_impossible_bits_are_refused(bits):
    with pytest.raises(ValueError, match='bits='):
        LowLightDegradation(order='camera', bits=bits)


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="order='raw' is none of authors"):
        LowLightDegradation(order='raw')


@pytest.mark.parametrize('seed', [-1, 0.5, 'a'])
def test_impossible_seeds_are_refused(seed):
    with pytest.raises(ValueError, match='seed='):
        GammaDegradation(seed=seed)


def test_a_missing_image_is_named():
    with pytest.raises(KeyError, match="no 'gt' among the keys.*img"):
        GammaDegradation(key='gt')(dict(img=photograph()))


@pytest.mark.parametrize(
    'image, error',
    [
        (photograph().astype(np.int32), TypeError),
        (torch.zeros(3, 8, 8), TypeError),
        (photograph()[..., 0], ValueError),
    ],
)
def test_other_arrays_are_refused_by_name(image, error):
    with pytest.raises(error, match="'img' must be"):
        GammaDegradation()(dict(img=image))


def test_repr_shows_the_parameters():
    assert repr(GammaDegradation(gamma=(0.2, 0.5), seed=1)) == (
        "GammaDegradation(key='img', out_key='img', seed=1, gamma=(0.2, 0.5), per_channel=False)"
    )
