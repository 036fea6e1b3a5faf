from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmsdag.models import ZeroDCENet
from mmsdag.models.tiling import Span, blend_weights, bytes_per_pixel, receptive_radius, spans


class Enhancer(nn.Sequential):
    def enhance(self, x):
        return self(x)


AXES = st.tuples(st.integers(0, 40), st.integers(1, 300), st.integers(1, 2000)).map(
    lambda t: (t[2], 4 * t[0] + t[1], t[0])
)


def test_a_short_axis_is_one_piece():
    assert spans(20, 20, 3) == [Span(0, 20, 0, 20)]


def test_pieces_overlap_and_are_as_small_as_their_number_allows():
    # (20 - 2) / (10 - 2) -> 3 pieces of (20 - 2) / 3 + 2 = 8 pixels.
    assert spans(20, 10, 1) == [Span(0, 8, 0, 7), Span(6, 14, 7, 13), Span(12, 20, 13, 20)]


@settings(deadline=None)  # a busy machine is no failure
@given(AXES)
def test_kept_parts_cover_an_axis_away_from_inner_edges(axis):
    length, tile, halo = axis
    pieces = spans(length, tile, halo)
    assert [p.first for p in pieces] == [0, *(p.last for p in pieces[:-1])]
    assert pieces[-1].last == length
    assert len({p.stop - p.start for p in pieces}) == 1
    for p in pieces:
        assert 0 <= p.start <= p.first < p.last <= p.stop <= length
        assert p.stop - p.start <= tile
        assert p.start == 0 or p.first - p.start >= halo
        assert p.stop == length or p.stop - p.last >= halo


@settings(deadline=None)  # a busy machine is no failure
@given(AXES, st.integers(1, 20))
def test_rounded_pieces_start_on_multiples_and_cover_an_axis_too(axis, multiple):
    length, tile, halo = axis
    tile += 6 * multiple  # room for it
    pieces = spans(length, tile, halo, multiple)
    assert [p.first for p in pieces] == [0, *(p.last for p in pieces[:-1])]
    assert pieces[-1].last == length
    for p in pieces:
        assert p.start % multiple == 0
        assert 0 <= p.start <= p.first < p.last <= p.stop <= length
        assert p.stop - p.start <= tile
        assert p.start == 0 or p.first - p.start >= halo
        assert p.stop == length or p.stop - p.last >= halo
    total = np.zeros(length)
    for p in pieces:
        total[p.start : p.stop] += blend_weights(p, length, halo)
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_without_room_for_them_multiples_have_no_effect():
    assert spans(200, 40, 8, 16) == spans(200, 40, 8)


def test_a_tile_of_overlap_only_is_refused():
    with pytest.raises(ValueError, match='tile=28.*larger than 28'):
        spans(100, 28, 7)


@settings(deadline=None)  # a busy machine is no failure
@given(AXES)
def test_weights_of_all_pieces_sum_to_one(axis):
    pieces = spans(*axis)
    total = np.zeros(axis[0])
    for piece in pieces:
        weights = blend_weights(piece, axis[0], axis[2])
        assert weights.min() >= 0
        total[piece.start : piece.stop] += weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_a_piece_fades_over_twice_the_halo():
    # From pixel 7 - 1 to 7 + 1, in steps of a third, and back around 13.
    np.testing.assert_allclose(
        blend_weights(Span(4, 16, 7, 13), 20, 1),
        [0, 0, 1 / 3, 2 / 3, 1, 1, 1, 1, 2 / 3, 1 / 3, 0, 0],
        atol=1e-6,
    )


@pytest.mark.parametrize(
    'network, radius',
    [
        (Enhancer(nn.Conv2d(3, 3, 1)), 0),
        (Enhancer(nn.Conv2d(3, 3, 5, padding=4, dilation=2)), 4),
        (
            Enhancer(
                nn.Conv2d(3, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(5, stride=1, padding=2)
            ),
            3,
        ),
        (Enhancer(nn.Conv2d(3, 3, 5, padding=40, dilation=20)), 40),
        (
            Enhancer(
                nn.Conv2d(3, 3, 3, padding=9, dilation=9), nn.Conv2d(3, 3, 3, padding=9, dilation=9)
            ),
            18,
        ),
    ],
)
def test_radius_is_that_of_the_layers(network, radius):
    assert receptive_radius(network) == radius


def test_zero_dce_looks_seven_pixels_far():
    # Seven 3x3 convolutions.
    assert receptive_radius(ZeroDCENet()) == 7


def test_radius_does_not_depend_on_the_weights():
    network = ZeroDCENet()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    assert receptive_radius(network) == 7


@pytest.mark.parametrize(
    'network',
    [
        Enhancer(nn.InstanceNorm2d(3)),
        Enhancer(nn.AdaptiveAvgPool2d(1), nn.Upsample(scale_factor=32)),
        Enhancer(nn.Conv2d(3, 12, 3, padding=1, stride=2), nn.PixelShuffle(2)),
        Enhancer(nn.Conv2d(3, 3, 3, padding=80, dilation=80)),
    ],
)
def test_global_strided_and_far_looking_networks_have_no_radius(network):
    assert receptive_radius(network) is None


def test_finding_the_radius_leaves_the_network_alone():
    network = Enhancer(nn.Conv2d(3, 3, 3, padding=1)).train()
    before = copy.deepcopy(network.state_dict())
    receptive_radius(network)
    assert network.training
    for key, value in network.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[key])


def test_memory_is_twice_the_layers_outputs_and_the_images():
    # (8 + 3 channels of layers, 3 + 3 of images) * 4 bytes, twice.
    network = Enhancer(nn.Conv2d(3, 8, 1), nn.Conv2d(8, 3, 1))
    assert bytes_per_pixel(network) == 2 * 4 * (8 + 3 + 6)
    assert not network[0]._forward_hooks
