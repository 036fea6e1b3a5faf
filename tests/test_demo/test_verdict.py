"""The verdict of the demonstration says what its metrics say."""

from __future__ import annotations

import numpy as np
import pytest

from mmsdag.demo.measuring import View
from mmsdag.demo.verdict import cell, means, verdict


def views(**metrics: tuple) -> list[View]:
    blank = np.zeros((2, 2, 3), np.uint8)
    names = ('guidance', 'brightness', 'psnr', 'ssim')
    return [
        View(
            'cat',
            version,
            blank,
            np.zeros((2, 2)),
            dict(zip(names, values), psnr_matched=values[2]),
        )
        for version, values in metrics.items()
    ]


@pytest.mark.parametrize(
    'psnr, ssim, words',
    [
        (16.0, 0.7, 'closer to the well-lit'),
        (14.0, 0.5, 'further from'),
        (16.0, 0.5, 'do not agree'),
        (15.001, 0.60001, 'made no difference'),
        (15.0, 0.7, 'closer to the well-lit'),
    ],
)
def test_the_headline_follows_the_metrics(psnr, ssim, words):
    sentences = verdict(
        views(
            dark=(0.2, 0.1, 8.0, 0.2),
            unguided=(0.1, 0.5, 15.0, 0.6),
            guided=(0.08, 0.5, psnr, ssim),
            reference=(0.05, 0.5, None, None),
        )
    )
    assert words in sentences[0]
    assert '0.1000 without guidance to 0.0800 with it (−20 %)' in sentences[1]
    assert 'lower on 1 of 1' in sentences[1]


def test_without_originals_only_the_reconstruction_error_is_judged():
    sentences = verdict(
        views(
            dark=(0.2, 0.1, None, None),
            unguided=(0.1, 0.5, None, None),
            guided=(0.12, 0.5, None, None),
        )
    )
    assert 'did not lower' in sentences[0]
    assert '(+20 %)' in sentences[1]
    assert not any('PSNR' in sentence for sentence in sentences)


def test_means_skip_what_has_no_value():
    mean = means(
        [
            View(
                name,
                'dark',
                np.zeros((1, 1, 3), np.uint8),
                np.zeros((1, 1)),
                dict(guidance=value, brightness=0.5, psnr=None, psnr_matched=None, ssim=None),
            )
            for name, value in (('a', 0.2), ('b', 0.4))
        ]
    )
    assert mean['dark']['guidance'] == pytest.approx(0.3)
    assert mean['dark']['psnr'] is None
    assert cell(mean['dark'], 'psnr') == '–'
    assert cell(mean['dark'], 'guidance') == '0.3000'
