"""Light-enhancement curves of the Zero-DCE family."""

from __future__ import annotations

import torch
from torch import Tensor


def apply_curves(x: Tensor, curves: Tensor, num_iters: int = 8) -> Tensor:
    r"""Apply quadratic curves, :math:`x \leftarrow x + r (x^2 - x)`, in turn.

    Eq. 3 of Zero-DCE (Guo et al., CVPR 2020), with the sign of the authors'
    code: a negative ``r`` brightens.

    Args:
        x: Images (N, 3, H, W), [0, 1], any channel order.
        curves: Curve maps in [-1, 1]: (N, 3 * num_iters, H, W), three for
            each iteration, or (N, 3, H, W), shared by all of them
            (Zero-DCE++).
        num_iters: How many times the curve is applied.

    Returns:
        Enhanced images (N, 3, H, W); in [0, 1] if ``x`` is.

    Raises:
        ValueError: If ``curves`` has another number of channels.
    """
    channels = x.shape[-3]
    if curves.shape[-3] == channels:
        maps: tuple[Tensor, ...] = (curves,) * num_iters
    elif curves.shape[-3] == channels * num_iters:
        maps = curves.split(channels, dim=-3)
    else:
        raise ValueError(
            f'curves has {curves.shape[-3]} channels; num_iters={num_iters} iterations of '
            f'{channels}-channel images need {channels} or {channels * num_iters}'
        )
    for r in maps:
        x = torch.addcmul(x, r, x * x - x)
    return x
