"""Put an enhancer in front of a model of any package."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, Union

import numpy as np
import torch
from torch import Tensor, nn

from mmsdag.models.frozen import KeepsFrozen, freeze, hide
from mmsdag.models.loading import EnhancerLike, load_enhancer
from mmsdag.models.runner import EnhancerRunner
from mmsdag.utils.darkness import When
from mmsdag.utils.outputs import PixelFormat

Images = Union[Tensor, np.ndarray, Sequence[Tensor], Sequence[np.ndarray]]


class EnhancedModel(KeepsFrozen):
    """Enhance images before a model: a module, or any other callable.

    For models outside of OpenMMLab: torchvision's detectors and segmentors,
    timm's classifiers, Ultralytics' YOLO, functions of BGR arrays. Called
    with what the model takes, it returns what the model returns. The first
    argument holds the images:

    - a tensor (N, 3, H, W) or (3, H, W), floating point or uint8;
    - an array (H, W, 3) or (N, H, W, 3), floating point, uint8 or uint16;
    - a list or tuple of these, of any sizes.

    The model gets the same kind, shape, type, channel order and range.
    Integers span their type's range; floating point is what ``value_range``,
    ``mean`` and ``std`` say.

    Args:
        model: The model. A module becomes a submodule, if its ``train`` is a
            module's ``train(mode)`` (that of Ultralytics starts a training).
        enhancer: Config or name of the enhancer, see
            :func:`mmsdag.models.loading.network_config`; or a module with
            ``enhance(x)``, images (N, 3, H, W), RGB, [0, 1], to the same.
        checkpoint: Weights of the enhancer; None for one without any, or
            called by its name.
        channel_order: Of the model's images: ``'rgb'`` or ``'bgr'``.
        value_range: Black and white of its floating-point images.
        mean: What was subtracted from each channel of its images, in the
            units of ``value_range`` and in ``channel_order``, as for timm's
            classifiers.
        std: What they were then divided by, likewise.
        trainable: Train the enhancer with the model. Frozen, it stays in eval
            mode and has no gradients.
        when: Images to enhance, see :data:`mmsdag.utils.darkness.When`.
        amp_dtype: Precision of the enhancer: ``None``, ``'bfloat16'``,
            ``'float16'`` or ``'auto'``.

    Raises:
        TypeError: If ``model`` is not callable, or (called) for images of
            another kind.
        ValueError: For an option out of its range, an enhancer that does not
            build, or (called) images of another shape.

    Example:
        >>> detector = torchvision.models.detection.ssdlite320_mobilenet_v3_large()
        >>> model = EnhancedModel(detector, 'zero_dce.sdag', channel_order='rgb')
        >>> boxes = model.eval()([torch.rand(3, 240, 320)])[0]['boxes']
    """  # noqa: E501

    def __init__(
        self,
        model: Callable[..., Any],
        enhancer: EnhancerLike | nn.Module,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        channel_order: str,
        value_range: Sequence[float] = (0.0, 1.0),
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        trainable: bool = False,
        when: When = None,
        amp_dtype: str | None = None,
    ) -> None:
        super().__init__()
        if not callable(model):
            raise TypeError(
                f'model={model!r} of EnhancedModel: must be a module, or another callable'
            )
        self.format = PixelFormat('EnhancedModel', '', channel_order, value_range, mean, std)
        self.trainable = trainable
        if isinstance(enhancer, nn.Module):
            if not callable(getattr(enhancer, 'enhance', None)):
                raise ValueError(
                    f'enhancer={type(enhancer).__name__} of EnhancedModel has no enhance(x)'
                )
        else:
            enhancer = load_enhancer(enhancer, checkpoint, weights_required=not trainable)
        if trainable and next(enhancer.parameters(), None) is None:
            raise ValueError(
                f'trainable=True of EnhancedModel: {type(enhancer).__name__} has no parameters'
            )
        self.enhancer = freeze(enhancer, not trainable)
        self.runner = EnhancerRunner(
            enhancer, 'EnhancedModel', amp_dtype=amp_dtype, trainable=trainable, when=when
        )
        if _is_plain_module(model):
            self.model = model
        else:
            hide(self, 'model', model)

    def forward(self, images: Images, *args: Any, **kwargs: Any) -> Any:
        """Enhance the images, then call the model with all arguments."""
        return self.model(self.enhance(images), *args, **kwargs)

    def enhance(self, images: Any) -> Any:
        """Enhance images in the model's channel order and range.

        Args:
            images: See the class.

        Returns:
            The same kind, shapes, types, channel order and range.
        """
        if isinstance(images, (list, tuple)):
            return type(images)(self.enhance(image) for image in images)
        if isinstance(images, Tensor):
            _check_shape(images.shape, -3)
            batch = images if images.ndim == 4 else images[None]
            enhanced = self._enhance_tensor(batch)
            return enhanced if images.ndim == 4 else enhanced[0]
        if isinstance(images, np.ndarray):
            _check_shape(images.shape, -1)
            array = self._enhance_array(images.reshape(-1, *images.shape[-3:]))
            return array.reshape(images.shape)
        raise TypeError(
            f'EnhancedModel got {type(images).__name__}: images are tensors '
            '(N, 3, H, W) or (3, H, W), arrays (H, W, 3), or lists of them'
        )

    def _enhance_tensor(self, batch: Tensor) -> Tensor:
        if batch.dtype == torch.uint8:
            return self._enhance_integers(batch.float(), 255).to(torch.uint8)
        if not batch.is_floating_point():
            raise TypeError(
                f'EnhancedModel got images of {batch.dtype}: must be floating point or uint8'
            )
        rgb = self.format.decode(batch.float()).clamp(0, 1)
        return self.format.encode(self.runner.enhance_rgb(rgb)).to(batch.dtype)

    @torch.no_grad()
    def _enhance_integers(self, pixels: Tensor, white: int) -> Tensor:
        """Enhance float32 images of integers from 0 to ``white``."""
        rgb = pixels.flip(1) if self.format.is_bgr else pixels
        enhanced = (self.runner.enhance_rgb(rgb / white) * white).round()
        return enhanced.flip(1) if self.format.is_bgr else enhanced

    def _enhance_array(self, batch: np.ndarray) -> np.ndarray:
        device = next((p.device for p in self.enhancer.parameters()), torch.device('cpu'))
        # Older PyTorch does not know uint16.
        pixels = torch.from_numpy(np.ascontiguousarray(batch, np.float32)).to(device)
        pixels = pixels.permute(0, 3, 1, 2)
        with torch.no_grad():
            if batch.dtype.kind == 'f':
                out = self._enhance_tensor(pixels)
            else:
                if batch.dtype not in (np.uint8, np.uint16):
                    raise TypeError(
                        f'EnhancedModel got images of {batch.dtype}: must be '
                        'floating point, uint8 or uint16'
                    )
                out = self._enhance_integers(pixels, np.iinfo(batch.dtype).max)
        return out.permute(0, 2, 3, 1).cpu().numpy().astype(batch.dtype)


def _check_shape(shape: Sequence[int], channels: int) -> None:
    if len(shape) not in (3, 4) or shape[channels] != 3:
        wanted = '(N, 3, H, W)' if channels == -3 else '(N, H, W, 3)'
        raise ValueError(
            f'EnhancedModel got images of shape {tuple(shape)}: '
            f'they are {wanted}, with or without N'
        )


def _is_plain_module(model: Any) -> bool:
    """Return whether a parent module may call ``model.train(mode)``."""
    return isinstance(model, nn.Module) and list(inspect.signature(model.train).parameters)[:1] == [
        'mode'
    ]
