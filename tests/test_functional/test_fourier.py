"""Filters in the frequency domain, by NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.functional import filter_by_matrices, filter_frequencies, frequencies

SIZES = [(8, 12), (9, 12), (8, 7), (15, 11)]


@pytest.mark.parametrize('size', SIZES)
def test_frequencies_are_those_of_numpy(size):
    vertical, horizontal = frequencies(size, torch.zeros(()).double())
    np.testing.assert_allclose(vertical[:, 0].numpy(), np.fft.fftfreq(size[0]))
    # NumPy calls the highest frequency of an even size positive, too.
    np.testing.assert_allclose(horizontal[0].numpy(), np.fft.rfftfreq(size[1]))


@pytest.mark.parametrize('apply', [filter_frequencies, filter_by_matrices])
@pytest.mark.parametrize('size', SIZES)
def test_filter_equals_that_of_the_whole_spectrum(apply, size):
    # The filter of a frequency is the conjugate of its negative's: NumPy
    # multiplies all of them. Where a frequency is its own negative, or that
    # of another row in the same column, the real part remains.
    height, width = size
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, height, width))
    magnitude, phase = rng.normal(size=(2, height, width // 2 + 1))
    half = magnitude * np.exp(1j * phase)
    whole = np.zeros((height, width), complex)
    whole[:, : width // 2 + 1] = half
    rows = -np.arange(height) % height
    for column in range(width // 2 + 1, width):
        whole[:, column] = half[rows, width - column].conj()
    expected = np.fft.ifft2(np.fft.fft2(x) * whole).real
    filtered = apply(*map(torch.from_numpy, (x, magnitude, phase)))
    np.testing.assert_allclose(filtered.numpy(), expected, atol=1e-12)


def test_a_linear_phase_moves_an_image():
    vertical, horizontal = frequencies((8, 10), torch.zeros(()).double())
    x = torch.rand(1, 1, 8, 10, dtype=torch.float64)
    phase = -2 * torch.pi * (3 * vertical + 2 * horizontal)
    moved = filter_frequencies(x, torch.ones_like(phase), phase)
    torch.testing.assert_close(moved, x.roll((3, 2), (2, 3)))
