"""Frozen early stages of recognition models, whose features SDAG reads."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmsdag.functional import normalize
from mmsdag.registry import MODELS


class FrozenExtractor(BaseModule):
    """Base of the extractors: no gradients to its weights, always in eval.

    Subclasses set :attr:`out_channels` and :attr:`stride`.
    """

    out_channels: int
    stride: int

    def freeze(self) -> None:
        """Take every parameter out of training."""
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FrozenExtractor:
        """Stay in eval mode: batch statistics must not drift."""
        return super().train(False)


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

    def __init__(
        self,
        init_cfg: dict | None = dict(  # noqa: B006  (mmengine copies it)
            type='Pretrained', checkpoint='torchvision://vgg16')
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, padding=1), nn.ReLU(),
            nn.Conv2d(64, 64, 3, padding=1))
        self.freeze()

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W), RGB, [0, 1], to features (N, 64, H, W)."""
        return self.features(normalize(x))


@MODELS.register_module()
class DeepVGGExtractor(FrozenExtractor):
    """VGG-16 up to ``relu5_1``, without the pooling before that layer.

    What EnlightenGAN compares. Its authors have Caffe's weights, for images
    in BGR, [0, 255]; these are torchvision's, for normalised ones.

    Args:
        init_cfg: Where the weights come from; the default fetches them when
            :meth:`init_weights` is called.
    """

    out_channels = 512
    stride = 8

    def __init__(
        self,
        init_cfg: dict | None = dict(  # noqa: B006
            type='Pretrained', checkpoint='torchvision://vgg16')
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        from torchvision.models.vgg import cfgs, make_layers
        layers = make_layers(cfgs['D'])[:26]
        # The layers behind it keep torchvision's numbers.
        layers[23] = nn.Identity()
        self.features = layers
        self.freeze()

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W), RGB, [0, 1], to (N, 512, H/8, W/8)."""
        return self.features(normalize(x))


@MODELS.register_module()
class BackboneExtractor(FrozenExtractor):
    """Early stages of any registered backbone, up to a named layer.

    The layers behind are cut away (by ``torch.fx``), so they cost neither
    time nor space in the checkpoint.

    Args:
        backbone: Config of the backbone, such as
            ``dict(type='mmdet.CSPDarknet', ...)``,
            ``dict(type='mmseg.ResNet', depth=50)`` or
            ``dict(type='torchvision.resnet18')``.
        layer: Dotted name of the last module to run: ``'stem'``,
            ``'layer1'``, ...
        mean: Mean of each channel as the recogniser's own data preprocessor
            has it: in [0, 255] and in the order that it feeds; ImageNet's
            by default.
        std: Standard deviation, likewise.
        channel_order: ``'rgb'`` or ``'bgr'``: what the backbone was trained
            on (``bgr_to_rgb=True`` in the recogniser's data preprocessor
            means ``'rgb'``).
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix=
            'backbone.')`` takes the weights out of the recogniser's own
            checkpoint.

    Raises:
        ValueError: For an unknown layer or channel order, a layer that does
            not put out one feature map, or a stride that is not whole.
    """

    def __init__(self,
                 backbone: dict,
                 layer: str,
                 mean: Sequence[float] = (123.675, 116.28, 103.53),
                 std: Sequence[float] = (58.395, 57.12, 57.375),
                 channel_order: str = 'rgb',
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(f'channel_order={channel_order!r} of '
                             "BackboneExtractor: choose 'rgb' or 'bgr'")
        self.mean = tuple(m / 255 for m in mean)
        self.std = tuple(s / 255 for s in std)
        self.channel_order = channel_order
        self.body = _cut_behind(_build_backbone(backbone), layer)
        self.freeze()
        self.out_channels, self.stride = self._probe(layer)

    def _probe(self, layer: str) -> tuple[int, int]:
        side = 64
        with torch.no_grad():
            features = self(torch.zeros(1, 3, side, side))
        if not isinstance(features, Tensor) or features.ndim != 4:
            raise ValueError(f'layer={layer!r} of BackboneExtractor does not '
                             'put out one feature map (N, C, H, W): name a '
                             'layer inside it')
        stride, rest = divmod(side, features.shape[-1])
        if rest:
            raise ValueError(
                f'layer={layer!r} of BackboneExtractor turns {side} pixels '
                f'into {features.shape[-1]}: the stride must be whole')
        return features.shape[1], stride

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, 3, H, W), RGB, [0, 1], to (N, C, H/stride, W/stride)."""
        if self.channel_order == 'bgr':
            x = x.flip(1)
        return self.body(normalize(x, self.mean, self.std))['features']

    def init_weights(self) -> None:
        """Load the early stages out of the recogniser's checkpoint.

        Raises:
            ValueError: If the checkpoint lacks some of their weights.
        """
        if not self.init_cfg:
            return
        source = self.init_cfg['checkpoint']
        prefix = self.init_cfg.get('prefix', '')
        checkpoint = CheckpointLoader.load_checkpoint(source, 'cpu')
        weights = checkpoint.get('state_dict', checkpoint)
        own = self.body.state_dict()
        found = {
            name: weights[prefix + name]
            for name in own
            if prefix + name in weights
            and weights[prefix + name].shape == own[name].shape
        }
        missing = sorted(own.keys() - found.keys())
        if missing:
            raise ValueError(
                f'checkpoint={source!r} with prefix={prefix!r} in init_cfg of '
                f'BackboneExtractor lacks {len(missing)} of {len(own)} '
                f'weights, or has them in another shape: {missing[:3]}; check '
                'the prefix and that backbone is the one of the checkpoint')
        self.body.load_state_dict(found)
        self._is_init = True


def _build_backbone(config: dict) -> nn.Module:
    """Build from any registry, or by function name from torchvision."""
    scope, _, name = config.get('type', '').rpartition('.')
    if scope == 'torchvision':
        import torchvision
        kwargs = {k: v for k, v in config.items() if k != 'type'}
        return torchvision.models.get_model(name, **kwargs)
    return MODELS.build(config)


def _cut_behind(model: nn.Module, layer: str) -> nn.Module:
    from torchvision.models.feature_extraction import create_feature_extractor

    names = [name for name, _ in model.named_modules() if name]
    if layer not in names:
        top = [name for name, _ in model.named_children()]
        raise ValueError(f'layer={layer!r} of BackboneExtractor: '
                         f'{type(model).__name__} has no such module; its '
                         f'children are {top}')
    model.eval()
    return create_feature_extractor(
        model, return_nodes={layer: 'features'})
