"""PairLIE (Fu et al., CVPR 2023): Retinex behind a projection."""

from __future__ import annotations

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import at_least_float32
from mmsdag.registry import MODELS


@MODELS.register_module()
class PairLIENet(BaseModule):
    """Project an image, then decompose it into illumination and reflectance.

    Three networks of five 3x3 convolutions with a sigmoid: P removes what
    does not fit the Retinex model, L estimates the illumination and R the
    reflectance of P's output (section 3.2 of the paper). 341,767 weights.

    Args:
        channels: Width of each network.
        correction: Exponent of the illumination in the enhanced image
            (equation 10): the authors' 0.2, or their 0.14 for LOL.
        init_cfg: Weights; without it those of PyTorch, as the authors have
            it.

    Raises:
        ValueError: If ``correction`` is not in [0, 1].
    """

    def __init__(
        self, channels: int = 64, correction: float = 0.2, init_cfg: dict | list[dict] | None = None
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if not 0 <= correction <= 1:
            raise ValueError(f'correction={correction} of PairLIENet must be in [0, 1]')
        self.correction = correction
        self.projection = _network(channels, 3)
        self.illumination = _network(channels, 1)
        self.reflectance = _network(channels, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Enhance and decompose images.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            The enhanced images, RGB, [0, 1], their illumination (N, 1, H, W),
            their reflectance and their projection (N, 3, H, W), all [0, 1],
            in float32 at least.
        """
        projected = _unit(self.projection(x))
        inner = projected.to(x.dtype)
        light = _unit(self.illumination(inner))
        reflectance = _unit(self.reflectance(inner))
        return (light**self.correction * reflectance, light, reflectance, projected)

    def enhance(self, x: Tensor) -> Tensor:
        """Return the enhanced images alone."""
        return self(x)[0]


def _network(channels: int, outputs: int) -> nn.Sequential:
    widths = [3, *[channels] * 4, outputs]
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:]):
        layers += [
            nn.Conv2d(before, after, 3, padding=1, padding_mode='reflect'),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers[:-1])


def _unit(x: Tensor) -> Tensor:
    # In float32 even under autocast: images are divided by the illumination.
    return at_least_float32(x).sigmoid()
