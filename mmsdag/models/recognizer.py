"""Features of a frozen recognizer at several depths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Union

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmsdag.models.dense_scores import dense_logits, sigmoid_classes
from mmsdag.models.frozen import KeepsFrozen, freeze
from mmsdag.utils.checkpoint import check_finite, load_checkpoint

ConfigLike = Union[str, 'os.PathLike[str]', Mapping]

#: Modules whose outputs are compared by default, if the model has them.
DEFAULT_LAYERS = ('backbone', 'neck')


class RecognizerFeatures(KeepsFrozen):
    """Run a frozen mmdet, mmseg or mmpretrain model and return its features.

    Gradients flow to the images, not to the weights. The model is in eval
    mode and its own normalization is applied.

    Args:
        config: Config of the recognizer: a path, a name as in
            ``'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'``, a ``Config``, or
            the dict of the model.
        checkpoint: Weights of the recognizer.
        layers: Dotted names of the modules whose outputs are compared;
            by default those of :data:`DEFAULT_LAYERS` that the model has.
            The logits, what the model returns for ``mode='tensor'``, are
            always the last features.
        cfg_options: Changes of ``config``, as in
            :meth:`mmengine.Config.merge_from_dict`.
        scale_factor: Factor by which images are resized (bilinearly) before
            they are normalized, as the recognizer's test pipeline does after
            the enhancer: 416 / 512 for images of 512 pixels before a detector
            that runs at 416. Resizing averages noise.

    Raises:
        FileNotFoundError: If the config or the checkpoint is missing.
        ValueError: If there is no model in the config, a layer is missing,
            the checkpoint does not fit the model, or is not finite, or
            ``scale_factor`` is not above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        config: ConfigLike,
        checkpoint: str | os.PathLike[str],
        layers: Sequence[str] | None = None,
        cfg_options: Mapping[str, Any] | None = None,
        scale_factor: float = 1.0,
    ) -> None:
        super().__init__()
        if not scale_factor > 0:
            raise ValueError(f'scale_factor={scale_factor!r} of a recognizer: must be above 0')
        self.scale_factor = float(scale_factor)
        self.model = build_recognizer(config, cfg_options)
        load_weights(self.model, checkpoint)
        freeze(self.model)
        children = dict(self.model.named_modules())
        names = list(layers or (n for n in DEFAULT_LAYERS if n in children))
        missing = [name for name in names if name not in children]
        if missing:
            raise ValueError(
                f'layers={list(layers or ())!r} of a recognizer: '
                f'{type(self.model).__name__} has no module {missing}; its '
                f'children are {[n for n, _ in self.model.named_children()]}'
            )
        self.layers = names
        mean, std, self.is_rgb, self.divisor = normalization(
            self.model.get_submodule('data_preprocessor')
        )
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Compute the features of images.

        Args:
            images: (N, 3, H, W), RGB, [0, 1].

        Returns:
            The tensors that the layers put out, then the logits.
        """
        found: dict[str, list[Tensor]] = {}

        def keep(name: str) -> Any:

            def hook(module: nn.Module, args: Any, output: Any) -> None:
                found[name] = list(_tensors(output))

            return hook

        modules = dict(self.model.named_modules())
        handles = [modules[name].register_forward_hook(keep(name)) for name in self.layers]
        try:
            logits = self.model(self._encode(images), mode='tensor')
        finally:
            for handle in handles:
                handle.remove()
        features = [value for name in self.layers for value in found.get(name, [])]
        return features + list(_tensors(logits))

    @property
    def has_sigmoid_scores(self) -> bool:
        """Whether each class has a probability of its own."""
        return sigmoid_classes(self.model) is not None

    def class_scores(self, images: Tensor) -> Tensor:
        """Compute the logits of a classifier, segmentor or dense detector.

        Args:
            images: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N, K) of K classes, or (N, K, h, w); of a detector (N, K, P) at P
            locations, see :func:`~mmsdag.models.dense_scores.dense_logits`.
            They are logits of a softmax over the classes, or of sigmoids if
            :attr:`has_sigmoid_scores`.

        Raises:
            ValueError: If the model puts out something else.
        """
        logits = self.model(self._encode(images), mode='tensor')
        classes = sigmoid_classes(self.model)
        if classes is not None:
            return dense_logits(logits, classes)
        if not isinstance(logits, Tensor) or logits.ndim < 2 or (logits.shape[1] < 2):
            found = (
                f'a tensor {tuple(logits.shape)}'
                if isinstance(logits, Tensor)
                else f'a {type(logits).__name__}'
            )
            raise ValueError(
                f'{type(self.model).__name__} in recognizers returns {found} '
                'where class scores (N, K) or (N, K, h, w) of two or more '
                'classes are needed: name a classifier with its head, a '
                'segmentor, or a one-stage detector with sigmoid scores'
            )
        return logits

    def _encode(self, images: Tensor) -> Tensor:
        if self.scale_factor != 1:
            images = F.interpolate(images, scale_factor=self.scale_factor, mode='bilinear')
        pixels = images if self.is_rgb else images.flip(1)
        pixels = (pixels * 255 - self.mean) / self.std
        height, width = pixels.shape[2:]
        return F.pad(pixels, (0, -width % self.divisor, 0, -height % self.divisor))


def _tensors(output: Any) -> Iterator[Tensor]:
    """Collect the floating-point tensors in nested tuples, lists and dicts."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield output
    elif isinstance(output, Mapping):
        yield from _tensors(list(output.values()))
    elif isinstance(output, Iterable) and not isinstance(output, str):
        for item in output:
            yield from _tensors(item)


