"""Training of SCI (Ma et al., CVPR 2022)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mmsdag.models.base import UnsupervisedEditModel
from mmsdag.registry import MODELS

from .sci_net import retinex


@MODELS.register_module()
class SCI(UnsupervisedEditModel):
    """SCI with its two losses, summed over the stages.

    Each stage estimates the illumination of its input. From the second stage
    on, the calibration network computes the input from the image and its
    enhancement by the previous stage. Inference and guidance use the first
    stage.

    Args:
        generator: Config of the network.
        num_stages: Stages of a training step.
        fidelity_loss: Distance of the illumination to the stage's input; by
            default the mean squared one, of weight 1.5.
        smoothness_loss: Smoothness of the illumination along that input;
            weight 1.
        **kwargs: See :class:`UnsupervisedEditModel`.

    Raises:
        ValueError: If there is no stage.
    """

    PARTS = dict(
        fidelity_loss=dict(type='mmsdag.MSELoss', loss_weight=1.5),
        smoothness_loss=dict(type='mmsdag.NeighborSmoothnessLoss', loss_weight=1.0),
    )

    def __init__(self, generator: dict, num_stages: int = 3, **kwargs: Any) -> None:
        super().__init__(generator=generator, **kwargs)
        if num_stages < 1:
            raise ValueError(f'num_stages={num_stages} of SCI must be one or more')
        self.num_stages = num_stages

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms of a batch (N, 3, H, W), RGB, [0, 1]."""
        image = inputs
        enhanced, illumination = self.generator(inputs)
        losses = self._stage_losses(image, illumination)
        for _ in range(1, self.num_stages):
            # Nothing is detached: the losses train the calibration too.
            image = self.generator.calibrate(inputs, enhanced)
            illumination = self.generator.illuminate(image)
            enhanced = retinex(inputs, illumination)
            for name, term in self._stage_losses(image, illumination).items():
                losses[name] = losses[name] + term
        return losses

    def _stage_losses(self, image: Tensor, illumination: Tensor) -> dict[str, Tensor]:
        return dict(
            loss_fidelity=self.fidelity_loss(illumination, image),
            loss_smooth=self.smoothness_loss(illumination, image),
        )
