"""An enhancer and the model behind it as one ONNX file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmsdag.utils import write_atomically

from .onnx_file import FREE_AXES, check_packages, largest_difference, trace


def export_model_onnx(
    model: nn.Module,
    path: str | os.PathLike[str],
    images: Tensor,
    as_list: bool = False,
    static: bool = True,
    tolerance: float = 1e-3,
    checked: Sequence[Tensor] = (),
    **kwargs: Any,
) -> float:
    """Write a model, such as an ``EnhancedModel``, as an ONNX file.

    Its input is ``image``, its outputs have the names of the model's dict of
    results (``boxes``, ``scores``, ...), else ``output_0``, ``output_1``, ...
    The file is written once onnxruntime has computed from it what PyTorch
    computes from ``images`` and ``checked``.

    Args:
        model: The model; what it does in eval mode, on a CPU and in float32
            is exported. It is moved there and stays so.
        path: File to write; missing folders are made.
        images: (N, 3, H, W), floating point, as the model takes them: real
            ones, since a detector finds nothing in noise.
        as_list: Call the model with a list of (3, H, W), as torchvision's
            detectors are.
        static: Fix the input's shape to that of ``images``, as TensorRT and
            LiteRT want it; otherwise N (not with ``as_list``), H and W are
            free, if the model can.
        tolerance: Largest difference to PyTorch, relative to the largest
            absolute value of an output (at least 1); of integers, such as
            labels, the largest share that differs.
        checked: Further batches to compare; of other sizes if these are free.
        **kwargs: Further arguments of the model, such as ``mode='tensor'`` of
            an mmdet or mmseg model.

    Returns:
        The largest relative difference to PyTorch.

    Raises:
        ImportError: If onnx or onnxruntime is missing.
        ValueError: If ONNX cannot say what the model does, or onnxruntime
            computes something else from it.
    """
    check_packages()
    if images.ndim != 4:
        raise ValueError(f'images of shape {tuple(images.shape)}: must be (N, 3, H, W)')
    # In eval mode itself, since the exporter restores the mode it finds.
    flat = _Flat(model.cpu().float(), as_list, kwargs).eval()
    batches = [batch.detach().cpu().float() for batch in (images, *checked)]
    axes = {axis: name for axis, name in FREE_AXES.items() if not static and (axis or not as_list)}
    content, difference = _checked_file(flat, batches, axes)
    if not difference <= tolerance:
        raise ValueError(
            f'onnxruntime differs from PyTorch by {difference:.1e}, more than '
            f'{tolerance:.0e}: a step of the model is exported wrongly, or '
            'nearly equal scores are sorted in another order'
        )
    write_atomically(os.fspath(path), content)
    return difference


@torch.no_grad()
def _checked_file(
    flat: _Flat, batches: Sequence[Tensor], axes: Mapping[int, str]
) -> tuple[bytes, float]:
    """Return the content of the file and the difference to PyTorch."""
    name = type(flat.model).__name__
    flat(batches[0])  # which names the outputs
    content = trace(flat, batches[0], flat.names, dict(image=axes) if axes else {}, name)
    return content, largest_difference(content, flat, batches, name, relative=True)


class _Flat(nn.Module):
    """A model whose results are a tuple of tensors."""

    def __init__(self, model: nn.Module, as_list: bool, kwargs: Mapping[str, Any]) -> None:
        super().__init__()
        self.model = model
        self.as_list = as_list
        self.kwargs = kwargs
        self.names: list[str] = []

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        inputs: Any = list(images.unbind(0)) if self.as_list else images
        found = list(_named_tensors(self.model(inputs, **self.kwargs)))
        names = [name or 'output' for name, _ in found]
        self.names = [
            name if names.count(name) == 1 else f'{name}_{i}' for i, name in enumerate(names)
        ]
        return tuple(tensor for _, tensor in found)


def _named_tensors(results: Any, name: str = '') -> Iterator[tuple[str, Tensor]]:
    if isinstance(results, Tensor):
        yield name, results
    elif isinstance(results, Mapping):
        for key, value in results.items():
            yield from _named_tensors(value, str(key))
    elif isinstance(results, (list, tuple)):
        for value in results:
            yield from _named_tensors(value, name)
