"""Plain baselines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mmsdag.models import DenoisedEnhancer, InverseGainEnhancer, MeanScaleEnhancer


def test_mean_scale_multiplies_each_image_by_its_own_gain():
    images = torch.stack([torch.full((3, 2, 2), 0.1), torch.full((3, 2, 2), 0.2)])
    assert torch.allclose(MeanScaleEnhancer(0.4).enhance(images), torch.full_like(images, 0.4))


def test_mean_scale_leaves_bright_images_as_they_are():
    images = torch.full((1, 3, 2, 2), 0.7)
    assert torch.equal(MeanScaleEnhancer(0.4).enhance(images), images)


def test_mean_scale_has_a_largest_gain():
    images = torch.full((1, 3, 2, 2), 0.001)
    assert torch.allclose(
        MeanScaleEnhancer(0.4, max_gain=30).enhance(images), torch.full_like(images, 0.03)
    )


def test_inverse_gain_divides_the_linear_light():
    # As in test_darken: level 52.21 of 255 is 0.034655 of the light, and
    # 0.034655 / 0.06 = 0.57758 is level 200.
    dark = torch.full((1, 3, 2, 2), 0.20475)
    bright = InverseGainEnhancer(0.06).enhance(dark) * 255
    assert torch.allclose(bright, torch.full_like(bright, 200.0), atol=0.3)


def test_channels_can_be_scaled_by_themselves():
    images = torch.tensor([0.02, 0.1, 0.5]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    enhancer = MeanScaleEnhancer(0.2, per_channel=True)
    torch.testing.assert_close(enhancer.enhance(images)[0, :, 0, 0], torch.tensor([0.2, 0.2, 0.5]))


@pytest.mark.parametrize(
    ('kind', 'arguments'),
    [
        (MeanScaleEnhancer, dict(mean=0)),
        (MeanScaleEnhancer, dict(max_gain=0.5)),
        (InverseGainEnhancer, dict(exposure=0)),
        (DenoisedEnhancer, dict(filter='median')),
    ],
)
def test_arguments_out_of_range_are_refused(kind, arguments):
    with pytest.raises(ValueError, match=kind.__name__):
        kind(**arguments)


def test_denoised_filters_what_the_enhancer_returns():
    pixels = np.random.RandomState(0).randint(0, 60, (16, 16, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    denoised = DenoisedEnhancer(dict(type='mmsdag.InverseGainEnhancer', exposure=1.0)).enhance(
        images
    )
    expected = cv2.bilateralFilter(pixels, 9, 75, 75)
    assert np.array_equal((denoised[0] * 255).round().permute(1, 2, 0).numpy(), expected)


def test_non_local_means_takes_colors_in_the_right_order():
    pixels = np.random.RandomState(0).randint(0, 255, (32, 32, 3), np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    denoised = DenoisedEnhancer(filter='nlm').enhance(images)
    expected = cv2.fastNlMeansDenoisingColored(pixels[..., ::-1].copy(), None, 10, 10, 7, 21)[
        ..., ::-1
    ]
    assert np.array_equal((denoised[0] * 255).round().permute(1, 2, 0).numpy(), expected)
