"""CoLIE fits an illumination to each image."""

from __future__ import annotations

import pytest
import torch
from helpers.guided_training import SDAG_NET, frozen_net, save_sdag

from mmsdag.models import CoLIEEnhancer
from mmsdag.models.enhancers.colie import SineNet, _guided_upsampling
from mmsdag.models.loading import load_enhancer
from mmsdag.models.runner import EnhancerRunner


def dark_scene() -> torch.Tensor:
    """(1, 3, 24, 40), RGB: blocks of mean 0.1, one of them bright."""
    blocks = torch.rand(1, 3, 3, 5) * 0.2
    blocks[..., 0, 0] = 0.8
    return blocks.repeat_interleave(8, 2).repeat_interleave(8, 3)


def enhancer(**options) -> CoLIEEnhancer:
    return CoLIEEnhancer(**dict(dict(steps=20, size=32), **options))


def test_the_network_has_the_weights_of_the_authors():
    # 1 and 2 to 256, each to 128, 256 to 256, 256 to 1.
    assert sum(p.numel() for p in SineNet(torch.Generator()).parameters()) == (
        512 + 768 + 2 * 32896 + 65792 + 257
    )


def test_the_fit_lowers_the_loss_and_is_that_of_its_seed():
    value = torch.rand(1, 1, 32, 32) * 0.2
    losses = []

    class Recorded(CoLIEEnhancer):
        def _loss(self, *parts):
            losses.append(super()._loss(*parts))
            return losses[-1]

    first = Recorded(steps=20, size=32).fit(value)
    assert losses[-1] < losses[0]
    assert torch.equal(enhancer().fit(value), first)
    assert not torch.equal(enhancer(seed=1).fit(value), first)


def test_the_loss_is_that_of_a_hand_calculation():
    value = torch.full((1, 1, 16, 16), 0.1)
    illumination = torch.full((1, 1, 16, 16), 0.2)
    illumination[..., 8:, :] = 0.3
    enhanced = torch.full((1, 1, 16, 16), 0.4)
    # One of 15 rows of differences is 0.1.
    expected = (
        1 * (0.1**2 + 0.2**2) / 2 + 20 * 2 * 0.1**2 / 15 + 8 * (0.25**0.5 - 0.6) ** 2 + 5 * 0.4
    )
    assert CoLIEEnhancer(level=0.6)._loss(value, illumination, enhanced).item() == pytest.approx(
        expected
    )


def test_a_dark_image_becomes_lighter_and_keeps_its_colors():
    x = dark_scene()
    out = enhancer().enhance(x)
    assert out.shape == x.shape and 0 <= out.min() and out.max() <= 1
    assert out.mean() > 1.5 * x.mean()
    # The same pixel for pixel, so hue and saturation are.
    ratio = out / x
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), atol=1e-3, rtol=1e-3)


def test_images_of_a_batch_are_fitted_one_by_one():
    x = torch.cat([dark_scene(), dark_scene()])
    out = enhancer().enhance(x)
    assert torch.equal(out[1:], enhancer().enhance(x[1:]))


def test_it_fits_where_its_caller_records_no_gradients():
    x = dark_scene()
    with torch.inference_mode():
        out = EnhancerRunner(enhancer(), 'a test').enhance_rgb(x)
    torch.testing.assert_close(out, enhancer().enhance(x))
    with torch.autocast('cpu', torch.bfloat16):
        torch.testing.assert_close(enhancer().enhance(x), out)


def test_black_images_stay_and_what_is_not_finite_is_passed_on():
    assert enhancer().enhance(torch.zeros(1, 3, 20, 20)).abs().max() == 0
    x = torch.full((1, 3, 20, 20), torch.nan)
    assert enhancer().enhance(x).isnan().all()


def test_a_guided_filter_returns_a_line_of_its_guide():
    # A target that is linear in the guide is so at full size, too.
    guide = torch.rand(1, 1, 40, 48)
    small = torch.nn.functional.interpolate(guide, (20, 24))
    out = _guided_upsampling(small, 2 * small + 0.1, guide)
    torch.testing.assert_close(out, 2 * guide + 0.1, atol=1e-3, rtol=1e-3)


def sdag(folder, **options) -> dict:
    checkpoint = save_sdag(folder)
    return dict(type='mmsdag.SDAGGuidanceLoss', checkpoint=checkpoint, sdag=SDAG_NET, **options)


def test_guidance_sees_the_enhanced_image_in_color(tmp_path):
    guided = enhancer(steps=1, guidance=sdag(tmp_path))
    seen = []
    guided.guidance.register_forward_hook(lambda module, args, out: seen.append((args[0], out)))
    image = torch.nn.functional.interpolate(dark_scene(), (32, 32))
    value = guided.fit(image)
    ((shown, loss),) = seen
    wanted = image * (value / image.amax(1, keepdim=True)).clamp(max=1 / image.amax(1, True))
    torch.testing.assert_close(shown, wanted)
    expected = (shown - frozen_net(str(tmp_path / 'sdag.pth'))(shown)).abs().mean()
    torch.testing.assert_close(loss, expected)


def test_guidance_lowers_its_own_loss_and_none_changes_nothing(tmp_path):
    image = torch.nn.functional.interpolate(dark_scene(), (32, 32))

    def last_loss(weight: float) -> tuple[torch.Tensor, float]:
        guided = enhancer(guidance=sdag(tmp_path, loss_weight=weight))
        losses = []
        guided.guidance.register_forward_hook(lambda module, args, out: losses.append(out.item()))
        return guided.fit(image), losses[-1] / weight

    torch.manual_seed(0)
    barely, loss_of_none = last_loss(1e-12)
    torch.testing.assert_close(barely, enhancer().fit(image))
    torch.manual_seed(0)
    fitted, loss = last_loss(1e3)
    assert loss < loss_of_none
    assert not torch.allclose(fitted, barely)


def test_guided_it_fits_where_its_caller_records_no_gradients(tmp_path):
    x = dark_scene()
    guided = enhancer(steps=2, guidance=sdag(tmp_path))
    assert not guided.state_dict()
    with torch.inference_mode():
        out = guided.enhance(x)
    torch.testing.assert_close(out, guided.enhance(x))
    assert not torch.allclose(out, enhancer(steps=2).enhance(x))


def test_it_needs_no_checkpoint_and_checks_its_options():
    net = load_enhancer(dict(type='mmsdag.CoLIEEnhancer', steps=1, size=16))
    assert not net.state_dict()
    with pytest.raises(ValueError, match='size=100'):
        CoLIEEnhancer(size=100)
