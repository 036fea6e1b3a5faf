"""An enhancer and the model behind it as one ONNX file."""
from __future__ import annotations

import inspect
import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from mmsdag.utils import write_atomically

#: The newest that every exporter since torch 2.0 writes.
_OPSET = 17


def export_model_onnx(model: nn.Module,
                      path: str | os.PathLike[str],
                      images: Tensor,
                      as_list: bool = False,
                      static: bool = True,
                      tolerance: float = 1e-3,
                      **kwargs: Any) -> float:
    """Write a model, such as an ``EnhancedModel``, as an ONNX file.

    Its input is ``image``, its outputs have the names of the model's dict of
    results (``boxes``, ``scores``, ...), else ``output_0``, ``output_1``, ...
    The file is written once onnxruntime has computed from it what PyTorch
    computes from ``images``.

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
            absolute value of an output (at least 1).
        **kwargs: Further arguments of the model, such as ``mode='tensor'`` of
            an mmdet or mmseg model.

    Returns:
        The largest relative difference to PyTorch.

    Raises:
        ImportError: If onnx or onnxruntime is missing.
        ValueError: If ONNX cannot say what the model does, or onnxruntime
            computes something else from it.
    """
    _check_packages()
    if images.ndim != 4:
        raise ValueError(f'images of shape {tuple(images.shape)}: must be '
                         '(N, 3, H, W)')
    # In eval mode itself, since the exporter restores the mode it finds.
    flat = _Flat(model.cpu().float(), as_list, kwargs).eval()
    images = images.detach().cpu().float()
    with torch.no_grad():
        expected = flat(images)
        axes = {0: 'batch', 2: 'height', 3: 'width'}
        if as_list:
            del axes[0]
        content = _trace(flat, images, {} if static else dict(image=axes))
    difference = _difference(content, images, expected)
    if not difference <= tolerance:
        raise ValueError(
            f'onnxruntime differs from PyTorch by {difference:.1e}, more than '
            f'{tolerance:.0e}: the model has a step that is not exported as '
            'it is, or scores that are so close that they change places')
    write_atomically(os.fspath(path), content)
    return difference


def _check_packages() -> None:
    for package in ('onnx', 'onnxruntime'):
        if find_spec(package) is None:
            raise ImportError(f'export to ONNX needs the package {package}: '
                              "pip install 'mmsdag[onnx]'")


class _Flat(nn.Module):
    """A model whose results are a tuple of tensors."""

    def __init__(self, model: nn.Module, as_list: bool,
                 kwargs: Mapping[str, Any]) -> None:
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
            name if names.count(name) == 1 else f'{name}_{i}'
            for i, name in enumerate(names)
        ]
        return tuple(tensor for _, tensor in found)


def _named_tensors(results: Any, name: str = '') -> Iterator[
        tuple[str, Tensor]]:
    if isinstance(results, Tensor):
        yield name, results
    elif isinstance(results, Mapping):
        for key, value in results.items():
            yield from _named_tensors(value, str(key))
    elif isinstance(results, (list, tuple)):
        for value in results:
            yield from _named_tensors(value, name)


def _trace(flat: _Flat, images: Tensor,
           axes: dict[str, dict[int, str]]) -> bytes:
    # Before torch 2.5 there was no other exporter to choose.
    parameters = inspect.signature(torch.onnx.export).parameters
    older: dict[str, Any] = (
        dict(dynamo=False) if 'dynamo' in parameters else {})
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Of sizes taken for constants, and of the exporter's age.
        warnings.simplefilter('ignore')
        try:
            torch.onnx.export(
                flat, (images, ),
                file,  # type: ignore[arg-type]
                opset_version=_OPSET,
                input_names=['image'],
                output_names=list(flat.names),
                dynamic_axes=axes,
                **older)
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise ValueError(f'{type(flat.model).__name__} cannot be exported '
                             f'to ONNX: {error}') from error
    return file.getvalue()


def _difference(content: bytes, images: Tensor,
                expected: Sequence[Tensor]) -> float:
    """Between onnxruntime and PyTorch, relative to each output's largest."""
    import onnxruntime
    session = onnxruntime.InferenceSession(
        content, providers=['CPUExecutionProvider'])
    results = session.run(None, {'image': images.numpy()})
    differences = [torch.zeros(())]
    for result, tensor in zip(results, expected):
        if result.shape != tuple(tensor.shape):
            raise ValueError(
                f'onnxruntime gives an output of shape {result.shape}, '
                f'PyTorch {tuple(tensor.shape)}')
        if tensor.numel():
            tensor = tensor.double()
            error = (torch.from_numpy(result).double() - tensor).abs().max()
            differences.append(error / tensor.abs().max().clamp(min=1))
    return torch.stack([d.double() for d in differences]).max().item()
