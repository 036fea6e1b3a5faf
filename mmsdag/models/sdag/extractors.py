"""Frozen early layers of VGG-16 as feature extractors."""

from __future__ import annotations

from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import normalize
from mmsdag.models.frozen import KeepsFrozen, freeze
from mmsdag.registry import MODELS

#: ImageNet weights, which it fetches when init_weights() is called.
_IMAGENET = dict(type='Pretrained', checkpoint='torchvision://vgg16')


class FrozenExtractor(KeepsFrozen, BaseModule):
    """Base of the extractors: frozen weights, always in eval mode.

    Subclasses set :attr:`out_channels` and :attr:`stride`.
    """

    init_cfg: Any
    out_channels: int
    stride: int

    def freeze(self) -> None:
        """Exclude every parameter from training."""
        freeze(self)


@MODELS.register_module()
class VGGExtractor(FrozenExtractor):
    """VGG-16 ``features[0:3]``: conv 3-64, ReLU, conv 64-64, no activation.

    What the authors of SDAG use. The default ``init_cfg`` fetches the
    ImageNet weights when :meth:`init_weights` is called; a checkpoint of SDAG
    holds them too: ``init_cfg=dict(type='Pretrained', checkpoint='sdag.pth',
    prefix='generator.extractor.')``.

    Args:
        init_cfg: Where the weights come from.
    """

    out_channels = 64
    stride = 1

    def __init__(self, init_cfg: dict | None = _IMAGENET) -> None:
        super().__init__(init_cfg=init_cfg)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1)
        )
        self.freeze()

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, 64, H, W) of images (N, 3, H, W), RGB, [0, 1]."""
        return self.features(normalize(x))


@MODELS.register_module()
class DeepVGGExtractor(FrozenExtractor):
    """VGG-16 up to ``relu5_1``, without the pooling before that layer.

    EnlightenGAN compares these features. Its authors use Caffe's weights for
    images in BGR, [0, 255]; these are torchvision's, for normalized images.

    Args:
        init_cfg: Where the weights come from; the default fetches them when
            :meth:`init_weights` is called.
    """

    out_channels = 512
    stride = 8

    def __init__(self, init_cfg: dict | None = _IMAGENET) -> None:
        super().__init__(init_cfg=init_cfg)
        from torchvision.models.vgg import cfgs, make_layers

        layers = make_layers(cfgs['D'])[:26]
        # The layers behind it keep torchvision's numbers.
        layers[23] = nn.Identity()
        self.features = layers
        self.freeze()

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, 512, H/8, W/8) of images (N, 3, H, W), RGB, [0, 1]."""
        return self.features(normalize(x))
