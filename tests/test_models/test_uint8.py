"""The shorter way of 8-bit images gives what the long one gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmsdag.apis import LowLightInferencer
from mmsdag.functional import map_pixels, to_uint8, to_unit_rgb
from mmsdag.models import (
    CLAHEEnhancer,
    EnhancedDetDataPreprocessor,
    GammaEnhancer,
    HistogramEqualizationEnhancer,
    LIMEEnhancer,
    MultiScaleRetinexEnhancer,
    SCINet,
    ZeroDCENet,
)
from mmsdag.models.enhancers.uint8 import enhance_uint8_of

#: Every enhancer that has one, with and without its defaults.
MAKERS = {
    'gamma': GammaEnhancer,
    'darkening': lambda: GammaEnhancer(gamma=0.7),
    'learned gamma': lambda: GammaEnhancer(gamma=4.1, trainable=True),
    'clahe': CLAHEEnhancer,
    'clahe, coarse': lambda: CLAHEEnhancer(4.0, (2, 3)),
    'histogram': HistogramEqualizationEnhancer,
    'lime': LIMEEnhancer,
    'lime, weak': lambda: LIMEEnhancer(gamma=0.3, radius=3),
    'sci': lambda: sci(0.02),
    'sci, wild': lambda: sci(0.7),
    'sci, blocks': lambda: sci(0.3, channels=8, num_blocks=3),
}
EVERY = pytest.mark.parametrize('name', MAKERS)


def sci(std: float, **kwargs) -> SCINet:
    torch.manual_seed(0)
    network = SCINet(**kwargs)
    for parameter in network.parameters():
        parameter.data.normal_(std=std)
    for buffer in network.buffers():
        if buffer.is_floating_point():
            buffer.data.uniform_(0.5, 1.5)
    return network.eval().requires_grad_(False)


def photographs() -> list[np.ndarray]:
    """(H, W, 3), RGB, uint8: dark, of every level, black, of odd sizes."""
    rng = np.random.default_rng(0)
    dark = rng.poisson(np.linspace(1, 60, 67)[None, :, None], (45, 67, 3)).clip(0, 255)
    levels = np.stack([rng.permutation(np.arange(4096) % 256) for _ in range(3)], -1).reshape(
        64, 64, 3
    )
    black = np.zeros((40, 33, 3))
    bright = rng.integers(200, 256, (33, 40, 3))
    return [a.astype(np.uint8) for a in (dark, levels, black, bright)]


def planes(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()


def the_long_way(network, image: np.ndarray) -> np.ndarray:
    x = to_unit_rgb(planes(image)[None], is_bgr=False)
    with torch.no_grad():
        enhanced = to_uint8(network.enhance(x), is_bgr=False)
    return enhanced[0].permute(1, 2, 0).numpy()


@EVERY
def test_it_is_bit_for_bit_what_enhance_gives(name):
    network = MAKERS[name]()
    enhance_uint8 = enhance_uint8_of(network)
    changed = False
    for image in photographs():
        copy = image.copy()
        enhanced = enhance_uint8(image)
        np.testing.assert_array_equal(enhanced, the_long_way(network, image))
        np.testing.assert_array_equal(image, copy)
        changed |= (enhanced != image).any()
    assert changed


@EVERY
@pytest.mark.parametrize('rgb_to_bgr', [False, True])
def test_a_data_preprocessor_takes_it(name, rgb_to_bgr, monkeypatch):
    network = MAKERS[name]()
    monkeypatch.setattr(
        'mmsdag.models.data_preprocessors.enhancement.load_enhancer',
        lambda *args, **kwargs: network,
    )
    images = [planes(image) for image in photographs()]
    # One of them with margins, which stay as they are.
    images[0] = torch.nn.functional.pad(images[0], (3, 0, 0, 5), value=114)
    preprocessor = EnhancedDetDataPreprocessor(enhancer=dict(type=name), rgb_to_bgr=rgb_to_bgr)
    refused = 'mmsdag.models.runner.enhance_uint8_of'
    with monkeypatch.context() as patch:
        patch.setattr(refused, lambda network: None)
        expected = preprocessor.enhance(images)
    monkeypatch.setattr(preprocessor.runner, 'run', None)
    found = preprocessor.enhance(images)
    assert all(map(torch.equal, found, expected))
    assert all(image.is_contiguous() for image in found)


@EVERY
@pytest.mark.parametrize('count', [1, 3])
def test_an_inferencer_gives_the_same_by_it(name, count, monkeypatch):
    network = MAKERS[name]()
    monkeypatch.setattr('mmsdag.models.loading.load_enhancer', lambda *args, **kwargs: network)
    batch = np.stack([photographs()[0]] * count)[..., ::-1]
    inferencer = LowLightInferencer(dict(type=name), device='cpu')
    expected = np.stack([the_long_way(network, image[..., ::-1])[..., ::-1] for image in batch])
    np.testing.assert_array_equal(inferencer.enhance(batch), expected)
    monkeypatch.setattr(inferencer.runner, 'run', None)
    np.testing.assert_array_equal(inferencer.enhance(batch), expected)


def test_an_inferencer_still_refuses_what_is_not_finite():
    inferencer = LowLightInferencer(dict(type='mmsdag.GammaEnhancer'), device='cpu')
    inferencer.runner.network = GammaEnhancer(trainable=True).requires_grad_(False)
    inferencer.network.log_gamma.fill_(float('nan'))
    with pytest.raises(ValueError, match='infinite or undefined'):
        inferencer.enhance(photographs()[0])


@pytest.mark.parametrize(
    'options, dtype', [(dict(round_to_uint8=False), torch.uint8), ({}, torch.float32)]
)
def test_what_is_not_rounded_goes_the_long_way(options, dtype, monkeypatch):
    def refused(self, pixels):
        raise AssertionError('levels, where numbers are wanted')

    monkeypatch.setattr(GammaEnhancer, 'enhance_uint8', refused)
    preprocessor = EnhancedDetDataPreprocessor(
        enhancer=dict(type='mmsdag.GammaEnhancer'), **options
    )
    image = planes(photographs()[0]).to(dtype)
    (enhanced,) = preprocessor.enhance([image])
    assert enhanced.dtype == torch.float32
    torch.testing.assert_close(enhanced, 255 * (image / 255) ** (1 / 2.2))


class Doubled(GammaEnhancer):
    def enhance(self, x):
        return 2 * super().enhance(x)


class Doubling(Doubled):
    def enhance_uint8(self, pixels):
        return pixels


class Lit(SCINet):
    def illuminate(self, x):
        return torch.ones_like(x)


class Stretched(HistogramEqualizationEnhancer):
    def operator(self):
        return lambda lightness: lightness // 2


class Named(GammaEnhancer):
    purpose = 'nothing else is changed'


def test_it_is_not_taken_where_enhance_is_anothers():
    assert enhance_uint8_of(Doubled()) is None
    assert enhance_uint8_of(Lit()) is None
    assert enhance_uint8_of(MultiScaleRetinexEnhancer()) is None
    assert enhance_uint8_of(ZeroDCENet()) is None
    image = photographs()[0]
    for network in (Doubling(), Stretched(), Named()):
        enhance_uint8 = enhance_uint8_of(network)
        np.testing.assert_array_equal(enhance_uint8(image), network.enhance_uint8(image))
    np.testing.assert_array_equal(
        Stretched().enhance_uint8(image), the_long_way(Stretched(), image)
    )


def test_it_is_not_taken_where_somebody_watches_or_replaces_enhance():
    network = GammaEnhancer()
    for register in (network.register_forward_hook, network.register_forward_pre_hook):
        handle = register(lambda *args: None)
        assert enhance_uint8_of(network) is None
        handle.remove()
    assert enhance_uint8_of(network) is not None
    network.enhance = lambda x: x
    assert enhance_uint8_of(network) is None


@pytest.mark.parametrize(
    'function',
    [
        lambda pixels: pixels[:-1],
        lambda pixels: pixels[..., :2],
        lambda pixels: pixels[..., 0],
        lambda pixels: pixels / 255,
    ],
)
def test_pixels_of_another_shape_or_type_are_refused(function):
    with pytest.raises(AssertionError):
        map_pixels(function, planes(photographs()[0]), is_bgr=True)


@pytest.mark.parametrize('is_bgr', [True, False])
def test_pixels_come_in_rgb_and_go_back(is_bgr):
    image = planes(photographs()[0])
    seen = []

    def keep_red(pixels):
        seen.append(pixels)
        return pixels * np.array([1, 0, 0], np.uint8)

    result = map_pixels(keep_red, image, is_bgr)
    red = 2 if is_bgr else 0
    assert (seen[0][..., 0] == image[red].numpy()).all()
    assert torch.equal(result[red], image[red])
    assert result.sum() == image[red].sum()
