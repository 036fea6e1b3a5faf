"""Fidelity after the brightness is matched to the ground truth."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

from mmsdag.registry import METRICS

from .fidelity import psnr
from .image_quality import ImageMetric


@METRICS.register_module()
class MeanMatchedPSNR(ImageMetric):
    r"""``PSNR_GT_mean``: PSNR after scaling to the mean of the ground truth.

    .. math::
        \mathrm{PSNR}(\min(255, x \, \bar g_{gray} / \bar x_{gray}),\, g)

    in dB, with the mean gray levels (BT.601) of the image x and of the ground
    truth g. It measures noise and color but not brightness, which it takes
    from the ground truth: never compare it with plain PSNR. Many papers report
    it for LOL, following the code of KinD (Zhang et al., ACM MM 2019) and
    LLFlow (Wang et al., AAAI 2022).
    """

    metric = 'PSNR_GT_mean'

    def process_image(self, gt: Tensor, pred: Tensor) -> float:
        """Compare two images (3, H, W), BGR, [0, 255]."""
        target, image = (
            np.ascontiguousarray(x.detach().cpu().permute(1, 2, 0).numpy(), np.float32)
            for x in (gt, pred)
        )
        mean, wanted = (
            cv2.cvtColor(x, cv2.COLOR_BGR2GRAY).mean(dtype=np.float64) for x in (image, target)
        )
        if mean > 0:
            image = (image * (wanted / mean)).clip(0, 255)
        return psnr(image, target)
