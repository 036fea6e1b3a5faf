"""RUAS's smoothness, against one with all 24 neighbors written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmsdag.functional import flattened_ycbcr, mean_smoothness


def of_24_neighbors(values: Tensor, guide: Tensor, sigma: float) -> Tensor:
    """Every neighbor by itself, differentiated automatically."""
    height, width = values.shape[-2:]
    per_image = []
    for value, edge in zip(values, guide):
        total = torch.zeros((), dtype=values.dtype)
        for row in range(-2, 3):
            for column in range(-2, 3):
                if row == column == 0:
                    continue
                inside = [
                    (y, x)
                    for y in range(height)
                    for x in range(width)
                    if 0 <= y + row < height and 0 <= x + column < width
                ]
                y, x = torch.tensor(inside).T
                change = value[:, y, x] - value[:, y + row, x + column]
                square = (edge[:, y, x] - edge[:, y + row, x + column]).square().sum(0)
                total = total + ((-square / (2 * sigma**2)).exp().mean() * change.abs().mean())
        per_image.append(total)
    return torch.stack(per_image).mean()


@pytest.mark.parametrize('size', [(3, 3), (6, 5), (4, 9)])
def test_value_and_gradient_are_those_of_the_24_neighbors(size):
    values = torch.rand(2, 3, *size, dtype=torch.float64, requires_grad=True)
    guide = torch.rand(2, 3, *size, dtype=torch.float64)
    own = mean_smoothness(values, guide, sigma=0.5)
    expected = of_24_neighbors(values, guide, sigma=0.5)
    torch.testing.assert_close(own, expected)
    torch.testing.assert_close(
        *(torch.autograd.grad(3 * loss, values)[0] for loss in (own, expected))
    )


def test_mean_weight_and_mean_difference_are_multiplied():
    # A step of 1 between the columns 0, 1, 2 | 3 of a 3x4 image; the guide
    # has an edge of 1 between the first two columns, so that its weight there
    # is e^-2 for sigma = 0.5. Of the pairs (0, 1): one of three columns has a
    # difference and another one the weight. Of a distance of 2: one of two.
    weight = torch.tensor(-2.0).exp()
    near = (2 + weight) / 3 * 1 / 3
    far = (1 + weight) / 2 * 1 / 2
    # Offsets along columns by 1: rows 0 (right) and +-1, +-2; the same by 2.
    # Counted from both ends. Along rows there is no difference.
    expected = 2 * 5 * (near + far)
    values = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(1, 1, 3, 4)
    guide = torch.tensor([0.0, 1.0, 1.0, 1.0]).expand(1, 1, 3, 4)
    torch.testing.assert_close(mean_smoothness(values, guide, sigma=0.5), expected)


def test_gradient_passes_the_check_in_double_precision():
    values = torch.rand(1, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    guide = torch.rand(1, 3, 4, 5, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda v: mean_smoothness(v, guide, 0.3), values)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    values, guide = torch.rand(2, 1, 3, 8, 8)
    expected = mean_smoothness(values.to(dtype).float(), guide)
    with torch.autocast('cpu', torch.bfloat16):
        own = mean_smoothness(values.to(dtype), guide)
    assert own.dtype == torch.float32
    torch.testing.assert_close(own, expected)


def test_layout_of_the_memory_changes_nothing():
    values, guide = torch.rand(2, 2, 3, 9, 7)
    expected = mean_smoothness(values, guide)
    torch.testing.assert_close(
        mean_smoothness(
            *(x.contiguous(memory_format=torch.channels_last) for x in (values, guide))
        ),
        expected,
    )
    low = guide.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(flattened_ycbcr(low), flattened_ycbcr(guide))


@pytest.mark.parametrize(
    'size, message',
    [
        ((2, 9), 'the image has 2x9: use larger crops'),
        ((8, 9), 'must agree in all but their channels'),
    ],
)
def test_unfit_images_are_refused(size, message):
    with pytest.raises(ValueError, match=message):
        mean_smoothness(
            torch.rand(1, 3, *size), torch.rand(1, 3, *size[:1], 9 if size[0] < 3 else 8)
        )
