"""Darkening of test sets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mmsdag.datasets.transforms import Darken, darkened

IMAGE = np.full((64, 64, 3), 200, np.uint8)


def darken(name='a/b.png', image=IMAGE, **kwargs):
    results = dict(img=image, img_path=name, sample_idx=3)
    return Darken(**kwargs)(results)['img']


def test_without_noise_the_light_is_multiplied_by_the_exposure():
    # sRGB 200/255: linear ((0.78431 + 0.055) / 1.055)^2.4 = 0.57758;
    # times 0.06 = 0.034655; sRGB 1.055 * 0.034655^(1/2.4) - 0.055 = 0.20475,
    # which is level 52.2.
    dark = darken(exposure=0.06, shot=0.0, read=0.0)
    assert np.unique(dark).tolist() == [52]


def test_read_noise_follows_the_shot_noise():
    # 0.002^2.18 e^1.2 = 1.3094e-6 * 3.3201
    expected = math.exp(2.18 * math.log(0.002) + 1.2)
    assert Darken(0.1, shot=2e-3).read == pytest.approx(expected)


def test_noise_depends_on_the_name_alone():
    levels = dict(exposure=0.1, shot=2e-3)
    assert (darken('x/b.png', **levels) == darken('y/b.png', **levels)).all()
    assert (darken('x/b.png', **levels) != darken('x/c.png', **levels)).any()


def test_noise_depends_on_levels_and_seed():
    one = darken(exposure=0.1, shot=2e-3).astype(int)
    assert (one != darken(exposure=0.1, shot=2e-3, seed=1)).any()
    # The same noise at half the light would be the same where it is black.
    other = darken(exposure=0.05, shot=2e-3).astype(int)
    centered = [image - image.mean() for image in (one, other)]
    correlation = (centered[0] * centered[1]).mean() / (centered[0].std() * centered[1].std())
    assert abs(correlation) < 0.05


def test_results_keep_their_index():
    results = Darken(0.1)(dict(img=IMAGE, img_path='b.png', sample_idx=3))
    assert results['sample_idx'] == 3


@pytest.mark.parametrize(
    'levels', [dict(exposure=0), dict(exposure=1.5), dict(exposure=0.1, shot=-1.0)]
)
def test_levels_out_of_range_are_refused(levels):
    with pytest.raises(ValueError, match='of Darken'):
        Darken(**levels)


def test_an_image_without_a_name_is_refused():
    with pytest.raises(KeyError, match='img_path'):
        Darken(0.1)(dict(img=IMAGE))


def test_a_pipeline_darkens_right_after_loading():
    steps = darkened([dict(type='LoadImageFromFile'), dict(type='Resize')], exposure=0.1)
    assert [step['type'] for step in steps] == ['LoadImageFromFile', 'mmsdag.Darken', 'Resize']


def test_a_pipeline_that_loads_no_image_is_refused():
    with pytest.raises(ValueError, match='loads an image'):
        darkened([dict(type='Resize')], exposure=0.1)
