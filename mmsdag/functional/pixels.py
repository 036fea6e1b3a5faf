"""Convert between a pipeline's images and an enhancer's input.

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


def unit_from_uint8(pixels: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Convert (H, W, C), uint8, to [0, 1], float32."""
    return cv2.LUT(pixels, _UNIT, out)


def uint8_from_unit(pixels: np.ndarray) -> np.ndarray:
    """Convert (H, W, C), float32, >= 0, to uint8, rounded half to even.

    Values above 1 are clipped; values below 0 are not allowed.
    """
    return cv2.convertScaleAbs(pixels, alpha=255)


def at_least_float32(x: Tensor) -> Tensor:
    """Convert half precision to float32; float64 stays."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def to_unit_rgb(images: Tensor, is_bgr: bool) -> Tensor:
    """Convert images to an enhancer's input.

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
    return (rgb.float().clamp(0, 255) / 255).contiguous(memory_format=torch.channels_last)


def to_uint8(images: Tensor, is_bgr: bool) -> Tensor:
    """Convert images back to the pipeline's channel order and dtype.

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


def map_pixels(function: Callable[[np.ndarray], np.ndarray], image: Tensor, is_bgr: bool) -> Tensor:
    """Apply a function of (H, W, C) to an image (C, H, W).

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


def unit_rgb_from_array(batch: np.ndarray, device: torch.device) -> Tensor:
    """Convert image arrays to the input of an enhancer.

    Args:
        batch: (N, H, W, 3), BGR: uint8, uint16, or floating point in
            [0, 255].
        device: Of the result.

    Returns:
        (N, 3, H, W), RGB, [0, 1], float32, channels last in memory.

    Raises:
        ValueError: For another type.
    """
    if batch.dtype == np.uint8 and device.type == 'cpu':
        pixels = np.empty(batch.shape, np.float32)
        for image, out in zip(batch, pixels):
            unit_from_uint8(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), out)
        return torch.from_numpy(pixels).permute(0, 3, 1, 2)
    scale = 255
    if batch.dtype == np.uint16:  # which older torch does not know
        batch, scale = batch.astype(np.float32), 65535
    elif batch.dtype != np.uint8:
        if not np.issubdtype(batch.dtype, np.floating):
            raise ValueError(
                f'images of type {batch.dtype}: must be uint8, '
                'uint16, or floating point in [0, 255]'
            )
        batch = batch.astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(device)
    tensor = tensor.permute(0, 3, 1, 2).flip(1).float() / scale
    return tensor.contiguous(memory_format=torch.channels_last)


def array_from_unit_rgb(images: Tensor, dtype: np.dtype) -> np.ndarray:
    """Convert the output of an enhancer to image arrays.

    Args:
        images: (N, 3, H, W), RGB, [0, 1], float32.
        dtype: Of the result: uint8, uint16 (rounded), or float32 in
            [0, 255].

    Returns:
        (N, H, W, 3), BGR.
    """
    if dtype == np.uint8 and images.device.type == 'cpu':
        pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
        return np.stack(
            [cv2.cvtColor(uint8_from_unit(image), cv2.COLOR_RGB2BGR) for image in pixels]
        )
    scale = 255 if dtype == np.float32 else np.iinfo(dtype).max
    images = images.flip(1).permute(0, 2, 3, 1) * scale
    if dtype != np.float32:
        images = images.round().to(torch.int32)
    return images.cpu().numpy().astype(dtype)


def _in_rgb(planes: np.ndarray, is_bgr: bool) -> list[np.ndarray]:
    return list(planes[::-1] if is_bgr else planes)
