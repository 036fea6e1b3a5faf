"""Finding the image among what a network puts out."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def image_in(output: Any, which: int | str | None, where: str) -> Tensor:
    """The image among what a network puts out.

    Args:
        output: A tensor, or whatever holds it.
        which: Its index in a tuple, its key in a dict, or the attribute that
            it is; ``None`` for a tensor, or the first of a tuple.
        where: What messages begin with: names the network and the option.

    Returns:
        A tensor (N, 3, H, W).

    Raises:
        ValueError: If it is not there, or no image.
    """
    if which is not None:
        try:
            output = (
                getattr(output, which) if isinstance(which, str)
                and not isinstance(output, Mapping) else output[which])
        except (AttributeError, KeyError, IndexError, TypeError):
            has = (list(output) if isinstance(output, Mapping) else
                   f'a {type(output).__name__}')
            raise ValueError(f'{where}: the module puts out {has}, which has '
                             'no such item') from None
    elif isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise ValueError(f'{where}: is a {type(output).__name__}, not an '
                         'image tensor; set output to its index or key')
    if output.ndim != 4 or output.shape[1] != 3:
        raise ValueError(f'{where}: has the shape {tuple(output.shape)}; '
                         'images are (N, 3, H, W)')
    return output
