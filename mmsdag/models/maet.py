"""MAET (Cui et al., ICCV 2021): detect and tell how an image was darkened."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmdet.models.detectors import BaseDetector
from mmdet.registry import MODELS as DETECTORS
from torch import Tensor, nn

from mmsdag.registry import MODELS, TRANSFORMS

_DEGRADATION = dict(type='mmsdag.MAETDegradation')


@MODELS.register_module()
class MAET(BaseDetector):
    r"""Train a stock detector on images that are darkened on the fly.

    In training, well-lit images are degraded, and the detector sees the dark
    ones alone. A head compares the backbone's features of both and predicts
    the parameters of the degradation,

    .. math::
        L = w \,(5\,(\hat k - k)^2 + |\hat p - p|^2 / 3)

    with the exposure :math:`k` and the three other parameters :math:`p` of
    :class:`~mmsdag.datasets.transforms.MAETDegradation`. Tests run the
    detector alone, on images as they are.

    The orthogonal tangent regularity of the paper is left out: in the
    authors' code it is a function of gradients of the last iteration, through
    which nothing is learned.

    Args:
        detector: Config of a detector of mmdet.
        channels: Of the last features of its backbone.
        degradation: Config of the degradation.
        parameter_weight: :math:`w`; 0 trains the detector on darkened images,
            without the head and the backbone's second pass, by any
            degradation of this package.
        value_range: Black and white of what the data preprocessor returns,
            one number or three each.
        data_preprocessor: That of the detector.
        init_cfg: Initial weights; see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: If ``parameter_weight`` is negative, or above 0 for a
            degradation that does not tell its parameters.
    """

    def __init__(
        self,
        detector: dict,
        channels: int,
        degradation: dict = _DEGRADATION,
        parameter_weight: float = 10.0,
        value_range: tuple[Any, Any] = (0.0, 255.0),
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if parameter_weight < 0:
            raise ValueError(f'parameter_weight={parameter_weight} of MAET must not be negative')
        self.detector = DETECTORS.build(detector)
        self.degradation = TRANSFORMS.build(degradation)
        self.parameter_weight = parameter_weight
        if parameter_weight:
            if not hasattr(self.degradation, 'degrade_with_parameters'):
                raise ValueError(
                    f'degradation={degradation} of MAET does not tell its '
                    'parameters: set parameter_weight=0, or take '
                    'mmsdag.MAETDegradation'
                )
            self.head = DegradationHead(channels)
        black, white = (
            torch.as_tensor(value, dtype=torch.float32).view(-1, 1, 1) for value in value_range
        )
        self.register_buffer('black', black, persistent=False)
        self.register_buffer('white', white, persistent=False)

    def loss(self, batch_inputs: Tensor, batch_data_samples: list) -> dict:
        """Return the detector's losses of dark images, and the head's.

        Args:
            batch_inputs: Well-lit images (N, 3, H, W), preprocessed.
            batch_data_samples: Their annotations.
        """
        scale = self.white - self.black
        light = (batch_inputs - self.black) / scale
        if not self.parameter_weight:
            dark = self.degradation.degrade(light) * scale + self.black
            return self.detector.loss(dark, batch_data_samples)
        dark, parameters = self.degradation.degrade_with_parameters(light)
        dark = dark * scale + self.black
        seen: list[Any] = []
        handle = self.detector.backbone.register_forward_hook(
            lambda module, inputs, output: seen.append(output[-1])
        )
        try:
            losses = self.detector.loss(dark, batch_data_samples)
            self.detector.backbone(batch_inputs)
        finally:
            handle.remove()
        features_dark, features_light = seen
        predicted = self.head(features_light, features_dark)
        error = (predicted - parameters) ** 2
        losses['loss_parameters'] = self.parameter_weight * (
            5 * error[:, 0].mean() + error[:, 1:].mean()
        )
        return losses

    def predict(self, batch_inputs: Tensor, batch_data_samples: list, rescale: bool = True) -> list:
        """Detect objects in images as they are; see the detector."""
        return self.detector.predict(batch_inputs, batch_data_samples, rescale=rescale)

    def extract_feat(self, batch_inputs: Tensor) -> Any:
        """Return the detector's features."""
        return self.detector.extract_feat(batch_inputs)

    def _forward(self, batch_inputs: Tensor, batch_data_samples: list | None = None) -> Any:
        return self.detector(batch_inputs, batch_data_samples, mode='tensor')


class DegradationHead(nn.Module):
    """Predict parameters from features of an image, well-lit and dark.

    Two linear layers of the pooled features, without an activation between
    them, as in the authors' code. 2,102,276 weights for the 1,024 channels of
    their Darknet-53.

    Args:
        channels: Of the features.
        parameters: Number of parameters.
    """

    def __init__(self, channels: int, parameters: int = 4) -> None:
        super().__init__()
        self.hidden = nn.Linear(2 * channels, channels)
        self.predict = nn.Linear(channels, parameters)
        for layer in (self.hidden, self.predict):
            nn.init.zeros_(layer.bias)

    def forward(self, light: Tensor, dark: Tensor) -> Tensor:
        """Compare features (N, C, H, W) and predict (N, parameters)."""
        pooled = torch.cat([F.adaptive_avg_pool2d(x, 1).flatten(1) for x in (light, dark)], 1)
        return self.predict(self.hidden(pooled))
