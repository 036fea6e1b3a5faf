"""Take the output of an inner layer of any network, and stop there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Class, distillation and register tokens that may precede the patches.
_MAX_PREFIX_TOKENS = 16


class _Stop(Exception):
    """Signal that ends a forward pass and carries the layer's output."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def run_until(network: nn.Module, layer: str, x: Tensor) -> Any:
    """Run a network up to a layer and return the layer's output.

    Nothing behind the layer is computed.

    Args:
        network: Any module that takes one tensor.
        layer: Dotted name of one of its modules.
        x: Its input.

    Raises:
        ValueError: If the forward pass never calls the layer, as for a
            ``ModuleList``.
    """

    def stop(module: nn.Module, args: Any, output: Any) -> None:
        raise _Stop(output)

    module = network.get_submodule(layer)
    handle = module.register_forward_hook(stop)
    try:
        network(x)
    except _Stop as reached:
        return reached.output
    finally:
        handle.remove()
    inner = [f'{layer}.{name}' for name, _ in module.named_children()]
    raise ValueError(
        f'layer={layer!r}: the forward pass of {type(network).__name__} does '
        f'not call this {type(module).__name__}; name a module inside it'
        + (f': {", ".join(inner[:4])}' if inner else '')
    )


def prune_behind(network: nn.Module, layer: str, x: Tensor) -> None:
    """Replace the modules that a layer does not need by empty ones.

    They keep their names, since some networks count on their attributes in
    ``train()``. If the output would change, nothing is replaced: a module
    may read the weights of another one without calling it.

    Args:
        network: Changed in place.
        layer: See :func:`run_until`.
        x: An input on which the need is tested.
    """
    entered: set[nn.Module] = set()
    finished: set[nn.Module] = set()
    handles = []
    for module in network.modules():
        handles += [
            module.register_forward_pre_hook(lambda module, args: entered.add(module)),
            module.register_forward_hook(lambda module, args, output: finished.add(module)),
        ]
    try:
        before = run_until(network, layer, x)
    finally:
        for handle in handles:
            handle.remove()
    finished.add(network.get_submodule(layer))
    removed: list[tuple[nn.Module, str, nn.Module]] = []

    def prune(parent: nn.Module) -> None:
        for name, child in list(parent.named_children()):
            if child in finished:
                continue
            if entered.isdisjoint(child.modules()):
                removed.append((parent, name, child))
                setattr(parent, name, nn.Identity())
            else:
                prune(child)

    prune(network)
    try:
        same = _equal(before, run_until(network, layer, x))
    except Exception:  # whatever a network does without its parts
        same = False
    if not same:
        for parent, name, child in removed:
            setattr(parent, name, child)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return all(_equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return all(map(_equal, a, b))
    return bool(a == b)


@dataclass(frozen=True)
class FeatureLayout:
    """Layout of a layer's output.

    Attributes:
        kind: ``'maps'`` (N, C, h, w), ``'channels_last'`` (N, h, w, C) or
            ``'tokens'`` (N, prefix + h * w, C).
        channels: Number C of channels.
        stride: Pixels of the image per position, H / h.
        prefix: Tokens before those of the positions, such as a class token.
    """

    kind: str
    channels: int
    stride: int
    prefix: int = 0

    @classmethod
    def of(cls, features: Any, size: tuple[int, int], where: str) -> FeatureLayout:
        """Recognize the layout of the features of an image.

        Args:
            features: Output of a layer.
            size: (height, width) of the image that it was computed from.
            where: Beginning of error messages.

        Raises:
            ValueError: If the features have no spatial layout, or the stride
                is not a whole number.
        """
        shape = tuple(getattr(features, 'shape', ()))
        if len(shape) == 4:
            # Channels first where both would fit.
            for kind, (h, w), channels in (
                ('maps', shape[2:], shape[1]),
                ('channels_last', shape[1:3], shape[3]),
            ):
                if h * size[1] == w * size[0]:
                    return cls(kind, channels, _stride(size, h, where))
        if len(shape) == 3:
            for prefix in range(_MAX_PREFIX_TOKENS + 1):
                h = _grid_height(shape[1] - prefix, size)
                if h:
                    return cls('tokens', shape[2], _stride(size, h, where), prefix)
        raise ValueError(
            f'{where} does not put out one feature map (N, C, H, W), (N, H, W, C) or tokens (N, L, '
            f'C), but {_describe(features)}: name a layer that does'
        )

    def to_maps(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """Rearrange features to (N, C, h, w).

        Args:
            features: Output of the layer.
            size: (height, width) of the image.
        """
        if self.kind == 'maps':
            return features
        if self.kind == 'channels_last':
            return features.permute(0, 3, 1, 2)
        grid = [length // self.stride for length in size]
        return features[:, self.prefix :].transpose(1, 2).unflatten(2, grid)


def _grid_height(tokens: int, size: tuple[int, int]) -> int:
    """Return the height of a grid of so many tokens; 0 if there is none."""
    for h in range(1, size[0] + 1):
        if h * h * size[1] == tokens * size[0]:
            return h if size[0] % h == 0 else 0
    return 0


def _stride(size: tuple[int, int], h: int, where: str) -> int:
    stride, rest = divmod(size[0], h)
    if rest:
        raise ValueError(f'{where} turns {size[0]} pixels into {h}: the stride must be whole')
    return stride


def _describe(features: Any) -> str:
    if isinstance(features, Tensor):
        return f'a tensor of shape {tuple(features.shape)}'
    return f'a {type(features).__name__}'


def to_windows(x: Tensor, side: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut images into square windows, the last ones padded.

    Args:
        x: Images (N, C, H, W).
        side: Height and width of a window in pixels.

    Returns:
        Windows (N * rows * columns, C, side, side), and (rows, columns).
    """
    height, width = x.shape[-2:]
    x = F.pad(x, (0, -width % side, 0, -height % side), mode='replicate')
    grid = x.shape[-2] // side, x.shape[-1] // side
    windows = x.unflatten(3, (grid[1], side)).unflatten(2, (grid[0], side))
    return windows.permute(0, 2, 4, 1, 3, 5).flatten(0, 2), grid


def from_windows(windows: Tensor, grid: tuple[int, int]) -> Tensor:
    """Join maps of windows, the reverse of :func:`to_windows`.

    Args:
        windows: (N * rows * columns, C, h, w).
        grid: (rows, columns).

    Returns:
        Maps (N, C, rows * h, columns * w).
    """
    maps = windows.unflatten(0, (-1, *grid)).permute(0, 3, 1, 4, 2, 5)
    return maps.flatten(4, 5).flatten(2, 3)
