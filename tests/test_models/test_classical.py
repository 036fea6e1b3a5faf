"""Enhancers without weights, against OpenCV, scikit-image and scipy."""

from __future__ import annotations

import pickle

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data, exposure

from mmsdag.models import (
    CLAHEEnhancer,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    LIMEEnhancer,
    MultiScaleRetinexEnhancer,
)
from mmsdag.registry import MODELS

NAMES = (
    'GammaEnhancer',
    'CLAHEEnhancer',
    'HistogramEqualizationEnhancer',
    'LIMEEnhancer',
    'MultiScaleRetinexEnhancer',
)


@pytest.fixture(scope='module')
def photo() -> np.ndarray:
    """(96, 128, 3), RGB, uint8: a dark photograph."""
    cat = cv2.resize(data.chelsea(), (128, 96), interpolation=cv2.INTER_AREA)
    return (255 * (cat / 255) ** 2.5).astype(np.uint8)


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def array(images: torch.Tensor) -> np.ndarray:
    """The first of a batch, (H, W, 3), [0, 255], not rounded."""
    return images[0].permute(1, 2, 0).double().numpy() * 255


def test_gamma_is_scikit_images(photo):
    expected = exposure.adjust_gamma(photo / 255, 1 / 2.2) * 255
    np.testing.assert_allclose(array(GammaEnhancer().enhance(tensor(photo))), expected, atol=1e-3)


def test_gamma_of_a_level_by_hand():
    # 0.25 ** (1 / 2) = 0.5
    out = GammaEnhancer(gamma=2).enhance(torch.full((1, 3, 2, 2), 0.25))
    torch.testing.assert_close(out, torch.full((1, 3, 2, 2), 0.5))


def test_trainable_gamma_is_a_weight_with_the_gradient_of_a_power():
    # d/dk of x ** exp(-k) is -exp(-k) x ** exp(-k) ln x: at x = 0.25 and
    # gamma = 2, -0.5 * 0.5 * ln 0.25 = 0.3466
    enhancer = GammaEnhancer(gamma=2.0, trainable=True)
    enhancer(torch.full((1, 3, 2, 2), 0.25)).mean().backward()
    assert list(enhancer.state_dict()) == ['log_gamma']
    assert enhancer.log_gamma.grad.item() == pytest.approx(0.3466, abs=1e-4)
    assert not GammaEnhancer(gamma=2.0).state_dict()


def test_gamma_of_black_has_a_finite_gradient():
    enhancer = GammaEnhancer(trainable=True)
    enhancer(torch.zeros(1, 3, 2, 2)).mean().backward()
    assert enhancer.log_gamma.grad.isfinite()


def test_clahe_is_opencvs_on_the_lightness(photo):
    lab = cv2.cvtColor(photo[..., ::-1], cv2.COLOR_BGR2LAB)
    lightness, a, b = cv2.split(lab)
    equalized = cv2.createCLAHE(clipLimit=3, tileGridSize=(4, 6)).apply(lightness)
    expected = cv2.cvtColor(cv2.merge((equalized, a, b)), cv2.COLOR_LAB2BGR)[..., ::-1]
    out = CLAHEEnhancer(3.0, (4, 6)).enhance(tensor(photo))
    np.testing.assert_allclose(array(out), expected, atol=1e-3)


def test_equalized_luma_is_scikit_images(photo):
    # BT.601, which scikit-image's equalization does not do by itself.
    luma = cv2.cvtColor(photo, cv2.COLOR_RGB2YCrCb)[..., 0]
    expected = exposure.equalize_hist(luma) * 255
    out = array(HistogramEqualizationEnhancer().enhance(tensor(photo)))
    found = cv2.cvtColor(np.rint(out).astype(np.uint8), cv2.COLOR_RGB2YCrCb)[..., 0]
    # Where no channel is clipped, that is; OpenCV begins at the darkest
    # level, scikit-image above it, which is 1.2 levels here.
    inside = (out > 0).all(-1) & (out < 255).all(-1)
    assert inside.mean() > 0.6
    difference = np.abs(found - expected)[inside]
    assert difference.mean() < 1 and np.percentile(difference, 95) < 3


def test_equalization_keeps_the_color_differences(photo):
    before = cv2.cvtColor(photo, cv2.COLOR_RGB2YCrCb)
    equalized = before.copy()
    equalized[..., 0] = cv2.equalizeHist(before[..., 0])
    expected = cv2.cvtColor(equalized, cv2.COLOR_YCrCb2RGB)
    out = HistogramEqualizationEnhancer().enhance(tensor(photo))
    np.testing.assert_allclose(array(out), expected, atol=1e-3)


def test_lime_divides_by_the_illumination_that_scipy_refines(photo):
    image = photo / 255
    brightest = image.max(-1)

    def mean(values: np.ndarray) -> np.ndarray:
        return ndimage.uniform_filter(values, 2 * 4 + 1, mode='reflect')

    # He, Sun and Tang: in each window a line a * T + b through T itself.
    variance = mean(brightest**2) - mean(brightest) ** 2
    a = variance / (variance + 0.01)
    b = mean(brightest) * (1 - a)
    refined = np.maximum(mean(a) * brightest + mean(b), 1 / 255)
    expected = np.clip(image / refined[..., None] ** 0.7, 0, 1) * 255
    out = LIMEEnhancer(gamma=0.7, radius=4, eps=0.01).enhance(tensor(photo))
    np.testing.assert_allclose(array(out), expected, atol=0.05)


