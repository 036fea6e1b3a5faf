"""The smoothness over 24 neighbors is the plain formula's, at less cost."""

from __future__ import annotations

import pytest
import torch

from mmsdag.functional import flattened_ycbcr, neighbor_smoothness


def plain(values: torch.Tensor, guide: torch.Tensor, sigma: float = 10.0) -> torch.Tensor:
    """All 24 neighbors, each with its own copies, by autograd."""
    height, width = values.shape[-2:]
    total = values.new_zeros(())
    for row in range(-2, 3):
        for column in range(-2, 3):
            if (row, column) == (0, 0):
                continue
            here = (
                ...,
                slice(max(0, -row), height - max(0, row)),
                slice(max(0, -column), width - max(0, column)),
            )
            there = (
                ...,
                slice(max(0, row), height - max(0, -row)),
                slice(max(0, column), width - max(0, -column)),
            )
            distance = (guide[here] - guide[there]).square().sum(1)
            weight = torch.exp(-distance / (2 * sigma**2))
            change = (values[here] - values[there]).abs().sum(1)
            total = total + (weight * change).mean()
    return total


@pytest.mark.parametrize('shape', [(2, 3, 16, 16), (1, 3, 17, 31), (3, 1, 3, 3)])
@pytest.mark.parametrize('sigma', [10.0, 0.3])
def test_value_and_gradients_are_those_of_the_plain_formula(shape, sigma):
    values = torch.rand(shape, requires_grad=True)
    guide = torch.rand(shape, requires_grad=True)
    results = []
    for function in (plain, neighbor_smoothness):
        value = function(values, guide, sigma)
        results.append((value, *torch.autograd.grad(3 * value, (values, guide))))
    for expected, computed in zip(*results, strict=True):
        torch.testing.assert_close(computed, expected, rtol=1e-5, atol=1e-6)


def test_smoothness_of_one_bright_pixel_by_hand():
    # A 3x3 image with a 1 in its center and a flat guide: of the 24 offsets,
    # those by one row or column (4, of 6 pairs each) and the diagonal ones
    # (4, of 4 pairs) meet it twice; no other offset reaches it.
    values = torch.zeros(1, 1, 3, 3)
    values[0, 0, 1, 1] = 1
    expected = 4 * 2 / 6 + 4 * 2 / 4
    value = neighbor_smoothness(values, torch.zeros_like(values))
    assert value.item() == pytest.approx(expected)


def test_an_edge_of_the_guide_excuses_one_of_the_values():
    values = torch.zeros(1, 1, 8, 8)
    values[..., 4:] = 1
    blind = neighbor_smoothness(values, torch.zeros_like(values), sigma=0.1)
    seeing = neighbor_smoothness(values, values, sigma=0.1)
    assert seeing < 1e-6 < blind


def test_smoothness_passes_the_gradient_check():
    values = torch.rand(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    images = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda v, i: neighbor_smoothness(v, flattened_ycbcr(i), 0.5), (values, images)
    )


def test_gradient_is_computed_for_those_who_ask_alone():
    values = torch.rand(1, 3, 8, 8, requires_grad=True)
    neighbor_smoothness(values, torch.rand(1, 3, 8, 8)).backward()
    assert values.grad.abs().sum() > 0
    assert not neighbor_smoothness(values.detach(), values.detach()).requires_grad


def test_half_precision_is_computed_in_single():
    values = torch.rand(1, 3, 16, 16).bfloat16().requires_grad_()
    guide = torch.rand(1, 3, 16, 16).bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        value = neighbor_smoothness(values, guide)
        converted = flattened_ycbcr(guide)
    value.backward()
    assert value.dtype == converted.dtype == torch.float32
    assert values.grad.dtype == torch.bfloat16
    torch.testing.assert_close(value, plain(values.float(), guide.float()))
    torch.testing.assert_close(converted, flattened_ycbcr(guide.float()))


def test_memory_layout_does_not_matter():
    x = torch.rand(2, 3, 9, 10)
    last = x.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(flattened_ycbcr(last), flattened_ycbcr(x))
    torch.testing.assert_close(neighbor_smoothness(last, last), neighbor_smoothness(x, x))


def test_guide_mixes_three_values_in_a_row_as_the_authors_do():
    # A row 1, 0, 0 of the first channel is taken for a red pixel.
    x = torch.zeros(1, 3, 1, 3)
    x[0, 0, 0, 0] = 1
    bias = torch.tensor([16 / 255, 128 / 255, 128 / 255])
    expected = bias + torch.zeros(1, 3, 1, 3)
    expected[0, 0, 0] += torch.tensor([0.257, -0.148, 0.439])
    torch.testing.assert_close(flattened_ycbcr(x), expected)


def test_images_too_small_or_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match='2x9'):
        neighbor_smoothness(torch.rand(1, 3, 2, 9), torch.rand(1, 3, 2, 9))
    with pytest.raises(ValueError, match='must agree'):
        neighbor_smoothness(torch.rand(1, 3, 8, 9), torch.rand(1, 3, 9, 8))
