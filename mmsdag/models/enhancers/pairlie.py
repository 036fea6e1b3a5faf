"""Training of PairLIE (Fu et al., CVPR 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mmsdag.models.base import UnsupervisedEditModel
from mmsdag.registry import MODELS


@MODELS.register_module()
class PairLIE(UnsupervisedEditModel):
    """PairLIE: two dark shots of a scene have the same reflectance.

    The losses are equations 4 to 8 of the paper. Retinex and projection loss
    are means over both shots; the authors' code takes those of the first,
    which is either one by chance.

    Args:
        generator: Config of the network.
        consistency_loss: Distance of the shots' reflectances; by default the
            mean squared one, of weight 1.
        retinex_loss: Loss of the decomposition; weight 1.
        projection_loss: Distance of the projected image to the photograph;
            mean squared, weight 500.
        **kwargs: See :class:`UnsupervisedEditModel`.
    """

    PARTS = dict(
        consistency_loss=dict(type='mmsdag.MSELoss', loss_weight=1.0),
        retinex_loss=dict(type='mmsdag.RetinexLoss', loss_weight=1.0),
        projection_loss=dict(type='mmsdag.MSELoss', loss_weight=500.0),
    )

    def forward(
        self, inputs: Any, data_samples: Any = None, mode: str = 'tensor', **kwargs: Any
    ) -> Any:
        """See :meth:`UnsupervisedEditModel.forward`.

        Raises:
            TypeError: If ``mode='loss'`` and ``inputs`` does not hold the
                shots ``img`` and ``gt`` of each scene.
        """
        if mode == 'loss':
            if not (isinstance(inputs, Mapping) and {'img', 'gt'} <= inputs.keys()):
                raise TypeError(
                    'PairLIE trains on two shots of each scene, img and gt: give its dataset '
                    "paired='random' and its pipeline PackImages(keys=('img', 'gt'))"
                )
            inputs = torch.cat([inputs['img'], inputs['gt']])
        return super().forward(inputs, data_samples, mode, **kwargs)

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms.

        Args:
            inputs: (2N, 3, H, W), RGB, [0, 1]: N shots, then N others of the
                same scenes.
        """
        _, light, reflectance, projected = self.generator(inputs)
        return dict(
            loss_consistency=self.consistency_loss(*reflectance.chunk(2)),
            loss_retinex=self.retinex_loss(light, reflectance, projected, inputs),
            loss_projection=self.projection_loss(projected, inputs),
        )
