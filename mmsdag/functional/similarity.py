"""Similarities by which SDAG ranks reconstructions."""
from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

#: Readings of the paper's sim(., .): the dimension of the flattened
#: (N, C*H*W) tensors along which the cosine is taken.
SIMILARITY_DIMS = {'batch': 0, 'image': 1}


def cosine_similarity(x: Tensor, y: Tensor, over: str = 'batch') -> Tensor:
    """Cosine similarity of two batches of images.

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
        raise ValueError(f"over={over!r}: choose 'batch' (the authors' code) "
                         "or 'image'")
    return F.cosine_similarity(
        x.flatten(1), y.flatten(1), dim=SIMILARITY_DIMS[over])
