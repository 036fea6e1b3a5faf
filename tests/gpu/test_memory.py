"""What happens when a GPU's memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from mmengine.registry import MODELS

import mmsdag.registry  # noqa: F401
from mmsdag.apis import LowLightInferencer

MIB = 2**20


@pytest.fixture
def limited(device: torch.device) -> Iterator[Callable[[int], None]]:
    """Return a function that leaves so many MiB of memory to allocate."""

    def limit(mebibytes: int) -> None:
        if device.type == 'cpu':
            return
        torch.cuda.empty_cache()
        total = torch.cuda.get_device_properties(device).total_memory
        bound = torch.cuda.memory_reserved() + mebibytes * MIB
        torch.cuda.set_per_process_memory_fraction(bound / total)

    yield limit
    if device.type == 'cuda':
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


def test_large_image_is_enhanced_in_smaller_tiles(
    device: torch.device,
    photograph: Callable[..., np.ndarray],
    limited: Callable[[int], None],
    exact_convolutions: None,
) -> None:
    image = photograph(1536, 2048)
    inferencer = LowLightInferencer('zero_dce.sdag', device=device)
    expected = inferencer.enhance(image)
    limited(400)
    found = inferencer.enhance(image)
    if device.type == 'cuda':  # it ran into the limit
        assert torch.cuda.memory_stats()['num_ooms'] > 0
    assert np.abs(expected.astype(int) - found).max() <= 1


def test_batch_before_a_detector_is_enhanced_in_smaller_parts(
    device: torch.device,
    photograph: Callable[..., np.ndarray],
    limited: Callable[[int], None],
    exact_convolutions: None,
) -> None:
    pytest.importorskip('mmdet')
    from mmdet.structures import DetDataSample

    preprocessor = (
        MODELS.build(
            dict(type='mmsdag.EnhancedDetDataPreprocessor', enhancer='zero_dce.sdag', chunk_size=8)
        )
        .to(device)
        .eval()
    )
    shape = (512, 512)
    batch = dict(
        inputs=[torch.from_numpy(photograph(*shape, i)).permute(2, 0, 1) for i in range(8)],
        data_samples=[
            DetDataSample(metainfo=dict(img_shape=shape, ori_shape=shape)) for _ in range(8)
        ],
    )
    with torch.no_grad():
        expected = preprocessor(batch)['inputs'].cpu()
        before = device.type == 'cuda' and torch.cuda.memory_stats()['num_ooms']
        limited(500)
        found = preprocessor(batch)['inputs'].cpu()
    if device.type == 'cuda':
        assert torch.cuda.memory_stats()['num_ooms'] > before
    torch.testing.assert_close(found, expected, atol=1.0, rtol=0)
