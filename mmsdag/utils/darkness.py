"""Decide which images are dark enough to be enhanced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Union

import numpy as np
import torch
from torch import Tensor

#: ``'dark'``, a threshold of the mean luma in [0, 1], a function of an image
#: (3, H, W), RGB, [0, 1], or its name as in ``'package.module:function'``;
#: None means every image.
When = Union[str, float, Callable[[Tensor], bool], None]

#: Mean luma below which an image is dark, as measured by
#: ``tools/analysis/darkness_threshold.py``.
DARK_LUMA = 0.21

_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114
#: Pixels along the shorter edge that are looked at: more say nothing more.
_SAMPLES = 128


def mean_luma(image: Tensor, is_bgr: bool = False) -> Tensor:
    """Compute the mean luma (ITU-R BT.601) of an image.

    Of a large image every n-th row and column is read.

    Args:
        image: (3, H, W), any type and range.
        is_bgr: Channel order, BGR or RGB.

    Returns:
        Scalar in the range of ``image``.
    """
    step = _step(image.shape[-2:])
    means = image[:, ::step, ::step].float().mean((1, 2))
    weights = (_BLUE, _GREEN, _RED) if is_bgr else (_RED, _GREEN, _BLUE)
    return (means * means.new_tensor(weights)).sum()


def _step(size: Sequence[int]) -> int:
    return max(1, min(size) // _SAMPLES)


class DarknessGate:
    """Select the images to enhance by their darkness.

    Args:
        when: See :data:`When`.

    Raises:
        ValueError: If it is none of these.
    """

    def __init__(self, when: When) -> None:
        self.when = when
        self.threshold: float | None = None
        self.function: Callable[[Tensor], bool] | None = None
        if when == 'dark':
            self.threshold = DARK_LUMA
        elif isinstance(when, str) and ':' in when:
            self.function = _named(when)
        elif isinstance(when, (int, float)) and 0 < when <= 1:
            self.threshold = when
        elif callable(when):
            self.function = when
        elif when is not None:
            raise ValueError(
                f"when={when!r}: choose 'dark', a threshold of the mean luma in (0, 1], a function "
                "of an image, or 'package.module:function'"
            )

    @property
    def is_open(self) -> bool:
        """Return whether every image is enhanced."""
        return self.when is None

    def are_dark(
        self, images: Sequence[Tensor], is_bgr: bool = False, white: float = 1.0
    ) -> list[bool]:
        """Tell which images are to be enhanced.

        Args:
            images: Each (3, H, W).
            is_bgr: Channel order, BGR or RGB.
            white: Value of white; black is 0.
        """
        if self.is_open or not len(images):
            return [True] * len(images)
        if self.function is not None:
            return [
                bool(self.function((image.flip(0) if is_bgr else image).float() / white))
                for image in images
            ]
        lumas = torch.stack([mean_luma(image, is_bgr) for image in images])
        # One transfer from the device. What is not a number is not light.
        return [not luma >= self.threshold for luma in (lumas / white).tolist()]

    def are_dark_arrays(self, images: np.ndarray) -> list[bool]:
        """Tell which images are to be enhanced.

        Args:
            images: (N, H, W, 3), BGR: uint8, uint16, or floating point in
                [0, 255].
        """
        if self.is_open:
            return [True] * len(images)
        white = 65535.0 if images.dtype == np.uint16 else 255.0
        if self.function is None:
            step = _step(images.shape[1:3])
            images = images[:, ::step, ::step]
        return self.are_dark(
            [
                # Older PyTorch does not know uint16.
                torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)
                for image in images
            ],
            True,
            white,
        )

    def mask(self, images: Tensor) -> Tensor:
        """Tell which images are to be enhanced, in tensor operations alone.

        For graphs that are traced; a function must return a tensor then.

        Args:
            images: (N, 3, H, W), RGB, [0, 1].

        Returns:
            (N,), bool.
        """
        if self.is_open:
            return images.new_ones(len(images), dtype=torch.bool)
        if self.function is not None:
            return torch.stack([torch.as_tensor(self.function(image)) for image in images])
        weights = images.new_tensor((_RED, _GREEN, _BLUE))
        assert self.threshold is not None
        return (images.mean((2, 3)) * weights).sum(1) < self.threshold

    def __repr__(self) -> str:
        """Describe the gate; the same in every process."""
        if self.function is None:
            return f'DarknessGate({self.threshold})'
        name = getattr(self.function, '__qualname__', repr(self.function))
        return f'DarknessGate({self.function.__module__}:{name})'


def _named(name: str) -> Callable[[Tensor], bool]:
    module, _, attribute = name.partition(':')
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f"when={name!r}: {error}; name a function as in 'package.module:function'"
        ) from error