def test_lime_of_a_level_by_hand():
    # T = 0.25: 0.25 / 0.25 ** 0.5 = 0.5, 0.04 / 0.5 = 0.08
    image = torch.tensor([0.25, 0.04, 0.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    out = LIMEEnhancer(gamma=0.5).enhance(image)
    torch.testing.assert_close(out[0, :, 4, 4], torch.tensor([0.5, 0.08, 0.0]))


def test_lime_says_what_it_needs_where_opencv_lacks_its_contrib(monkeypatch):
    monkeypatch.delattr(cv2, 'ximgproc')
    with pytest.raises(ImportError, match='opencv-contrib-python'):
        LIMEEnhancer()


def test_retinex_is_its_formula_in_scipy(photo):
    image = photo.astype(np.float64) + 1
    sigmas = (3, 15)
    retinex = sum(
        np.log(image)
        - np.log(ndimage.gaussian_filter(image, (sigma, sigma, 0), mode='reflect', truncate=6))
        for sigma in sigmas
    ) / len(sigmas)
    retinex *= np.log(125 * image / image.sum(-1, keepdims=True))
    count = photo.shape[0] * photo.shape[1]
    ordered = np.sort(retinex.reshape(-1, 3), axis=0)
    clipped = int(0.05 * count)
    low, high = ordered[clipped], ordered[count - 1 - clipped]
    expected = np.clip((retinex - low) / (high - low), 0, 1) * 255
    out = MultiScaleRetinexEnhancer(sigmas=sigmas, clip=0.05).enhance(tensor(photo))
    np.testing.assert_allclose(array(out), expected, atol=0.05)


def test_retinex_brightens_a_dark_photograph(photo):
    out = MultiScaleRetinexEnhancer().enhance(tensor(photo))
    assert array(out).mean() > 1.5 * photo.mean()


@pytest.mark.parametrize('name', NAMES)
def test_it_is_built_by_name_and_pickled(name, photo):
    enhancer = MODELS.build(dict(type=f'mmsdag.{name}'))
    x = tensor(photo)
    expected = enhancer.enhance(x)
    torch.testing.assert_close(pickle.loads(pickle.dumps(enhancer)).enhance(x), expected)


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('level', [0.0, 0.3, 1.0])
def test_an_image_of_one_color_stays_finite(name, level):
    x = torch.full((2, 3, 33, 17), level)
    out = MODELS.build(dict(type=f'mmsdag.{name}')).enhance(x)
    assert out.shape == x.shape and out.dtype == x.dtype
    assert out.isfinite().all() and 0 <= out.min() and out.max() <= 1


@pytest.mark.parametrize('name', NAMES)
def test_images_of_a_batch_do_not_depend_on_each_other(name, photo):
    enhancer = MODELS.build(dict(type=f'mmsdag.{name}'))
    one, two = tensor(photo), tensor(photo[::-1].copy())
    torch.testing.assert_close(
        enhancer.enhance(torch.cat((one, two))),
        torch.cat((enhancer.enhance(one), enhancer.enhance(two))),
        rtol=0,
        atol=1e-5,
    )


@pytest.mark.parametrize('name', NAMES)
def test_values_out_of_range_are_clipped(name, photo):
    enhancer = MODELS.build(dict(type=f'mmsdag.{name}'))
    x = tensor(photo)
    wild = x * 3 - 0.5
    torch.testing.assert_close(enhancer.enhance(wild), enhancer.enhance(wild.clamp(0, 1)))


@pytest.mark.parametrize(
    'config, message',
    [
        (dict(type='mmsdag.GammaEnhancer', gamma=0), 'gamma=0'),
        (dict(type='mmsdag.GammaEnhancer', gamma='2'), "gamma='2'"),
        (dict(type='mmsdag.CLAHEEnhancer', clip_limit=0), 'clip_limit=0'),
        (dict(type='mmsdag.CLAHEEnhancer', tile_grid_size=(8,)), 'tile_grid_size'),
        (dict(type='mmsdag.LIMEEnhancer', gamma=1.1), 'gamma=1.1'),
        (dict(type='mmsdag.LIMEEnhancer', radius=0), 'radius=0'),
        (dict(type='mmsdag.LIMEEnhancer', eps=0), 'eps=0'),
        (dict(type='mmsdag.MultiScaleRetinexEnhancer', sigmas=()), r'sigmas=\(\)'),
        (dict(type='mmsdag.MultiScaleRetinexEnhancer', alpha=0), 'alpha=0'),
        (dict(type='mmsdag.MultiScaleRetinexEnhancer', clip=0.5), 'clip=0.5'),
    ],
)
def test_a_wrong_argument_is_refused(config, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(config)
