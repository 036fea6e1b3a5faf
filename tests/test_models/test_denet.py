"""DENet: its size, its pyramid, what its modules do."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from mmsdag.models import DENet
from mmsdag.models.enhancers.denet import laplacian_pyramid
from mmsdag.models.runner import EnhancerRunner


@pytest.fixture
def net() -> DENet:
    return DENet().eval()


def silence(*layers: torch.nn.Conv2d) -> None:
    for layer in layers:
        layer.weight.data.zero_()
        layer.bias.data.zero_()


def test_it_has_as_many_weights_as_the_authors_module(net):
    # The paper says 45 K; DENet() of the authors' code has 45,020.
    assert sum(p.numel() for p in net.parameters()) == 45020


def test_pyramid_equals_that_of_opencv():
    image = np.random.default_rng(0).random((64, 48, 3), np.float32)
    x = torch.from_numpy(image).permute(2, 0, 1)[None]
    details, rest = laplacian_pyramid(x, 2)
    current = image
    for detail in details:
        low = cv2.pyrDown(current)
        expected = current - cv2.pyrUp(low)
        # At the right and lower border OpenCV scales up otherwise.
        np.testing.assert_allclose(
            detail[0].permute(1, 2, 0).numpy()[:-2, :-2], expected[:-2, :-2], atol=1e-6
        )
        current = low
    np.testing.assert_allclose(rest[0].permute(1, 2, 0).numpy(), current, atol=1e-6)


@pytest.mark.parametrize('size', [(64, 48), (37, 23), (5, 9)])
def test_without_its_residuals_it_leaves_an_image_as_it_is(net, size):
    silence(net.global_module.decoder[-1], *(module.decode for module in net.detail_modules))
    x = torch.rand(2, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(net(x), x, atol=1e-5, rtol=0)


def test_the_global_module_shifts_the_light_of_all_pixels(net):
    silence(net.global_module.decoder[-1], *(module.decode for module in net.detail_modules))
    net.global_module.decoder[-1].bias.data = torch.tensor([0.1, 0.2, 0.3])
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        shift = net(x) - x
    torch.testing.assert_close(
        shift, torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1).expand_as(x), atol=1e-5, rtol=0
    )


def test_details_are_scaled_and_shifted_by_the_guide(net):
    # Two channels of the features: h + h * 2 + 0.5 where the guide is 1.
    module = net.detail_modules[0]
    silence(module.encode[0], module.scale, module.shift, module.decode)
    module.encode[0].weight.data[0, 0, 1, 1] = 1.0
    module.scale.weight.data[0, 1, 1, 1] = 2.0
    module.shift.weight.data[0, 2, 1, 1] = 0.5
    module.decode.weight.data[0, 0, 1, 1] = 1.0
    detail = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        residual = module(detail, torch.ones(1, 3, 8, 8))
    torch.testing.assert_close(residual[:, 0], 3 * detail[:, 0] + 0.5)
    assert not residual[:, 1:].any()


def test_output_is_an_image_and_every_weight_gets_a_gradient(net):
    x = torch.rand(2, 3, 16, 24)
    net(x).square().mean().backward()
    assert all(p.grad.abs().max() > 0 for p in net.parameters())
    net.global_module.decoder[-1].bias.data.fill_(2.0)
    with torch.no_grad():
        assert net(x).max() > 1
        assert net.enhance(x).max() == 1


def test_channels_that_four_kernels_cannot_share_are_refused():
    with pytest.raises(ValueError, match='channels=30 of DENet'):
        DENet(channels=30)


def photograph(height: int, width: int) -> torch.Tensor:
    """Return an image with shapes of many sizes, not only noise."""
    parts = [
        torch.nn.functional.interpolate(
            torch.rand(1, 3, -(-height // step), -(-width // step)),
            (height, width),
            mode='bilinear',
        )
        for step in (1, 4, 16, 64)
    ]
    return sum(parts) / len(parts)


def test_in_tiles_it_stays_close_to_the_whole_image(net):
    # Tiles start on multiples of 16. On others, the error would reach 9 of
    # 255 in this image: the pyramid would halve other pixels, and the lower
    # and right borders would be padded by other numbers of pixels.
    image = (photograph(150, 220)[0] * 255).permute(1, 2, 0).numpy()[None]
    runners = [EnhancerRunner(net, 'the test', tile=tile) for tile in (0, 160)]
    whole = runners[0].enhance_array(image, np.dtype(np.float32))
    with pytest.warns(UserWarning, match='DENet looks at the whole image'):
        tiled = runners[1].enhance_array(image, np.dtype(np.float32))
    assert np.abs(whole - image).max() > 20
    assert 0 < np.abs(tiled - whole).max() < 2
