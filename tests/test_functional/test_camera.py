"""Expected values: hand calculations, OpenCV, SciPy."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from mmsdag.functional import camera


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def test_the_tone_curve_is_a_power_times_the_contrast():
    x = torch.full((1, 3, 2, 2), 0.5)
    # 0.8 * 0.5 ** 2 = 0.2
    y = camera.tone_curve(x, numbers(2.0), numbers(0.0), numbers(0.8))
    torch.testing.assert_close(y, torch.full_like(x, 0.2))


def test_a_positive_black_level_is_cut_off():
    x = numbers(0.05, 0.2, 1.0).view(1, 1, 1, 3)
    y = camera.tone_curve(x, numbers(1.0), numbers(0.1), numbers(1.0))
    # (0.2 - 0.1) / 0.9 = 0.1111
    torch.testing.assert_close(y.flatten(), numbers(0.0, 0.1 / 0.9, 1.0))


def test_a_negative_black_level_is_a_veil():
    x = numbers(0.0, 0.5, 1.0).view(1, 1, 1, 3)
    y = camera.tone_curve(x, numbers(1.0), numbers(-0.1), numbers(1.0))
    # 0.5 * 0.9 + 0.1 = 0.55
    torch.testing.assert_close(y.flatten(), numbers(0.1, 0.55, 1.0))


def test_each_image_has_its_own_curve():
    x = torch.full((2, 1, 1, 1), 0.5)
    y = camera.tone_curve(x, numbers(1.0, 3.0), numbers(0.0, 0.0), numbers(1.0, 1.0))
    torch.testing.assert_close(y.flatten(), numbers(0.5, 0.125))


def test_the_light_map_passes_through_the_corners_of_its_grid():
    grid = torch.randn(1, 1, 4, 4)
    light = camera.light_map(grid, (31, 40))
    assert light.shape == (1, 1, 31, 40)
    torch.testing.assert_close(light[0, 0, 0, 0], grid[0, 0, 0, 0].exp())
    torch.testing.assert_close(light[0, 0, -1, -1], grid[0, 0, -1, -1].exp())


def test_a_lamp_is_a_gaussian_spot_in_units_of_the_diagonal():
    # 30 x 40 pixels have a diagonal of 50: 0.1 of it is 5 pixels.
    spot = camera.lamp_map(torch.tensor([[[0.5, 0.5]]]), torch.tensor([[0.1]]), (30, 40))[0, 0]
    assert spot[15, 20] == 1
    assert spot[15, 25].item() == pytest.approx(math.exp(-0.5), rel=1e-5)
    assert spot[20, 20].item() == pytest.approx(math.exp(-0.5), rel=1e-5)


def test_a_lamp_of_radius_zero_gives_no_light():
    lamps = camera.lamp_map(torch.tensor([[[0.5, 0.5]]]), torch.tensor([[0.0]]), (30, 40))
    assert not lamps.any()


def test_the_blur_is_that_of_scipy():
    x = torch.rand(2, 3, 12, 15)
    y = camera.gaussian_blur(x, numbers(0.8, 1.5), radius=3)
    for image, blurred, sigma in zip(x, y, (0.8, 1.5)):
        for plane, got in zip(image.numpy(), blurred.numpy()):
            expected = ndimage.gaussian_filter(plane, sigma, mode='mirror', radius=3)
            np.testing.assert_allclose(got, expected, atol=1e-5)


def test_no_blur_leaves_an_image_as_it_is():
    x = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(camera.gaussian_blur(x, numbers(0.0)), x)


def opencv_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    coded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


def our_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    x = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 255
    y = camera.jpeg_round_trip(x, numbers(float(quality)))[0] * 255
    return y.permute(1, 2, 0).numpy()[..., ::-1]


@pytest.mark.parametrize('quality', [10, 50, 90])
def test_the_jpeg_of_a_gray_image_is_that_of_opencv(quality):
    gray = np.random.default_rng(0).integers(0, 256, (48, 64, 1), np.uint8)
    image = gray.repeat(3, 2)
    error = np.abs(our_jpeg(image, quality) - opencv_jpeg(image, quality))
    # The discrete cosine transforms round differently; the JPEG itself
    # changes this noise by 3 levels at quality 90, by 41 at 10.
    assert error.mean() < 0.7


@pytest.mark.parametrize('quality', [10, 50, 90])
def test_the_jpeg_of_smooth_colors_is_near_that_of_opencv(quality):
    # The library interpolates the chroma, ours repeats it.
    rows, columns = np.mgrid[:48, :64] / 30
    waves = [np.sin(rows + k) * np.cos(columns) for k in range(3)]
    image = np.round((np.stack(waves, -1) + 1) * 127.5).astype(np.uint8)
    error = np.abs(our_jpeg(image, quality) - opencv_jpeg(image, quality))
    assert error.mean() < 1.5


def test_the_jpeg_takes_any_size_and_each_image_its_own_quality():
    x = torch.rand(2, 3, 17, 23)
    y = camera.jpeg_round_trip(x, numbers(100.0, 5.0))
    assert y.shape == x.shape
    error = (y - x).abs().mean((1, 2, 3))
    assert error[1] > error[0]
