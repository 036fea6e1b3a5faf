"""PSNR, SSIM and NIQE."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

#: Side of the blocks whose statistics NIQE compares, in pixels.
NIQE_BLOCK = 96
_NIQE_FILE = 'niqe_pris_params.npz'


def prepare(image: np.ndarray, crop_border: int = 0, convert_to: str | None = None) -> np.ndarray:
    """Cut off the border of an image and convert its colors.

    Args:
        image: (H, W, 3), BGR, [0, 255].
        crop_border: Pixels to leave out on each side.
        convert_to: ``'y'``: luma as MATLAB's ``rgb2ycbcr`` has it, [16, 235];
            ``'gray'``: BT.601, [0, 255]; ``None`` keeps the colors.

    Returns:
        float32, (h, w, 3) or (h, w).

    Raises:
        ValueError: If ``convert_to`` is something else.
    """
    image = image.astype(np.float32)
    if crop_border:
        image = image[crop_border:-crop_border, crop_border:-crop_border]
    if convert_to is None:
        return image
    if convert_to.lower() == 'y':
        weights = np.array([24.966, 128.553, 65.481], np.float32)
        return image @ weights / 255 + 16
    if convert_to.lower() == 'gray':
        return cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY)
    raise ValueError(f"convert_to={convert_to!r}: choose 'y', 'gray' or None")


def psnr(image: np.ndarray, other: np.ndarray) -> float:
    """Compute the peak signal-to-noise ratio, in dB.

    Args:
        image: Any shape, [0, 255].
        other: Image of the same shape.

    Raises:
        ValueError: If the shapes differ.
    """
    check_shapes(image, other)
    difference = image.astype(np.float32) - other.astype(np.float32)
    error = float(np.square(difference).mean())
    return float('inf') if error == 0 else 10 * np.log10(255**2 / error)


def ssim(image: np.ndarray, other: np.ndarray) -> float:
    """Compute the structural similarity, at most 1; mean of the channels.

    Wang et al., IEEE TIP 13(4), 2004, with their Gaussian window of 11x11
    pixels (sigma 1.5) and constants, where the window is inside the image.

    Args:
        image: (H, W) or (H, W, C), [0, 255], of 11x11 pixels or more.
        other: Image of the same shape.

    Raises:
        ValueError: If the shapes differ, or the images are too small.
    """
    check_shapes(image, other)
    if min(image.shape[:2]) < 11:
        raise ValueError(f'SSIM needs 11x11 pixels, got {image.shape[:2]}')

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]

    x, y = (np.ascontiguousarray(i, np.float64) for i in (image, other))
    mean_x, mean_y = mean(x), mean(y)
    variance_x = mean(x * x) - mean_x**2
    variance_y = mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (
        (2 * mean_x * mean_y + c1)
        * (2 * covariance + c2)
        / ((mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2))
    )
    return float(similarity.mean())


def niqe_statistics() -> Path | None:
    """Return the file of NIQE's good photographs in mmagic, if there is one.

    mmagic is not imported for it.
    """
    found = find_spec('mmagic')
    for folder in (found and found.submodule_search_locations) or ():
        file = Path(folder, 'evaluation', 'metrics', _NIQE_FILE)
        if file.is_file():
            return file
    return None


def niqe(image: np.ndarray, parameters: str | Path) -> float:
    """Compute the natural image quality evaluator; lower is better.

    Mittal et al., IEEE Signal Processing Letters 20(3), 2013: the distance
    of the statistics of blocks of 96x96 pixels to those of good photographs.

    Args:
        image: Gray image (H, W), [0, 255]; it is rounded.
        parameters: File with the statistics of good photographs, as the
            authors published them (``mu_pris_param``, ``cov_pris_param``,
            ``gaussian_window``); see :func:`niqe_statistics`.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    from scipy.ndimage import convolve

    if not Path(parameters).is_file():
        raise FileNotFoundError(f'parameters={str(parameters)!r} of NIQE: no such file')
    with np.load(parameters) as content:
        good = dict(content)
    rows, columns = (length // NIQE_BLOCK for length in image.shape)
    pixels = image[: rows * NIQE_BLOCK, : columns * NIQE_BLOCK].round()
    pixels = pixels.astype(np.float64)
    features = []
    for side in (NIQE_BLOCK, NIQE_BLOCK // 2):
        mean = convolve(pixels, good['gaussian_window'], mode='nearest')
        square = convolve(pixels**2, good['gaussian_window'], mode='nearest')
        deviation = np.sqrt(np.abs(square - mean**2))
        normalized = (pixels - mean) / (deviation + 1)
        blocks = normalized.reshape(rows, side, columns, side)
        features.append(
            [_features(blocks[row, :, column]) for row in range(rows) for column in range(columns)]
        )
        pixels = _half(pixels)
    own = np.concatenate(features, axis=1)
    difference = good['mu_pris_param'] - np.nanmean(own, axis=0)
    defined = own[~np.isnan(own).any(axis=1)]
    spread = (good['cov_pris_param'] + np.cov(defined, rowvar=False)) / 2
    distance = difference @ np.linalg.pinv(spread) @ difference.T
    return float(np.sqrt(distance).squeeze())


def _features(block: np.ndarray) -> list[float]:
    """Return the 18 statistics of a normalized block (eq. 4 to 9)."""
    from scipy.special import gamma

    shape, left, right = _asymmetric_gaussian(block)
    features = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = _asymmetric_gaussian(block * np.roll(block, shift, axis=(0, 1)))
        mean = (right - left) * gamma(2 / shape) / gamma(1 / shape)
        features += [shape, mean, left, right]
    return features


@lru_cache
def _shape_table() -> tuple[np.ndarray, np.ndarray]:
    """Return candidate shapes of the distribution, and the moment ratio of each."""
    from scipy.special import gamma

    shapes = np.arange(0.2, 10.001, 0.001)
    return shapes, gamma(2 / shapes) ** 2 / gamma(1 / shapes) / gamma(3 / shapes)


def _asymmetric_gaussian(values: np.ndarray) -> tuple[float, float, float]:
    """Fit an asymmetric generalized Gaussian: shape, left, right scale."""
    from scipy.special import gamma

    left = np.sqrt(np.mean(np.square(values[values < 0])))
    right = np.sqrt(np.mean(np.square(values[values > 0])))
    ratio = left / right
    moment = np.mean(np.abs(values)) ** 2 / np.mean(values**2)
    wanted = moment * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shapes, table = _shape_table()
    shape = shapes[np.argmin(np.square(table - wanted))]
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def _half(pixels: np.ndarray) -> np.ndarray:
    """Halve both sides by bicubic interpolation, as MATLAB's imresize."""
    from scipy.ndimage import correlate1d

    distance = np.abs(np.arange(-3.5, 4)) / 2
    # Keys' cubic with a = -1/2, as wide as two pixels are.
    taps = np.where(
        distance <= 1,
        1.5 * distance**3 - 2.5 * distance**2 + 1,
        -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2,
    )
    for axis in (0, 1):
        # 'reflect' repeats the edge; tap 4 of 8 lies on the next pixel.
        pixels = correlate1d(pixels, taps / taps.sum(), axis, mode='reflect', origin=-1)
    return pixels[::2, ::2]


def check_shapes(image: np.ndarray, other: np.ndarray) -> None:
    """Raise a ``ValueError`` if images that are compared differ in shape."""
    if image.shape != other.shape:
        raise ValueError(f'images to be compared differ in shape: {image.shape}, {other.shape}')