def build_recognizer(config: ConfigLike, options: Mapping[str, Any] | None = None) -> nn.Module:
    """Build the model of a config, without weights.

    Args:
        config: See :class:`RecognizerFeatures`.
        options: Changes of ``config``.

    Raises:
        FileNotFoundError: If the config is missing.
        ValueError: If there is no model in it.
    """
    node: Any = config
    if isinstance(config, (str, os.PathLike)):
        name = os.fspath(config)
        if '::' not in name and not os.path.isfile(name):
            raise FileNotFoundError(
                f'config={name!r} of a recognizer does not exist: give a '
                "file, or a name as in 'mmdet::yolox/yolox_nano_8xb8-300e_"
                "coco.py'"
            )
        node = get_config(name) if '::' in name else Config.fromfile(name)
    if options:
        node = Config(dict(node))
        node.merge_from_dict(dict(options))
    model = node.get('model', node)
    if 'type' not in model:
        raise ValueError(f'config={config!r} of a recognizer has no model with a type')
    model = dict(model)
    # mmpretrain has the data preprocessor beside the model.
    if 'data_preprocessor' in node and 'data_preprocessor' not in model:
        model['data_preprocessor'] = node['data_preprocessor']
    model.pop('init_cfg', None)
    scope = node.get('default_scope') or DefaultScope.get_current_instance()
    with DefaultScope.overwrite_default_scope(scope if isinstance(scope, str) else None):
        built = MMENGINE_MODELS.build(model)
    # Stock data preprocessors keep whether they convert, not from what.
    given = model.get('data_preprocessor')
    if isinstance(given, Mapping) and given.get('rgb_to_bgr'):
        built.data_preprocessor._is_bgr = False
    return built


def load_weights(model: nn.Module, checkpoint: str | os.PathLike[str]) -> None:
    """Load the weights of a recognizer, without its data preprocessor's.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If it does not fit, or is not finite.
    """
    weights = load_checkpoint(os.fspath(checkpoint))
    weights = weights.get('state_dict', weights)
    own = {
        name: value
        for name, value in model.state_dict().items()
        if not name.startswith('data_preprocessor.')
    }
    unfit = [
        name
        for name, value in own.items()
        if name not in weights or weights[name].shape != value.shape
    ]
    if unfit:
        raise ValueError(
            f'checkpoint={str(checkpoint)!r} of a recognizer lacks '
            f'{len(unfit)} weights of {type(model).__name__}, or they are of '
            f'another shape, e.g. {unfit[:3]}: give the checkpoint of this '
            'config'
        )
    weights = {name: weights[name] for name in own}
    check_finite(weights, checkpoint)
    model.load_state_dict(weights, strict=False)


def normalization(
    preprocessor: nn.Module, is_bgr: bool | None = None
) -> tuple[list[float], list[float], bool, int]:
    """Read how a data preprocessor normalizes images.

    Args:
        preprocessor: The data preprocessor.
        is_bgr: Whether its inputs are BGR; by default as it says itself, or
            :func:`build_recognizer` of it.

    Returns:
        Mean and standard deviation in [0, 255], whether the model's images
        are RGB, and the divisor of their size.
    """
    mean, std = [0.0] * 3, [1.0] * 3
    buffers = dict(preprocessor.named_buffers())
    if 'mean' in buffers:
        mean = buffers['mean'].flatten().tolist()
        std = buffers['std'].flatten().tolist()
    # mmdet, mmseg and mmpretrain name the conversion differently.
    converts = any(
        bool(getattr(preprocessor, name, False))
        for name in ('_channel_conversion', 'channel_conversion', 'to_rgb')
    )
    if is_bgr is None:
        is_bgr = getattr(preprocessor, '_is_bgr', True)
    return mean, std, converts == is_bgr, getattr(preprocessor, 'pad_size_divisor', 1)
