"""Reconstruction error of images by a frozen SDAG network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmsdag.registry import METRICS, MODELS


@METRICS.register_module()
class SDAGReconstructionError(BaseMetric):
    """Mean absolute error of a frozen SDAG's reconstruction of images.

    Stage two's guidance loss as a metric, of the enhanced images
    (``recon_error``) and of the input images (``input_recon_error``). Lower is
    better.

    Args:
        checkpoint: Weights of the SDAG network.
        sdag: Config of the network; by default that of the authors.
        amp_dtype: Precision of the network; float32 by default.
        collect_device: See :class:`mmengine.evaluator.BaseMetric`.
        prefix: Prefix of the names in the log.
    """

    def __init__(
        self,
        checkpoint: str,
        sdag: dict | None = None,
        amp_dtype: str | None = None,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.loss = MODELS.build(
            dict(
                type='mmsdag.SDAGGuidanceLoss',
                checkpoint=checkpoint,
                sdag=sdag,
                amp_dtype=amp_dtype,
            )
        )

    @torch.no_grad()
    def _error(self, image: Tensor) -> float:
        """Compute the error of one image (3, H, W), BGR, [0, 255]."""
        rgb = image.float().flip(0)[None] / 255
        return self.loss(rgb).item()

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Collect the errors of a batch's data samples."""
        for sample in data_samples:
            errors = dict(recon_error=self._error(sample['output']['pred_img']))
            if 'input' in sample:
                errors['input_recon_error'] = self._error(sample['input'])
            self.results.append(errors)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over the images."""
        return {name: float(np.mean([errors[name] for errors in results])) for name in results[0]}
