"""Pixels go to an enhancer and back as the plain formulas say."""

from __future__ import annotations

import pytest
import torch

from mmsdag.functional import to_uint8, to_unit_rgb

ORDERS = pytest.mark.parametrize('is_bgr', [True, False])
SIZES = pytest.mark.parametrize('size', [(7, 5), (1, 9), (9, 1), (1, 1)])
ALL_LEVELS = torch.arange(256).repeat(3).reshape(1, 3, 16, 16)


def ordered(images, is_bgr):
    return images[:, [2, 1, 0]] if is_bgr else images


@ORDERS
@SIZES
def test_bytes_become_rgb_in_the_unit_range(size, is_bgr):
    images = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    rgb = to_unit_rgb(images, is_bgr)
    assert torch.equal(rgb, ordered(images, is_bgr).float() / 255)
    assert rgb.is_contiguous(memory_format=torch.channels_last)


def test_every_level_is_exact():
    levels = ALL_LEVELS.to(torch.uint8)
    assert torch.equal(to_unit_rgb(levels, True), ALL_LEVELS.float() / 255)


@ORDERS
def test_floating_point_is_clipped(is_bgr):
    images = torch.rand(2, 3, 7, 5) * 300 - 20
    rgb = to_unit_rgb(images, is_bgr)
    assert torch.equal(rgb, ordered(images, is_bgr).clamp(0, 255) / 255)
    assert rgb.is_contiguous(memory_format=torch.channels_last)


@ORDERS
@SIZES
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
def test_results_are_rounded_and_turned_back(layout, size, is_bgr):
    images = (torch.rand(2, 3, *size) * 1.4 - 0.2).contiguous(memory_format=layout)
    copy = images.clone()
    back = to_uint8(images, is_bgr)
    expected = ordered(images, is_bgr).clamp(0, 1).mul(255).round()
    assert back.dtype == torch.uint8 and back.is_contiguous()
    assert torch.equal(back.float(), expected)
    assert torch.equal(images, copy)


@ORDERS
def test_there_and_back_nothing_changes(is_bgr):
    levels = ALL_LEVELS.to(torch.uint8)
    assert torch.equal(to_uint8(to_unit_rgb(levels, is_bgr), is_bgr), levels)


@pytest.mark.parametrize(
    'value, level',
    [
        (0.5, 0),
        (1.5, 2),
        (2.5, 2),
        (254.5, 254),
        (-300.0, 0),
        (300.0, 255),
        (float('inf'), 255),
        (float('-inf'), 0),
    ],
)
def test_halves_go_to_even_and_the_rest_is_clipped(value, level):
    images = torch.full((1, 3, 2, 2), value / 255)
    assert to_uint8(images, False).unique().tolist() == [level]


def test_half_precision_is_taken():
    images = torch.rand(1, 3, 4, 4).to(torch.bfloat16)
    assert torch.equal(to_uint8(images, False).float(), images.float().mul(255).round())
