"""Enhancers as ONNX files, for runtimes without PyTorch."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmsdag.utils import write_atomically

from .onnx_file import FREE_AXES, check_packages, check_shape, largest_difference, trace

#: Largest difference to PyTorch that an exported network may have.
TOLERANCE = 1e-4

# Odd, and the batches and sizes of the check differ from it in all they can:
# what the trace took for a constant shows.
_TRACED = (1, 37, 53)
_CHECKED = ((1, 33, 50), (2, 64, 48), (3, 57, 21))


def export_onnx(
    network: nn.Module, path: str | os.PathLike[str], static: Sequence[int] | None = None
) -> float:
    """Write an enhancer's ``enhance`` as an ONNX file.

    Its input ``image`` and output ``enhanced`` are (N, 3, H, W), RGB,
    [0, 1], float32. The file is written only if onnxruntime reproduces
    PyTorch's output on noise of sizes other than the exported one.

    Args:
        network: A module with ``enhance(x)``; it is not changed. Its behavior
            on a CPU in float32 and eval mode is exported.
        path: File to write; missing folders are made.
        static: (N, H, W): fix the shape, as TensorRT and LiteRT want it. By
            default N, H and W are free, as far as the network allows.

    Returns:
        The largest absolute difference to PyTorch.

    Raises:
        ImportError: If onnx or onnxruntime is missing.
        ValueError: If ONNX cannot express the network, onnxruntime's output
            differs from PyTorch's, or ``static`` is not a shape.
    """
    check_packages()
    check_shape(static)
    module = _Enhance(copy.deepcopy(network).cpu().float()).eval()
    name = type(network).__name__
    count, height, width = static or _TRACED
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        content = trace(
            module,
            torch.full((count, 3, height, width), 0.5),
            ['enhanced'],
            {} if static else dict(image=FREE_AXES, enhanced=FREE_AXES),
            name,
        )
        difference = largest_difference(
            content,
            module,
            [
                torch.rand(n, 3, h, w, generator=generator)
                for n, h, w in ([static] if static else _CHECKED)
            ],
            name,
            relative=False,
        )
    if not difference <= TOLERANCE:
        raise ValueError(
            f'onnxruntime differs from {name} in PyTorch by {difference:.1e}, '
            f'more than {TOLERANCE:.0e}: enhance(x) has a step that depends '
            'on the size of x but is no tensor operation'
        )
    write_atomically(os.fspath(path), content)
    return difference


class _Enhance(nn.Module):
    """Exporters call ``forward``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.enhance(x)  # type: ignore[operator]
