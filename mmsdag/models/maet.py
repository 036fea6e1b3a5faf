"""MAET (Cui et al., ICCV 2021): recognize and tell how an image was darkened."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmsdag.registry import MODELS, TRANSFORMS

from .recognizer import normalization

_DEGRADATION = dict(type='mmsdag.MAETDegradation')


@MODELS.register_module()
class MAET(BaseModel):
    r"""Train a stock recognizer on images that are darkened on the fly.

    In training, well-lit images are degraded, and the recognizer sees the dark
    ones alone. A head compares the backbone's features of both and predicts
    the parameters of the degradation,

    .. math::
        L = w \,(5\,(\hat k - k)^2 + |\hat p - p|^2 / 3)

    with the exposure :math:`k` and the three other parameters :math:`p` of
    :class:`~mmsdag.datasets.transforms.MAETDegradation`. Tests run the
    recognizer alone, on images as they are.

    The orthogonal tangent regularity of the paper is left out: in the
    authors' code it is a function of gradients of the last iteration, through
    which nothing is learned.

    Args:
        recognizer: Config of a detector, segmentor or classifier with a
            ``backbone``. The paper has detectors.
        channels: Of the last features of its backbone.
        degradation: Config of the degradation.
        parameter_weight: :math:`w`; 0 trains the recognizer on darkened images,
            without the head and the backbone's second pass, by any
            degradation of this package.
        value_range: Black and white of what the data preprocessor returns,
            one number or three each; by default as it normalizes [0, 255].
        data_preprocessor: That of the recognizer.
        init_cfg: Initial weights; see :class:`mmengine.model.BaseModule`.

    Raises:
        ValueError: If ``parameter_weight`` is negative, or above 0 for a
            degradation that does not tell its parameters.
    """

    def __init__(
        self,
        recognizer: dict,
        channels: int,
        degradation: dict = _DEGRADATION,
        parameter_weight: float = 10.0,
        value_range: tuple[Any, Any] | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if parameter_weight < 0:
            raise ValueError(f'parameter_weight={parameter_weight} of MAET must not be negative')
        self.recognizer = MODELS.build(recognizer)
        self.degradation = TRANSFORMS.build(degradation)
        self.parameter_weight = parameter_weight
        if parameter_weight:
            if not hasattr(self.degradation, 'degrade_with_parameters'):
                raise ValueError(
                    f'degradation={degradation} of MAET does not tell its parameters: set '
                    'parameter_weight=0, or take mmsdag.MAETDegradation'
                )
            self.head = DegradationHead(channels)
        mean, std, *_ = normalization(self.data_preprocessor)
        ends = value_range or [
            [(value - m) / s for m, s in zip(mean, std)] for value in (0.0, 255.0)
        ]
        black, white = (
            torch.as_tensor(value, dtype=torch.float32).view(-1, 1, 1) for value in ends
        )
        self.register_buffer('black', black, persistent=False)
        self.register_buffer('white', white, persistent=False)

    def forward(
        self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'
    ) -> Any:
        """Train on dark images, or run the recognizer on images as they are.

        Args:
            inputs: (N, 3, H, W), preprocessed; well-lit ones in training.
            data_samples: Their annotations.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        return self.recognizer(inputs, data_samples, mode=mode)

    def loss(self, inputs: Tensor, data_samples: list | None) -> dict:
        """Return the recognizer's losses of dark images, and the head's.

        Args:
            inputs: Well-lit images (N, 3, H, W), preprocessed.
            data_samples: Their annotations.
        """
        scale = self.white - self.black
        light = (inputs - self.black) / scale
        if not self.parameter_weight:
            dark = self.degradation.degrade(light) * scale + self.black
            return self.recognizer.loss(dark, data_samples)
        dark, parameters = self.degradation.degrade_with_parameters(light)
        dark = dark * scale + self.black
        seen: list[Any] = []
        handle = self.recognizer.backbone.register_forward_hook(
            lambda module, inputs, output: seen.append(output[-1])
        )
        try:
            losses = self.recognizer.loss(dark, data_samples)
            self.recognizer.backbone(inputs)
        finally:
            handle.remove()
        features_dark, features_light = seen
        predicted = self.head(features_light, features_dark)
        error = (predicted - parameters) ** 2
        losses['loss_parameters'] = self.parameter_weight * (
            5 * error[:, 0].mean() + error[:, 1:].mean()
        )
        return losses


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
