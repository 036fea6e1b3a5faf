"""Training of Zero-DCE (Guo et al., CVPR 2020)."""
from __future__ import annotations

from typing import Any

from torch import Tensor

from mmsdag.models.base import UnsupervisedEditModel
from mmsdag.registry import MODELS


@MODELS.register_module()
class ZeroDCE(UnsupervisedEditModel):
    """Zero-DCE with its four zero-reference losses.

    Args:
        generator: Config of the network.
        tv_loss: Illumination smoothness of the curve maps.
        spatial_loss: Spatial consistency of input and output.
        color_loss: Colour constancy of the output.
        exposure_loss: Exposure control of the output.
        **kwargs: See :class:`UnsupervisedEditModel`.
    """

    def __init__(
            self,
            generator: dict,
            tv_loss: dict = dict(  # noqa: B006
                type='mmsdag.IlluminationSmoothnessLoss', loss_weight=200.),
            spatial_loss: dict = dict(  # noqa: B006
                type='mmsdag.SpatialConsistencyLoss', loss_weight=1.),
            color_loss: dict = dict(  # noqa: B006
                type='mmsdag.ColorConstancyLoss', loss_weight=5.),
            exposure_loss: dict = dict(  # noqa: B006
                type='mmsdag.ExposureControlLoss', loss_weight=10.),
            **kwargs: Any) -> None:
        super().__init__(generator=generator, **kwargs)
        self.tv_loss = MODELS.build(tv_loss)
        self.spatial_loss = MODELS.build(spatial_loss)
        self.color_loss = MODELS.build(color_loss)
        self.exposure_loss = MODELS.build(exposure_loss)

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Loss terms of a batch (N, 3, H, W), RGB, [0, 1]."""
        enhanced, curves = self.generator(inputs)
        return dict(
            loss_tv=self.tv_loss(curves),
            loss_spa=self.spatial_loss(enhanced, inputs),
            loss_col=self.color_loss(enhanced),
            loss_exp=self.exposure_loss(enhanced))
