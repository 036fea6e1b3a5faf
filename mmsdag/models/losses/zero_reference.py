"""Zero-reference losses of Zero-DCE (Guo et al., CVPR 2020, Sec. 3.3).

Constants follow the authors' code; where it differs from the paper, a
comment says so. Images are (N, 3, H, W), RGB, [0, 1].
"""

from __future__ import annotations

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmsdag.registry import MODELS


def _pooled_gray(images: Tensor, patch_size: int, loss: str) -> Tensor:
    if min(images.shape[-2:]) < patch_size:
        raise ValueError(
            f'{loss} pools patches of patch_size={patch_size} pixels, the image has '
            f'{images.shape[-2]}x{images.shape[-1]}: use larger crops or a smaller patch_size'
        )
    return F.avg_pool2d(images.mean(1, keepdim=True), patch_size)


@MODELS.register_module()
class SpatialConsistencyLoss(BaseModule):
    """Keep the differences between neighboring regions (Eq. 5).

    Gray images are averaged over patches; the squared change of the
    difference to each of the four neighbors is summed and averaged over the
    patches. Outside the image counts as black, as in the authors' code.

    Args:
        patch_size: Side of a region in pixels.
        loss_weight: Weight of the term.
    """

    def __init__(self, patch_size: int = 4, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.loss_weight = loss_weight

    def forward(self, enhanced: Tensor, low: Tensor) -> Tensor:
        """Compute the scalar loss of ``enhanced`` against its input."""
        # d(enhanced) - d(low) = d(enhanced - low): one difference image.
        change = _pooled_gray(enhanced - low, self.patch_size, 'SpatialConsistencyLoss')
        padded = F.pad(change, (1, 1, 1, 1))
        rows = padded[..., 1:, 1:-1] - padded[..., :-1, 1:-1]
        columns = padded[..., 1:-1, 1:] - padded[..., 1:-1, :-1]
        # An inner edge is seen from both of its sides, a border one from one.
        squares = (
            rows[..., 1:, :].square().sum()
            + rows[..., :-1, :].square().sum()
            + columns[..., 1:].square().sum()
            + columns[..., :-1].square().sum()
        )
        return self.loss_weight * squares / change.numel()


@MODELS.register_module()
class ExposureControlLoss(BaseModule):
    """Bring the mean of each patch to a well-exposed level (Eq. 6).

    The squared distance, as in the authors' code; the paper prints the
    absolute one.

    Args:
        patch_size: Side of a patch in pixels.
        level: Well-exposed gray level, [0, 1].
        loss_weight: Weight of the term.
    """

    def __init__(self, patch_size: int = 16, level: float = 0.6, loss_weight: float = 10.0) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.level = level
        self.loss_weight = loss_weight

    def forward(self, enhanced: Tensor) -> Tensor:
        """Compute the scalar loss of ``enhanced``."""
        gray = _pooled_gray(enhanced, self.patch_size, 'ExposureControlLoss')
        return self.loss_weight * (gray - self.level).square().mean()


@MODELS.register_module()
class ColorConstancyLoss(BaseModule):
    """Gray world: pull the means of the three channels together (Eq. 7).

    The root of the summed fourth powers of the channel differences, as in
    the authors' code; the paper prints the sum of squares.

    Args:
        loss_weight: Weight of the term.
    """

    def __init__(self, loss_weight: float = 5.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, enhanced: Tensor) -> Tensor:
        """Compute the scalar loss of ``enhanced``."""
        red, green, blue = enhanced.mean((2, 3)).unbind(1)
        fourth = (red - green) ** 4 + (red - blue) ** 4 + (green - blue) ** 4
        # The root's slope at zero, a gray batch, is infinite: 0 * inf = nan.
        return self.loss_weight * fourth.clamp_min(1e-24).sqrt().mean()


@MODELS.register_module()
class IlluminationSmoothnessLoss(BaseModule):
    """Total variation of the curve maps (Eq. 8).

    Squared differences of neighbors, averaged per direction over positions
    and over the batch, summed over the channels, times two, as in the
    authors' code.

    Args:
        loss_weight: Weight of the term.
    """

    def __init__(self, loss_weight: float = 200.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, curves: Tensor) -> Tensor:
        """Compute the scalar loss of curve maps (N, C, H, W)."""
        rows = F.mse_loss(curves[:, :, 1:], curves[:, :, :-1])
        columns = F.mse_loss(curves[..., 1:], curves[..., :-1])
        return self.loss_weight * 2 * curves.shape[1] * (rows + columns)
