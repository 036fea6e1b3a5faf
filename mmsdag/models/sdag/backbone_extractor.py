"""Early features of any recognition model, at a layer of its backbone."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmsdag.registry import MODELS
from mmsdag.utils import load_checkpoint
from mmsdag.utils.outputs import PixelFormat
from mmsdag.utils.suggestions import did_you_mean

from .extractors import FrozenExtractor
from .layer_output import FeatureLayout, from_windows, prune_behind, run_until, to_windows

#: (height, width) of the images that tell the layout of a layer's output:
#: not square, so that channels and positions cannot be confused.
_PROBE = (64, 128)
#: Arguments of torchvision's models that fetch weights at construction.
_TORCHVISION_WEIGHTS = ('weights', 'pretrained', 'weights_backbone')


@MODELS.register_module()
class BackboneExtractor(FrozenExtractor):
    """Compute the features of any backbone at a named layer.

    A forward hook takes them and ends the forward pass, so that any PyTorch
    module works: convolutional networks, Swin, ViT, PVT, MiT, HRNet, ResNeSt.
    The layers behind are removed and take neither time nor space in the
    checkpoint. Channels-last outputs and tokens are rearranged to feature
    maps; class tokens are dropped.

    Args:
        backbone: Config of the backbone in any registry, as in
            ``dict(type='mmdet.CSPDarknet', ...)`` or
            ``dict(type='mmpretrain.VisionTransformer', ...)``, or of a model
            of torchvision by name, ``dict(type='torchvision.resnet18')``.
            Its own weights (``init_cfg=dict(type='Pretrained', ...)``, or
            ``weights='DEFAULT'`` of torchvision) are loaded by
            :meth:`init_weights`.
        layer: Dotted name of the module whose output is taken, as in
            ``'stem'``, ``'layer1'`` or ``'stages.0'``. The first output
            counts if it is called several times.
        index: Item of a layer's output that is a list, tuple or dict: a
            stage of mmdet's Swin puts out ``(next_x, next_size, x, size)``,
            one of HRNet a list of resolutions.
        mean: Mean of each channel as in the recognition model's own data
            preprocessor: in [0, 255] and in the order of its input;
            ImageNet's by default.
        std: Standard deviation, likewise.
        channel_order: Input of the backbone: ``'rgb'`` or ``'bgr'``
            (``bgr_to_rgb=True`` in the recognition model's data preprocessor
            means ``'rgb'``).
        input_size: Side in pixels of the only images that the backbone
            takes, such as 224 for torchvision's ViT. Images are then
            processed in windows of that size.
        allow_random: Accept a backbone without pretrained weights.
        init_cfg: ``dict(type='Pretrained', checkpoint=..., prefix=
            'backbone.')`` takes the weights out of the recognition model's
            own checkpoint, instead of those that ``backbone`` names.

    Attributes:
        out_channels: Number of channels of the features.
        stride: Pixels of the image per position of the features.

    Raises:
        ValueError: For an unknown layer or channel order, a layer that does
            not put out one feature map, a stride that is not whole, or a
            backbone that does not take the images.
    """

    def __init__(
        self,
        backbone: dict,
        layer: str,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        channel_order: str = 'rgb',
        init_cfg: dict | None = None,
        index: int | str | None = None,
        input_size: int | None = None,
        allow_random: bool = False,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.pixels = PixelFormat(
            'BackboneExtractor',
            channel_order=channel_order,
            value_range=(0, 255),
            mean=mean,
            std=std,
        )
        self.layer = layer
        self.index = index
        self.input_size = input_size
        self.allow_random = allow_random
        self._backbone = copy.deepcopy(backbone)
        self._where = f'layer={layer!r} of BackboneExtractor'
        self.body = _build_backbone(backbone, with_weights=False)
        self._check_layer()
        self.freeze()
        self.layout = self._probe()
        self.out_channels = self.layout.channels
        self.stride = self.layout.stride
        self._check_window()

    def _check_layer(self) -> None:
        names = [name for name, _ in self.body.named_modules() if name]
        if self.layer not in names:
            top = [name for name, _ in self.body.named_children()]
            raise ValueError(
                f'{self._where}: {type(self.body).__name__} has no such module; '
                f'{did_you_mean(self.layer, names)} Its children are {top}'
            )

    def _check_window(self) -> None:
        if self.input_size and self.input_size % self.stride:
            raise ValueError(
                f'input_size={self.input_size} of BackboneExtractor: must be '
                f'a multiple of the stride of the layer, {self.stride}'
            )

    @torch.no_grad()
    def _probe(self) -> FeatureLayout:
        """Learn the layout of the features; drop what they do not need."""
        size = (self.input_size,) * 2 if self.input_size else _PROBE
        images = torch.zeros(1, 3, *size)
        try:
            prune_behind(self.body, self.layer, images)
            features = self._features(images)
        except (AssertionError, RuntimeError) as error:
            raise ValueError(
                f'backbone={self._backbone} of BackboneExtractor does not '
                f'take images of {size[1]}x{size[0]} pixels: {error}; set '
                'input_size to the size that it takes, such as 224'
            ) from error
        return FeatureLayout.of(features, size, self._where)

    def _features(self, pixels: Tensor) -> Tensor:
        output = run_until(self.body, self.layer, pixels)
        if self.index is not None:
            try:
                return output[self.index]
            except (IndexError, KeyError, TypeError):
                raise ValueError(
                    f'index={self.index!r} of BackboneExtractor: the output of '
                    f'layer={self.layer!r} has no such item; {_contents(output)}'
                ) from None
        if isinstance(output, (list, tuple, Mapping)):
            raise ValueError(
                f'{self._where} puts out several items: set '
                f'index to one of them; {_contents(output)}'
            )
        return output

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1]; H and W are multiples of
                :attr:`stride`.

        Returns:
            Features (N, C, H / stride, W / stride).
        """
        height, width = x.shape[-2:]
        pixels = self.pixels.encode(x)
        if not self.input_size:
            return self.layout.to_maps(self._features(pixels), (height, width))
        windows, grid = to_windows(pixels, self.input_size)
        maps = self.layout.to_maps(self._features(windows), (self.input_size,) * 2)
        return from_windows(maps, grid)[..., : height // self.stride, : width // self.stride]

    def init_weights(self) -> None:
        """Load the pretrained weights of the layers.

        They come from ``init_cfg``, else from where ``backbone`` says.

        Raises:
            ValueError: If neither names any, unless ``allow_random``, or the
                checkpoint lacks some of the weights.
        """
        if self.init_cfg:
            weights = self._from_checkpoint()
        elif _has_pretrained(self._backbone, self.body):
            weights = self._from_backbone()
        elif self.allow_random:
            return
        else:
            raise ValueError(
                f'backbone={self._backbone} of BackboneExtractor has no pretrained weights, and '
                "random features guide nothing: set init_cfg=dict(type='Pretrained', "
                "checkpoint=..., prefix='backbone.') here or in backbone, or weights='DEFAULT' of "
                'a model of torchvision; allow_random=True accepts it'
            )
        self.body.load_state_dict(weights)
        self._is_init = True

    def _from_checkpoint(self) -> dict[str, Tensor]:
        """Weights of the layers in the recognition model's checkpoint."""
        source = self.init_cfg['checkpoint']
        prefix = self.init_cfg.get('prefix', '')
        checkpoint = load_checkpoint(source)
        weights = checkpoint.get('state_dict', checkpoint)
        own = self.body.state_dict()
        found = {
            name: weights[prefix + name]
            for name in own
            if prefix + name in weights and weights[prefix + name].shape == own[name].shape
        }
        missing = sorted(own.keys() - found.keys())
        if missing:
            raise ValueError(
                f'checkpoint={source!r} with prefix={prefix!r} in init_cfg of BackboneExtractor '
                f'lacks {len(missing)} of {len(own)} weights, or has them in another shape: '
                f'{missing[:3]}; check the prefix and that backbone is the one of the checkpoint'
            )
        return found

    def _from_backbone(self) -> dict[str, Tensor]:
        """Weights of the layers, as the whole backbone initializes itself."""
        whole = _build_backbone(self._backbone, with_weights=True)
        before = {k: v.clone() for k, v in whole.named_parameters()}
        names = self.body.state_dict().keys()
        if not _is_torchvision(self._backbone):
            whole.init_weights()  # type: ignore[operator]
            # MMEngine only logs the weights that a checkpoint lacks.
            kept = [
                name
                for name, value in whole.named_parameters()
                if name in names and value.ndim > 1 and torch.equal(value, before[name])
            ]
            if kept:
                raise ValueError(
                    f'init_cfg={whole.init_cfg} of the backbone of '
                    f'BackboneExtractor has no weights for {len(kept)} '
                    f'parameters: {kept[:3]}; check its checkpoint and prefix'
                )
        state = whole.state_dict()
        return {name: state[name] for name in names}


def _contents(output: Any) -> str:
    """Describe the items of a layer's output."""
    if isinstance(output, Tensor):
        return f'it is a tensor of shape {tuple(output.shape)}'
    items = output.items() if isinstance(output, Mapping) else enumerate(output)
    return 'it has ' + ', '.join(
        f'{key}: {tuple(value.shape)}'
        if isinstance(value, Tensor)
        else f'{key}: {type(value).__name__}'
        for key, value in items
    )


def _is_torchvision(config: Mapping) -> bool:
    return str(config.get('type', '')).startswith('torchvision.')


def _build_backbone(config: Mapping, with_weights: bool) -> nn.Module:
    """Build a backbone from any registry, or by name from torchvision."""
    if not _is_torchvision(config):
        return MODELS.build(dict(config))
    import torchvision

    kwargs = {
        key: value
        for key, value in config.items()
        if key != 'type' and (with_weights or key not in _TORCHVISION_WEIGHTS)
    }
    name = config['type'].rpartition('.')[2]
    return torchvision.models.get_model(name, **kwargs)


def _has_pretrained(config: Mapping, backbone: nn.Module) -> bool:
    if _is_torchvision(config):
        return any(config.get(key) for key in _TORCHVISION_WEIGHTS)
    init_cfg = getattr(backbone, 'init_cfg', None) or ()
    if isinstance(init_cfg, Mapping):
        init_cfg = [init_cfg]
    return any(
        str(item.get('type')).endswith(('Pretrained', 'PretrainedInit')) for item in init_cfg
    )
