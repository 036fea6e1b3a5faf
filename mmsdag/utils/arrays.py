"""Checks and corrections of image arrays."""

from __future__ import annotations

import numpy as np

#: Luma of R, G and B (ITU-R BT.601), as Pillow and OpenCV compute it.
_LUMA = (0.299, 0.587, 0.114)
#: Normalized images rarely leave it.
_NORMALIZED = 10


def check_range(images: np.ndarray, name: str) -> None:
    """Refuse floating-point images that are not in [0, 255].

    Values outside of it are accepted, since color jitter makes some; what
    looks like [0, 1], or like normalized images, is not.

    Args:
        images: Any shape; integers are not looked at.
        name: What they are called, for the message.

    Raises:
        ValueError: If no value is above 1 and not all are whole numbers, or
            some are negative and none is above 10.
    """
    if images.dtype.kind != 'f' or not images.size:
        return
    low, high = float(images.min()), float(images.max())
    span = f'{name} of type {images.dtype} have values from {low:.3g} to {high:.3g}'
    if low < 0 and high <= _NORMALIZED:
        raise ValueError(
            f'{span}: they look normalized; enhance before the '
            'normalization, floating-point images are [0, 255]'
        )
    if high <= 1 and (images != np.rint(images)).any():
        raise ValueError(
            f'{span}: they look like [0, 1]; floating-point images are [0, 255], multiply by 255'
        )


def keep_gray(original: np.ndarray, enhanced: np.ndarray) -> np.ndarray:
    """Remove the tint that an enhancer gave to a gray image.

    Args:
        original: (H, W, 3) or (N, H, W, 3).
        enhanced: The same shape, BGR, uint8, uint16 or float32.

    Returns:
        ``enhanced``; where all channels of the original are equal, the luma
        in all three channels.
    """
    if original.ndim == 4:
        return (
            np.stack([keep_gray(image, result) for image, result in zip(original, enhanced)])
            if any(map(_is_gray, original))
            else enhanced
        )
    if not _is_gray(original):
        return enhanced
    luma = enhanced @ np.array(_LUMA[::-1], np.float32)
    if enhanced.dtype.kind == 'u':
        luma = np.rint(luma)
    return np.repeat(luma.astype(enhanced.dtype)[..., None], 3, -1)


def _is_gray(image: np.ndarray) -> bool:
    # Most color images tell in their first row.
    return all(
        np.array_equal(part[..., 0], part[..., channel])
        for part in (image[:1], image)
        for channel in (1, 2)
    )
