"""Use any image-to-image network as an enhancer."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Union

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.registry import MODELS
from mmsdag.utils.outputs import PixelFormat, image_in

ModuleLike = Union[Mapping, str, nn.Module]


@MODELS.register_module()
class EnhancerWrapper(BaseModule):
    """Wrap a network of another package as an enhancer.

    It converts between RGB, [0, 1], and the network's pixel format, pads images
    to multiples of ``size_divisor``, and selects the image in the network's
    output. The network is the submodule ``module``; a checkpoint that was
    saved without the wrapper, whose weights lack that prefix, loads too.

    Args:
        module: The network: its config in any OpenMMLab registry, as in
            ``dict(type='mmagic.NAFNet', img_channels=3)``; a class or
            function that makes it, as in ``'torchvision.models.segmentation:'
            'fcn_resnet50'``; or itself, already built.
        kwargs: Arguments of the class or function.
        inputs: The pixels that the network takes: ``channel_order``
            (``'rgb'`` or ``'bgr'``), ``value_range`` (its values for black
            and white), and, of these values, in that order, the ``mean`` that
            is subtracted and the ``std`` that then divides.
        outputs: The pixels that it puts out, described likewise; by default
            as it takes them.
        output: Which of its outputs is the image: an index of a tuple, a key
            of a dict, an attribute; ``None`` takes a tensor, or the first of
            a tuple.
        size_divisor: Images are padded to multiples of it, by repeating their
            last rows and columns; the output is cropped again. Tiles of large
            images start on multiples of it.
        init_cfg: Initial weights, for example
            ``dict(type='Pretrained', checkpoint='theirs.pth')``.

    Raises:
        ImportError: If there is no such package or module.
        TypeError: If ``module`` is not a network, or does not return one.
        ValueError: For another argument out of its range, or (called) an
            output that is no image of the input's size.

    Example:
        >>> dict(type='mmsdag.EnhancerWrapper',
        ...      module='torchvision.models.segmentation:fcn_resnet50',
        ...      kwargs=dict(num_classes=3, weights_backbone=None),
        ...      inputs=dict(mean=(.485, .456, .406), std=(.229, .224, .225)),
        ...      outputs=dict(value_range=(-1, 1)),
        ...      output='out')
    """

    def __init__(
        self,
        module: ModuleLike,
        kwargs: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, Any] | None = None,
        output: int | str | None = None,
        size_divisor: int = 1,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if size_divisor < 1:
            raise ValueError(f'size_divisor={size_divisor} of EnhancerWrapper must be 1 or more')
        if kwargs and not isinstance(module, str):
            raise ValueError(
                f'kwargs={kwargs} of EnhancerWrapper: are for a '
                "module that is named, as in 'package:Class'"
            )
        #: Whether the network came built, with the weights that it has.
        self.has_weights = isinstance(module, nn.Module)
        self.module = _build(module, kwargs or {})
        if self.has_weights or not isinstance(self.module, BaseModule):
            # MMEngine would call its init_weights(), if it has one of that
            # name, and undo what its constructor did.
            self.module.is_init = True  # type: ignore[assignment]
        self.output = output
        self.size_divisor = size_divisor
        owner = 'EnhancerWrapper'
        self._inputs = PixelFormat(owner, 'inputs.', **(inputs or {}))
        self._outputs = PixelFormat(owner, 'outputs.', **(outputs or inputs or {}))
        self._register_load_state_dict_pre_hook(self._add_prefix)

    def forward(self, x: Tensor) -> Tensor:
        """Run the network on images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The same shape, RGB, nominally [0, 1] but not clipped: a clipped
            pixel would have no gradient that brings it back.
        """
        height, width = x.shape[-2:]
        pixels = self._inputs.encode(x)
        divisor = self.size_divisor
        if height % divisor or width % divisor:
            pixels = F.pad(pixels, (0, -width % divisor, 0, -height % divisor), mode='replicate')
        where = f'output={self.output!r} of EnhancerWrapper({type(self.module).__name__})'
        image = image_in(self.module(pixels), self.output, where)
        if image.shape != pixels.shape:
            raise ValueError(
                f'{where}: has the shape {tuple(image.shape)}, its input {tuple(pixels.shape)}; an '
                'enhancer keeps the size'
            )
        image = image[..., :height, :width]
        # Half precision would round the steps of an 8-bit image once more.
        return self._outputs.decode(image.to(torch.promote_types(x.dtype, torch.float32)))

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images and clip them to [0, 1]."""
        return self(x).clamp(0, 1)

    def _add_prefix(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Add the prefix ``module.`` to weights that were saved without it."""
        names = {key[len(prefix) :] for key in state_dict if key.startswith(prefix)}
        if not names & self.state_dict().keys():
            for name in names:
                state_dict[f'{prefix}module.{name}'] = state_dict.pop(prefix + name)


def _build(module: ModuleLike, kwargs: Mapping[str, Any]) -> nn.Module:
    if isinstance(module, Mapping):
        built = MODELS.build(module)
    elif isinstance(module, str):
        built = _named(module)(**kwargs)
    else:
        built = module
    if not isinstance(built, nn.Module):
        raise TypeError(
            f'module={module!r} of EnhancerWrapper gives a '
            f'{type(built).__name__}, not a torch.nn.Module'
        )
    return built


def _named(name: str) -> Any:
    package, _, attribute = name.partition(':')
    if not attribute:
        raise ValueError(
            f'module={name!r} of EnhancerWrapper: name a class '
            "or function as 'package.module:Class'"
        )
    try:
        return getattr(import_module(package), attribute)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f'module={name!r} of EnhancerWrapper: {error}; install its package, or add its folder '
            'to PYTHONPATH'
        ) from error
