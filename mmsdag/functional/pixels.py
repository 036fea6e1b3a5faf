"""From the bytes of a pipeline to what an enhancer takes, and back.

On a CPU by OpenCV, which turns planes into pixels and back several times as
fast as PyTorch: beside a small enhancer that is what counts.
"""
from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

_UNIT = np.arange(256, dtype=np.float32) / np.float32(255)


def unit_from_uint8(pixels: np.ndarray,
                    out: np.ndarray | None = None) -> np.ndarray:
    """(H, W, C), uint8, to [0, 1], float32."""
    return cv2.LUT(pixels, _UNIT, out)


def uint8_from_unit(pixels: np.ndarray) -> np.ndarray:
    """(H, W, C), float32, from 0, to uint8: rounded half to even.

    What lies above 1 is clipped; below 0 there must be nothing.
    """
    return cv2.convertScaleAbs(pixels, alpha=255)


def to_unit_rgb(images: Tensor, is_bgr: bool) -> Tensor:
    """Images as an enhancer takes them.

    Args:
        images: (N, 3, H, W), [0, 255], uint8 or floating point, of which
            what lies outside of the range is clipped.
        is_bgr: Their channel order, BGR or RGB.

    Returns:
        (N, 3, H, W), RGB, [0, 1], float32, channels last in memory.
    """
    if images.dtype == torch.uint8 and images.device.type == 'cpu':
        number, _, height, width = images.shape
        pixels = np.empty((number, height, width, 3), np.float32)
        for planes, out in zip(images.numpy(), pixels):
            unit_from_uint8(cv2.merge(_in_rgb(planes, is_bgr)), out)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)
    rgb = images.flip(1) if is_bgr else images
    return (rgb.float().clamp(0, 255) / 255).contiguous(
        memory_format=torch.channels_last)


def to_uint8(images: Tensor, is_bgr: bool) -> Tensor:
    """What becomes of them, as the pipeline had them.

    Args:
        images: (N, 3, H, W), RGB, [0, 1], floating point, any layout; what
            lies outside is clipped.
        is_bgr: Channel order of the result.

    Returns:
        (N, 3, H, W), [0, 255], uint8, rounded half to even, plane by plane
        in memory.
    """
    images = images.detach().float().clamp(0, 1)
    if images.device.type != 'cpu':
        images = images.mul_(255).round_().to(torch.uint8).contiguous()
        return images.flip(1) if is_bgr else images
    planes = torch.empty(images.shape, dtype=torch.uint8)
    pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
    for image, out in zip(pixels, planes.numpy()):
        cv2.split(uint8_from_unit(image), _in_rgb(out, is_bgr))
    return planes


def map_pixels(function: Callable[[np.ndarray], np.ndarray], image: Tensor,
               is_bgr: bool) -> Tensor:
    """Apply a function of pixels to an image of planes.

    Args:
        function: (H, W, 3), RGB, uint8, to the same.
        image: (3, H, W), uint8, on a CPU.
        is_bgr: Channel order of ``image``, and of the result.

    Returns:
        (3, H, W), uint8, plane by plane in memory.
    """
    result = np.empty(image.shape, np.uint8)
    pixels = function(cv2.merge(_in_rgb(image.numpy(), is_bgr)))
    # Otherwise OpenCV would put them elsewhere, and not say so.
    assert (*pixels.shape[2:], *pixels.shape[:2]) == image.shape, pixels.shape
    assert pixels.dtype == np.uint8, pixels.dtype
    cv2.split(pixels, _in_rgb(result, is_bgr))
    return torch.from_numpy(result)


def _in_rgb(planes: np.ndarray, is_bgr: bool) -> list[np.ndarray]:
    return list(planes[::-1] if is_bgr else planes)
