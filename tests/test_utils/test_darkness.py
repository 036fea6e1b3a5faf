"""Light images pass every plug-in point untouched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import MODELS as MMENGINE_MODELS

from mmsdag.apis import LowLightInferencer, enhance_folder, plan_folder
from mmsdag.datasets.transforms import EnhanceImage
from mmsdag.models.data_preprocessors.enhancement import EnhancementMixin
from mmsdag.utils.darkness import DARK_LUMA, DarknessGate, mean_luma

GAMMA = dict(type='mmsdag.GammaEnhancer')
DARK = np.full((6, 8, 3), (40, 20, 30), np.uint8)
LIGHT = np.full((6, 8, 3), (40, 190, 130), np.uint8)


def is_reddish(image: torch.Tensor) -> bool:
    """A gate: (3, H, W), RGB, [0, 1]."""
    return bool(image[0].mean() > 0.5)


def planes(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)


def brightened(image: np.ndarray) -> np.ndarray:
    """Gamma 2.2, by hand."""
    return np.rint((image / 255) ** (1 / 2.2) * 255).astype(np.uint8)


def test_mean_luma_is_that_of_opencvs_gray():
    image = np.random.default_rng(0).integers(256, size=(90, 70, 3)).astype(np.uint8)
    expected = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_BGR2GRAY).mean()
    assert mean_luma(planes(image), True).item() == pytest.approx(expected, rel=1e-5)


def test_large_images_are_sampled():
    image = np.random.default_rng(0).integers(256, size=(900, 700, 3)).astype(np.uint8)
    assert mean_luma(planes(image), True).item() == pytest.approx(
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).mean(), rel=0.02
    )


@pytest.mark.parametrize(
    'when, expected',
    [
        (None, [True, True]),
        ('dark', [True, False]),
        (0.05, [False, False]),
        (0.9, [True, True]),
        (is_reddish, [False, True]),
        ('operator:is_', None),
    ],
)
def test_conditions(when, expected):
    gate = DarknessGate(when)
    if expected is not None:
        assert gate.are_dark_arrays(np.stack([DARK, LIGHT])) == expected


@pytest.mark.parametrize('when', ['bright', 0, 1.5, 'no.module:function'])
def test_conditions_that_mean_nothing_are_refused(when):
    with pytest.raises(ValueError, match=f'when={when!r}'):
        DarknessGate(when)


def test_undefined_pixels_do_not_count_as_light():
    assert DarknessGate('dark').are_dark([torch.full((3, 4, 4), torch.nan)])


def test_masks_of_a_traced_graph_agree():
    images = torch.stack([planes(DARK), planes(LIGHT)]).flip(1) / 255
    gate = DarknessGate('dark')
    assert gate.mask(images).tolist() == gate.are_dark(images) == [True, False]


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_inferencer_leaves_light_images_of_a_batch(dtype):
    scale = 257 if dtype == np.uint16 else 1
    batch = np.stack([LIGHT, DARK]).astype(dtype) * dtype(scale)
    out = LowLightInferencer(GAMMA, device='cpu', when='dark').enhance(batch, dtype)
    np.testing.assert_array_equal(out[0], batch[0])
    np.testing.assert_allclose(out[1], brightened(DARK).astype(dtype) * scale, atol=0.5 * scale)


def test_folder_holds_light_images_as_they_are(tmp_path):
    (tmp_path / 'in').mkdir()
    cv2.imwrite(str(tmp_path / 'in' / 'dark.png'), DARK)
    cv2.imwrite(str(tmp_path / 'in' / 'light.png'), LIGHT)
    enhance_folder(
        LowLightInferencer(GAMMA, device='cpu', when='dark'),
        plan_folder(tmp_path / 'in', tmp_path / 'out'),
        progress=False,
    )
    for name, expected in (('dark', brightened(DARK)), ('light', LIGHT)):
        found = cv2.imread(str(tmp_path / 'out' / f'{name}.png'))
        np.testing.assert_array_equal(found, expected)


def test_transform_leaves_light_images_and_caches_apart(tmp_path):
    gated = EnhanceImage(GAMMA, when='dark', cache_dir=tmp_path)
    plain = EnhanceImage(GAMMA, cache_dir=tmp_path)
    assert (gated(dict(img=LIGHT.copy()))['img'] == LIGHT).all()
    assert (gated(dict(img=DARK.copy()))['img'] == brightened(DARK)).all()
    assert (plain(dict(img=LIGHT.copy()))['img'] == brightened(LIGHT)).all()


@pytest.mark.parametrize('type_', ['Det', 'Seg', 'Cls'])
def test_data_preprocessors_leave_light_images_of_a_batch(type_):
    pytest.importorskip(dict(Det='mmdet', Seg='mmseg', Cls='mmpretrain')[type_])
    preprocessor: EnhancementMixin = MMENGINE_MODELS.build(
        dict(type=f'mmsdag.Enhanced{type_}DataPreprocessor', enhancer=GAMMA, when='dark')
    )
    light, dark = preprocessor.enhance([planes(LIGHT), planes(DARK)])
    assert torch.equal(light, planes(LIGHT))
    assert torch.equal(dark, planes(brightened(DARK)))


def test_default_threshold_lies_between_the_measured_sets():
    # tools/analysis/darkness_threshold.py: all dark training images are below
    # 0.16, all light ones above 0.25.
    assert 0.16 <= DARK_LUMA <= 0.25
