"""Enhance the images of a batch on the device."""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from math import isfinite
from typing import Any, Union

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmsdag.models.frozen import freeze, hide
from mmsdag.models.loading import EnhancerLike, load_enhancer
from mmsdag.models.runner import EnhancerRunner
from mmsdag.utils.darkness import When
from mmsdag.utils.moved import one_checkpoint

Padding = Union[str, float, Sequence[float], None]


class EnhancementMixin(BaseDataPreprocessor):
    """Enhance each image before the other base class normalizes and pads it.

    Frozen, the enhancer stays in eval mode and outside of the recognizer's
    parameters and state dict, whose checkpoints remain stock. Images are
    enhanced as they come out of the pipeline: in [0, 255], uint8 or floating
    point, of any size; those of one size go through the enhancer together.
    Channels are BGR, as mmcv loads them, unless the recognizer's own
    ``rgb_to_bgr`` says otherwise; they leave in the same order and range.

    Args:
        *args: Of the other base class.
        enhancer: Config of the enhancer, or of a model or config file whose
            ``generator`` it is, or the name of a trained model; see
            :func:`mmsdag.models.loading.network_config`.
        checkpoint: Its weights: a file, or the name of a trained model. May
            be missing for an enhancer that has none or is called by its name,
            or if ``trainable`` (they are then initialized, or in the
            checkpoint of the detector, segmentor or classifier).
        enhancer_checkpoint: Older name of ``checkpoint``.
        amp_dtype: Precision of the enhancer: ``None`` (float32, or what
            ``AmpOptimWrapper`` sets), ``'bfloat16'``, ``'float16'``, or
            ``'auto'`` (bfloat16 where the hardware has it).
        trainable: Train the enhancer with the recognizer: it is then part of
            the recognizer, as ``data_preprocessor.enhancer``.
        chunk_size: Most images that go through the enhancer together; by
            default as many as hold a megapixel (frozen on a CPU: an eighth
            of one), at least one. Where a GPU's memory does not suffice, they
            are halved.
        round_to_uint8: Round the result of a uint8 image to whole numbers, as
            saving it would; by default, unless ``trainable``.
        padding_value: How to find the margins that a pipeline's ``Pad`` has
            added: they are left as they are, and the enhancer does not see
            them. By default ``'metainfo'``: below and beside the size that
            the data sample tells, see :func:`window_by_metainfo`. A color,
            one number or one a channel, in the images' range and order:
            margins of this color on any side. ``None``: there are none.
        when: Images to enhance: ``None`` for all; ``'dark'`` for those whose
            mean luma is below 0.21; a threshold of the mean luma in (0, 1];
            or a function of an image (3, H, W), RGB, [0, 1]. Other images
            stay as they are. With ``trainable``, a batch without dark images
            gives the enhancer no gradient: distributed training then needs
            ``find_unused_parameters=True``.
        **kwargs: Of the other base class.

    Raises:
        FileNotFoundError: If the enhancer's config or checkpoint is missing.
        TypeError: If ``enhancer`` is neither a dict nor a path.
        ValueError: For an argument out of its range, a checkpoint that does
            not fit, or (called) images of another shape or type.
    """

    enhancer: Any

    def __init__(
        self,
        *args: Any,
        # Left out, it is refused with the remedy.
        enhancer: EnhancerLike = None,  # type: ignore[assignment]
        checkpoint: str | os.PathLike[str] | None = None,
        enhancer_checkpoint: str | os.PathLike[str] | None = None,
        amp_dtype: str | None = None,
        trainable: bool = False,
        chunk_size: int | None = None,
        round_to_uint8: bool | None = None,
        padding_value: Padding = 'metainfo',
        when: When = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        checkpoint = one_checkpoint(checkpoint, owner, enhancer_checkpoint=enhancer_checkpoint)
        super().__init__(*args, **kwargs)
        if trainable and round_to_uint8:
            raise ValueError(
                f'round_to_uint8=True of {owner}: rounding has '
                'no gradient; leave it out, or trainable=True'
            )
        self.trainable = trainable
        self.round_to_uint8 = not trainable if round_to_uint8 is None else round_to_uint8
        self.padding_value = _check_padding(padding_value, owner)
        self._is_bgr = not kwargs.get('rgb_to_bgr', False)
        self._source = (enhancer, checkpoint)
        network = load_enhancer(*self._source, weights_required=not trainable)
        if trainable:
            if next(network.parameters(), None) is None:
                raise ValueError(
                    f'trainable=True of {owner}: {type(network).__name__} has nothing to train'
                )
            self.enhancer = freeze(network, False)
        else:
            hide(self, 'enhancer', network)
        self.runner = EnhancerRunner(
            network,
            owner,
            amp_dtype=amp_dtype,
            trainable=trainable,
            when=when,
            chunk_size=chunk_size,
        )

    def init_weights(self) -> None:
        """Load the enhancer's weights again, which initialization replaced."""
        if self.trainable:
            self.enhancer.load_state_dict(
                load_enhancer(*self._source, weights_required=False).state_dict()
            )

    def forward(self, data: dict, training: bool = False) -> dict:
        """Enhance ``data['inputs']``, then call the other base class.

        Args:
            data: With ``inputs``, a list of images (3, H, W) or a tensor
                (N, 3, H, W), [0, 255], and ``data_samples``, if there are
                any.
            training: Whether to augment, as the base class understands it.

        Raises:
            ValueError: For an empty batch, images of another shape or type,
                or an output of a frozen enhancer that is not finite.
        """
        return super().forward(self.enhance_batch(data), training)

    def enhance_batch(self, data: dict) -> dict:
        """Return a batch with enhanced images, for the other base class."""
        inputs = data['inputs']
        self._check_batch(inputs)
        if any(image.device != self.device for image in inputs):
            inputs = self.cast_data(inputs)
        enhanced: Any = self.enhance(inputs, data.get('data_samples'))
        if isinstance(inputs, Tensor):
            enhanced = torch.stack(enhanced)
        return {**data, 'inputs': enhanced}

    def enhance(
        self, images: Sequence[Tensor], samples: Sequence[Any] | None = None
    ) -> list[Tensor]:
        """Enhance images of any sizes.

        Args:
            images: Each (3, H, W), [0, 255], uint8 or floating point, on the
                device.
            samples: Their data samples, which may tell their padding.

        Returns:
            Images of the same shapes, channel order and range: uint8 if they
            are rounded, else float32.
        """
        self._check(images)
        windows = [
            self._window(image, sample)
            for image, sample in zip(images, samples or [None] * len(images))
        ]
        contents = [
            image if window is None else image[(slice(None), *window)]
            for image, window in zip(images, windows)
        ]
        return [
            enhanced if window is None else _pasted(enhanced, image, window)
            for enhanced, image, window in zip(
                self.runner.enhance_planes(contents, self._is_bgr, self.round_to_uint8),
                images,
                windows,
            )
        ]

    def _window(self, image: Tensor, sample: Any) -> tuple[slice, slice] | None:
        if self.padding_value == 'metainfo':
            return window_by_metainfo(image, sample)
        if self.padding_value is None:
            return None
        return window_by_color(image, self.padding_value)  # type: ignore[arg-type]

    def rounds(self, images: Tensor) -> bool:
        """Return whether enhanced ``images`` are rounded to 8 bits."""
        return self.round_to_uint8 and images.dtype == torch.uint8

    def _check_batch(self, inputs: Any) -> None:
        if not len(inputs):
            raise ValueError(
                f'inputs of {type(self).__name__} is an empty batch: check '
                'batch_size, drop_last and the length of the dataset'
            )

    def _check(self, images: Sequence[Tensor]) -> None:
        for image in images:
            if image.ndim != 3 or image.shape[0] != 3:
                raise ValueError(
                    f'an input of {type(self).__name__} has the shape '
                    f'{tuple(image.shape)}; images are (3, H, W)'
                )
            if image.dtype != torch.uint8 and not image.is_floating_point():
                raise ValueError(
                    f'an input of {type(self).__name__} is {image.dtype}; '
                    'images are uint8, or floating point in [0, 255]'
                )


def _check_padding(value: Padding, owner: str) -> Padding:
    numbers = value if isinstance(value, Sequence) else [value]
    if value not in (None, 'metainfo') and not (
        len(numbers) in (1, 3) and all(isinstance(n, (int, float)) and isfinite(n) for n in numbers)
    ):
        raise ValueError(
            f"padding_value={value!r} of {owner}: must be 'metainfo', a "
            'number, one for each of three channels, or None'
        )
    return value


def window_by_metainfo(image: Tensor, sample: Any) -> tuple[slice, slice] | None:
    """Find the content of a padded image from the metainfo of its data sample.

    The content begins at the top left. Its size is ``img_shape`` if that is
    smaller than the image. Otherwise, since the ``Pad`` of mmcv and mmdet
    overwrites ``img_shape``, it is ``ori_shape`` times ``scale_factor``, the
    size that ``Resize`` leaves before ``Pad``; a crop between them only
    makes it smaller. After other transforms (a mosaic, an affine one) these
    keys do not describe the image: the size is used only if everything
    outside has one color.

    Args:
        image: (C, H, W).
        sample: A data sample, or ``None``.

    Returns:
        Rows and columns of the content; ``None`` if the image has no padding,
        or metainfo does not tell.
    """
    if not hasattr(sample, 'get'):  # none, or of another kind
        return None
    size = tuple(image.shape[1:])
    told = tuple(sample.get('img_shape', size)[:2])
    original, factor = sample.get('ori_shape'), sample.get('scale_factor')
    if told == size and original is not None and factor is not None:
        told = round(original[0] * factor[1]), round(original[1] * factor[0])
    height, width = map(min, told, size)
    if (height, width) == size:
        return None
    # As numbers, of which a CPU finds the largest ten times as fast as any().
    differs = (image != image[:, -1:, -1:]).view(torch.uint8)
    differs[:, :height, :width] = 0
    return None if differs.amax() else (slice(height), slice(width))


def window_by_color(
    image: Tensor, padding_value: float | Sequence[float]
) -> tuple[slice, slice] | None:
    """Find the content of an image within margins of one color.

    Args:
        image: (C, H, W).
        padding_value: Color of the margins, one number or one per channel.

    Returns:
        Rows and columns of the content; ``None`` if the image has no margins,
        or only has this color.
    """
    height, width = image.shape[1:]
    colors = padding_value if isinstance(padding_value, Sequence) else [padding_value]
    if len(colors) == 1:
        colors = [*colors] * len(image)
    color = array('f', colors).tolist()  # as float32 has it
    # Most images have no margins, and their corners tell: as lists, since
    # one more operation of PyTorch's takes longer than these numbers.
    corners = image[:, :: max(1, height - 1), :: max(1, width - 1)].tolist()
    if not any([*corner] == color for row in zip(*corners) for corner in zip(*row)):
        return None
    margin = torch.tensor(color, device=image.device)[:, None, None]
    # As numbers, of which a CPU finds the largest ten times as fast as any().
    differs = (image != margin).view(torch.uint8).amax(0)
    # Together, since each transfer waits for a GPU.
    seen = torch.cat((differs.amax(1), differs.amax(0))).cpu()
    rows, columns = (
        part.nonzero().flatten().tolist() for part in seen.split(tuple(image.shape[1:]))
    )
    if not rows:
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _pasted(content: Tensor, image: Tensor, window: tuple[slice, slice]) -> Tensor:
    """Paste new content into the window of an image; keep its margins."""
    canvas = image.to(content.dtype, copy=True)
    canvas[(slice(None), *window)] = content
    return canvas
