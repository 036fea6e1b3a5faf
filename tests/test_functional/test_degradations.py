"""Expected values: hand calculations, scipy, scikit-image."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from skimage.color import rgb2xyz, xyz2rgb

from mmsdag import functional as F

KERNELS = dict(
    gamma=F.darken_gamma,
    gaussian=F.add_gaussian_noise,
    poisson_gaussian=lambda x: F.add_poisson_gaussian_noise(x, 0.01, 0.0),
    camera=lambda x: F.simulate_low_light(x, 0.1, 0.01, 1e-5, bits=0),
    decode=F.srgb_to_linear,
    encode=F.linear_to_srgb,
)
NOISE_KERNELS = {k: KERNELS[k] for k in ('gaussian', 'poisson_gaussian')}


@pytest.fixture(params=KERNELS.values(), ids=KERNELS.keys())
def kernel(request):
    return request.param


def images(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(1))


# --- gamma --------------------------------------------------------------


def test_gamma_raises_to_the_inverse_power():
    x = torch.tensor([0.0, 0.25, 0.5, 1.0]).view(1, 1, 1, 4)
    # 0.25 ** (1/0.5) = 0.0625, 0.5 ** 2 = 0.25
    expected = torch.tensor([0.0, 0.0625, 0.25, 1.0]).view(1, 1, 1, 4)
    torch.testing.assert_close(F.darken_gamma(x, 0.5), expected)


def test_gamma_defaults_to_the_authors_value():
    # 0.5 ** (1/0.3) = 2 ** -3.3333 = 0.0992126
    dark = F.darken_gamma(torch.full((1, 3, 2, 2), 0.5))
    torch.testing.assert_close(dark, torch.full((1, 3, 2, 2), 0.0992126))


def test_gamma_is_zero_below_zero():
    dark = F.darken_gamma(torch.tensor([[[-0.2, 0.0]]]), 0.3)
    assert dark.tolist() == [[[0.0, 0.0]]]


def test_gamma_takes_one_value_an_image():
    x = torch.full((2, 3, 1, 1), 0.5)
    dark = F.darken_gamma(x, torch.tensor([0.5, 1.0]))
    assert dark[:, 0, 0, 0].tolist() == pytest.approx([0.25, 0.5])


# --- noise --------------------------------------------------------------


def test_gaussian_noise_adds_sigma_times_the_noise_unclipped():
    x = torch.tensor([[[0.0, 1.0]]])
    noise = torch.tensor([[[-1.0, 2.0]]])
    noisy = F.add_gaussian_noise(x, 0.1, noise=noise)
    torch.testing.assert_close(noisy, torch.tensor([[[-0.1, 1.2]]]))


def test_gaussian_noise_is_normal_with_the_authors_sigma():
    x = torch.full((1, 1, 200, 200), 0.5)
    rest = (F.add_gaussian_noise(x) - x).flatten().numpy()
    assert stats.kstest(rest, stats.norm(0, 50 / 255).cdf).pvalue > 0.01


def test_poisson_gaussian_noise_has_the_standard_deviation_by_hand():
    x = torch.tensor([[[0.0, 0.5, -1.0]]])
    noisy = F.add_poisson_gaussian_noise(x, shot=0.02, read=0.0004, noise=torch.ones_like(x))
    # sqrt(0.0004) = 0.02; sqrt(0.01 + 0.0004) = 0.1019804; no light, no shot
    # noise: 0.02
    expected = torch.tensor([[[0.02, 0.6019804, -0.98]]])
    torch.testing.assert_close(noisy, expected)


def test_poisson_gaussian_noise_has_the_variance_of_counted_photons():
    level, shot, read = 0.3, 0.01, 0.0002
    x = torch.full((1, 1, 300, 300), level)
    noisy = F.add_poisson_gaussian_noise(x, shot, read).numpy()
    rng = np.random.default_rng(0)
    # A sensor that counts 1/shot = 100 electrons at 1, plus read noise.
    counted = rng.poisson(level / shot, 90000) * shot
    counted = counted + rng.normal(0, math.sqrt(read), 90000)
    assert noisy.mean() == pytest.approx(counted.mean(), abs=0.001)
    assert noisy.var() == pytest.approx(counted.var(), rel=0.03)


def test_noise_grows_with_the_light():
    x = torch.tensor([0.01, 1.0]).view(2, 1, 1, 1).expand(2, 1, 100, 100)
    noisy = F.add_poisson_gaussian_noise(x, 0.01, 0.0)
    dark, bright = (noisy - x).flatten(1).std(dim=1).tolist()
    # sqrt(0.01 * 0.01) = 0.01 and sqrt(0.01 * 1) = 0.1
    assert [dark, bright] == pytest.approx([0.01, 0.1], rel=0.05)


def test_read_variance_follows_the_line_of_brooks_et_al():
    # log(0.01) = -4.60517; 2.18 * -4.60517 + 1.2 = -8.83927; + 0.26 = -8.57927
    assert F.read_variance(0.01) == pytest.approx(math.exp(-8.83927), rel=1e-4)
    one_off = F.read_variance(torch.tensor([0.01]), torch.tensor([1.0]))
    assert one_off.item() == pytest.approx(math.exp(-8.57927), rel=1e-4)


@pytest.mark.parametrize('add', NOISE_KERNELS.values(), ids=NOISE_KERNELS)
def test_noise_repeats_with_the_default_generator_of_the_cpu(add):
    x = images(2, 3, 8, 8)
    torch.manual_seed(5)
    first = add(x)
    torch.manual_seed(5)
    assert torch.equal(add(x), first)
    assert not torch.equal(add(x), first)


def test_noise_of_a_generator_leaves_the_default_one_alone():
    x = images(1, 3, 8, 8)
    state = torch.get_rng_state()
    noisy = [F.add_gaussian_noise(x, generator=torch.Generator().manual_seed(7)) for _ in range(2)]
    assert torch.equal(*noisy)
    assert torch.equal(torch.get_rng_state(), state)


def test_noise_does_not_depend_on_the_dtype():
    x = torch.zeros(1, 3, 8, 8)
    draws = [
        F.add_gaussian_noise(x.to(dtype), generator=torch.Generator().manual_seed(7))
        for dtype in (torch.float32, torch.float64, torch.float16)
    ]
    torch.testing.assert_close(draws[1].float(), draws[0])
    torch.testing.assert_close(draws[2].float(), draws[0], atol=1e-3, rtol=0)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_a_cpu_generator_gives_the_same_images_on_the_gpu(kernel):
    x = images(2, 3, 16, 16)
    torch.manual_seed(3)
    here = kernel(x)
    torch.manual_seed(3)
    there = kernel(x.cuda())
    assert there.is_cuda
    torch.testing.assert_close(there.cpu(), here, atol=1e-6, rtol=1e-5)


def test_noise_of_another_shape_is_refused():
    with pytest.raises(ValueError, match='one number a pixel'):
        F.add_gaussian_noise(torch.zeros(2, 3, 4, 4), noise=torch.zeros(3, 4, 4))


# --- sRGB and the camera ------------------------------------------------


def test_decoding_is_that_of_scikit_image():
    gray = np.linspace(0, 1, 256)
    # Y of a gray is its linear value.
    expected = rgb2xyz(np.repeat(gray[:, None], 3, 1))[:, 1]
    linear = F.srgb_to_linear(torch.from_numpy(gray))
    np.testing.assert_allclose(linear.numpy(), expected, atol=1e-6)


def test_encoding_is_that_of_scikit_image():
    linear = np.linspace(0, 1, 256)
    white = rgb2xyz(np.ones((1, 3)))
    expected = xyz2rgb(linear[:, None] * white)[:, 1]
    encoded = F.linear_to_srgb(torch.from_numpy(linear))
    np.testing.assert_allclose(encoded.numpy(), expected, atol=1e-6)


def test_encoding_undoes_decoding_in_and_out_of_range():
    x = torch.linspace(-0.2, 1.5, 500, dtype=torch.float64)
    torch.testing.assert_close(F.linear_to_srgb(F.srgb_to_linear(x)), x, atol=1e-6, rtol=0)


def test_camera_darkens_in_linear_light():
    x = torch.full((1, 3, 1, 1), 0.5)
    dark = F.simulate_low_light(x, exposure=0.1, shot=0.0, read=0.0, bits=0)
    # 0.5 is 0.2140411 of the light; a tenth of it, 0.02140411, is encoded as
    # 1.055 * 0.02140411 ** (1/2.4) - 0.055 = 0.1576309
    assert dark.flatten().tolist() == pytest.approx([0.1576309] * 3, abs=1e-6)


def test_camera_rounds_to_the_bits_of_the_file():
    dark = F.simulate_low_light(images(1, 3, 16, 16), 1.0, 0.01, 1e-5, bits=2)
    assert torch.equal(dark.unique(), torch.tensor([0, 1, 2, 3]) / 3)


def test_camera_adds_its_noise_to_the_light():
    x = torch.full((1, 1, 200, 200), 0.5)
    dark = F.simulate_low_light(x, 0.5, 0.001, 1e-5, bits=0)
    light = 0.5 * F.srgb_to_linear(torch.tensor(0.5)).item()
    spread = F.srgb_to_linear(dark).std().item()
    assert spread == pytest.approx(math.sqrt(0.001 * light + 1e-5), rel=0.02)


def test_camera_stays_in_range():
    dark = F.simulate_low_light(images(1, 3, 64, 64), 1.0, 0.5, 0.1)
    assert dark.min() == 0 and dark.max() == 1


# --- what all kernels share ---------------------------------------------


def test_gradients_are_finite_at_zero_and_out_of_range(kernel):
    x = torch.tensor([-1.0, -1e-3, 0.0, 1e-30, 0.5, 1.0, 2.0])
    x = x.view(1, 1, 1, 7).requires_grad_()
    y = kernel(x)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()


def test_brightening_gamma_has_finite_gradients_too():
    x = torch.zeros(1, 3, 2, 2, requires_grad=True)
    gamma = torch.tensor([3.0], requires_grad=True)
    F.darken_gamma(x, gamma).sum().backward()
    assert x.grad.isfinite().all() and gamma.grad.isfinite().all()


def test_gradient_of_gamma_is_its_derivative():
    x = images(1, 3, 4, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(F.darken_gamma, x)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(kernel, dtype):
    x = images(1, 3, 8, 8).to(dtype)
    torch.manual_seed(0)
    half = kernel(x)
    torch.manual_seed(0)
    assert torch.equal(half, kernel(x.float()).to(dtype))


def test_input_is_left_as_it_was(kernel):
    x = images(1, 3, 8, 8)
    before = x.clone()
    kernel(x)
    assert torch.equal(x, before)


def test_channels_are_treated_alike():
    x = images(1, 3, 8, 8)
    noise = torch.randn(1, 3, 8, 8)
    for kernel in (
        lambda x, n: F.darken_gamma(x, 0.3),
        lambda x, n: F.simulate_low_light(x, 0.2, 0.01, 1e-5, 8, n),
    ):
        rgb = kernel(x, noise)
        assert torch.equal(kernel(x.flip(1), noise.flip(1)), rgb.flip(1))


def test_8_bit_images_are_refused(kernel):
    with pytest.raises(TypeError, match='divide 8-bit images by 255'):
        kernel(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))


def test_a_parameter_an_image_needs_as_many_images():
    with pytest.raises(ValueError, match='does not fit'):
        F.darken_gamma(torch.zeros(3, 3, 4, 4), torch.tensor([0.3, 0.4]))
