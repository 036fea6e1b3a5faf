"""Training of Zero-DCE (Guo et al., CVPR 2020)."""

from __future__ import annotations

from torch import Tensor

from mmsdag.models.base import UnsupervisedEditModel
from mmsdag.registry import MODELS


@MODELS.register_module()
class ZeroDCE(UnsupervisedEditModel):
    """Zero-DCE with its four zero-reference losses.

    Args:
        generator: Config of the network.
        tv_loss: Illumination smoothness of the curve maps; by default of
            weight 200.
        spatial_loss: Spatial consistency of input and output; weight 1.
        color_loss: Color constancy of the output; weight 5.
        exposure_loss: Exposure control of the output; weight 10.
        **kwargs: See :class:`UnsupervisedEditModel`.
    """

    PARTS = dict(
        tv_loss=dict(type='mmsdag.IlluminationSmoothnessLoss', loss_weight=200.0),
        spatial_loss=dict(type='mmsdag.SpatialConsistencyLoss', loss_weight=1.0),
        color_loss=dict(type='mmsdag.ColorConstancyLoss', loss_weight=5.0),
        exposure_loss=dict(type='mmsdag.ExposureControlLoss', loss_weight=10.0),
    )

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms of a batch (N, 3, H, W), RGB, [0, 1]."""
        enhanced, curves = self.generator(inputs)
        return dict(
            loss_tv=self.tv_loss(curves),
            loss_spa=self.spatial_loss(enhanced, inputs),
            loss_col=self.color_loss(enhanced),
            loss_exp=self.exposure_loss(enhanced),
        )
