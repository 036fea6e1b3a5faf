"""Similarities for SDAG's ranking of reconstructions."""

from __future__ import annotations

from torch import Tensor

#: Readings of the paper's sim(., .): the dimensions of (N, C, H, W) along
#: which the cosine is taken.
SIMILARITY_DIMS = {'batch': (0,), 'image': (1, 2, 3)}

#: Least norm, as in :func:`torch.nn.functional.cosine_similarity`.
EPS = 1e-8


def cosine_similarity(x: Tensor, y: Tensor, over: str = 'batch') -> Tensor:
    """Compute the cosine similarity of two batches of images.

    Args:
        x: Images (N, C, H, W).
        y: Images (N, C, H, W).
        over: ``'batch'`` takes one similarity per pixel position and channel,
            across the batch, as the authors' code does; ``'image'`` takes one
            per image.

    Returns:
        (C*H*W, ) for ``'batch'``, (N, ) for ``'image'``.

    Raises:
        ValueError: If ``over`` is neither.
    """
    if over not in SIMILARITY_DIMS:
        raise ValueError(f"over={over!r}: choose 'batch' (the authors' code) or 'image'")
    # torch's own takes its norms across the batch twenty times slower, and
    # flattening would copy what is in the channels-last layout.
    dims = SIMILARITY_DIMS[over]
    product, x_square, y_square = ((a * b).sum(dims).flatten() for a, b in ((x, y), (x, x), (y, y)))
    norms = (x_square.clamp_min(EPS**2) * y_square.clamp_min(EPS**2)).sqrt()
    return product / norms
