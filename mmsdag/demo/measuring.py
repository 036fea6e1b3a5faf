"""Enhance the held-out photographs and measure the results."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.device import get_device
from torch import Tensor
from tqdm import tqdm

from mmsdag.evaluation.fidelity import psnr, ssim
from mmsdag.models.loading import load_enhancer
from mmsdag.models.runner import EnhancerRunner
from mmsdag.registry import MODELS
from mmsdag.utils.image_io import read_image
from mmsdag.utils.image_writer import write_image

from .options import DemoOptions
from .photographs import Photographs, to_bytes, to_tensor


class View(NamedTuple):
    """One version of one held-out photograph.

    Attributes:
        photo: Name of the photograph.
        version: A key of :data:`mmsdag.demo.page.VERSIONS`.
        picture: (H, W, 3), RGB, uint8.
        error: (H, W), mean over the channels of ``|e - SDAG(e)|``.
        metrics: Value of each metric, a key of
            :data:`mmsdag.demo.page.COLUMNS`; None where it has none.
    """

    photo: str
    version: str
    picture: np.ndarray
    error: np.ndarray
    metrics: dict[str, float | None]


@torch.no_grad()
def measure(options: DemoOptions, photographs: Photographs, sdag: dict) -> list[View]:
    """Enhance the held-out photographs and measure all versions.

    Args:
        options: Options of the demonstration; the trainings are done.
        photographs: The prepared photographs.
        sdag: Config of the SDAG network.
    """
    device = torch.device(get_device())
    guide: Any = MODELS.build(
        dict(type='mmsdag.SDAGGuidanceLoss', checkpoint=str(options.weights('sdag')), sdag=sdag)
    )
    enhancers = {
        name: EnhancerRunner(
            load_enhancer(dict(type='mmsdag.ZeroDCENet'), options.weights(name)),
            'the demonstration',
            device=device,
        )
        for name in ('unguided', 'guided')
    }
    views = []
    for path in tqdm(photographs.held_out(), desc='measure', disable=None):
        versions = dict(dark=_read_rgb(path).to(device))
        versions.update(
            {
                name: runner.enhance_rgb(versions['dark'][None])[0]
                for name, runner in enhancers.items()
            }
        )
        if photographs.paired:
            versions['reference'] = _read_rgb(photographs.folder / 'reference' / path.name).to(
                device
            )
        for version, image in versions.items():
            error = (image - guide.reconstruct(image[None])[0]).abs()
            picture = to_bytes(image)
            write_image(options.out / 'pictures' / f'{path.stem} {version}.png', picture[..., ::-1])
            reference = None if version == 'reference' else versions.get('reference')
            metrics = dict(
                guidance=error.mean().item(),
                brightness=image.mean().item(),
                **_closeness(image, reference),
            )
            views.append(View(path.stem, version, picture, error.mean(0).cpu().numpy(), metrics))
    return views


def _closeness(image: Tensor, reference: Tensor | None) -> dict[str, float | None]:
    """Compare images (3, H, W), RGB, [0, 1], as 8-bit pictures."""
    if reference is None:
        return dict.fromkeys(('psnr', 'psnr_matched', 'ssim'))
    matched = image * (reference.mean() / image.mean().clamp_min(1e-6))
    target = to_bytes(reference)
    return dict(
        psnr=float(psnr(to_bytes(image), target)),
        psnr_matched=float(psnr(to_bytes(matched), target)),
        ssim=float(ssim(to_bytes(image), target)),
    )


def _read_rgb(path: Path) -> Tensor:
    return to_tensor(read_image(path)[..., ::-1])
