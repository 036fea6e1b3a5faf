"""Enhancers as ONNX files, for runtimes without PyTorch."""
from __future__ import annotations

import copy
import inspect
import io
import os
import warnings
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

from mmsdag.utils import write_atomically

#: Largest difference to PyTorch that an exported network may have.
TOLERANCE = 1e-4

_REMEDY = "pip install 'mmsdag[onnx]'"
# The newest that every exporter since torch 2.0 writes.
_OPSET = 17
# Odd, and the batches and sizes of the check differ from it in all they can:
# what the trace took for a constant shows.
_TRACED = (1, 3, 37, 53)
_CHECKED = ((1, 3, 33, 50), (2, 3, 64, 48), (3, 3, 57, 21))


def export_onnx(network: nn.Module, path: str | os.PathLike[str]) -> float:
    """Write an enhancer's ``enhance`` as an ONNX file.

    Its input ``image`` and output ``enhanced`` are (N, 3, H, W), RGB,
    [0, 1], float32, of any N, H and W that the network takes. The file is
    written once onnxruntime has computed from it what PyTorch computes, on
    noise of other sizes than the exporter has seen.

    The exporter is PyTorch's older one, which traces: it is there since torch
    2.0, keeps sizes dynamic and needs no package but ``onnx``. The newer one
    came with torch 2.5 and asks for ``onnxscript``.

    Args:
        network: A module with ``enhance(x)``; it is not changed. What it does
            on a CPU in float32 and eval mode is exported.
        path: File to write; missing folders are made.

    Returns:
        The largest absolute difference to PyTorch.

    Raises:
        ImportError: If onnx or onnxruntime is missing.
        ValueError: If ONNX cannot say what the network does, or onnxruntime
            computes something else from it.
    """
    for package in ('onnx', 'onnxruntime'):
        if find_spec(package) is None:
            raise ImportError(
                f'export to ONNX needs the package {package}: {_REMEDY}')
    module = _Enhance(copy.deepcopy(network).cpu().float()).eval()
    name = type(network).__name__
    with torch.no_grad():
        content = _trace(module, name)
        difference = _difference(content, module, name)
    if not difference <= TOLERANCE:
        raise ValueError(
            f'onnxruntime differs from {name} in PyTorch by {difference:.1e}, '
            f'more than {TOLERANCE:.0e}: enhance(x) has a step that depends '
            'on the size of x but is no tensor operation')
    write_atomically(os.fspath(path), content)
    return difference


class _Enhance(nn.Module):
    """Exporters call ``forward``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.enhance(x)  # type: ignore[operator]


def _trace(module: nn.Module, name: str) -> bytes:
    file = io.BytesIO()
    # Before torch 2.5 there was no other exporter to choose.
    parameters = inspect.signature(torch.onnx.export).parameters
    older: dict[str, Any] = (
        dict(dynamo=False) if 'dynamo' in parameters else {})
    axes = {0: 'batch', 2: 'height', 3: 'width'}
    with warnings.catch_warnings():
        # Of sizes taken for constants, which the check would find, and of
        # the exporter's age.
        warnings.simplefilter('ignore')
        try:
            torch.onnx.export(
                module, (torch.full(_TRACED, 0.5), ),
                file,  # type: ignore[arg-type]
                opset_version=_OPSET,
                input_names=['image'],
                output_names=['enhanced'],
                dynamic_axes=dict(image=axes, enhanced=axes),
                **older)
        except torch.onnx.errors.OnnxExporterError as error:
            raise ValueError(
                f'{name} cannot be exported to ONNX: {error}') from error
    return file.getvalue()


def _difference(content: bytes, module: nn.Module, name: str) -> float:
    """Between onnxruntime and PyTorch, max abs."""
    import onnxruntime
    session = onnxruntime.InferenceSession(
        content, providers=['CPUExecutionProvider'])
    if not session.get_inputs():
        raise ValueError(
            f'{name} cannot be exported to ONNX: it computes outside of '
            'PyTorch, as with OpenCV or NumPy')
    generator = torch.Generator().manual_seed(0)
    differences = []
    for shape in _CHECKED:
        x = torch.rand(shape, generator=generator)
        try:
            enhanced, = session.run(None, {'image': x.numpy()})
        except Exception as error:  # the only base that its errors have
            raise ValueError(
                f'{name} cannot be exported to ONNX, onnxruntime fails at '
                f'images {shape}: {error}') from error
        differences.append(
            (torch.from_numpy(enhanced) - module(x)).abs().max())
    # A NaN stays one, other than with Python's max.
    return torch.stack(differences).max().item()
