"""Common steps of ONNX export: trace a module, run the file, compare."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn

# The newest that every exporter since torch 2.0 writes.
_OPSET = 17
#: Free sizes of images (N, 3, H, W).
FREE_AXES = {0: 'batch', 2: 'height', 3: 'width'}


def check_packages() -> None:
    """Raise an ``ImportError`` if onnx or onnxruntime is missing."""
    for package in ('onnx', 'onnxruntime'):
        if find_spec(package) is None:
            raise ImportError(
                f"export to ONNX needs the package {package}: pip install 'mmsdag[onnx]'"
            )


def check_shape(static: Sequence[int] | None) -> None:
    """Raise a ``ValueError`` unless a fixed shape is (N, H, W), or None."""
    if static is not None and (len(static) != 3 or min(static) < 1):
        raise ValueError(
            f'static={static!r}: must be (N, H, W), the number '
            'of images, their height and width, or None'
        )


def trace(
    module: nn.Module,
    image: Tensor,
    outputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
    name: str,
) -> bytes:
    """Export a module to ONNX.

    The exporter is PyTorch's older one, which traces: it is there since torch
    2.0, keeps sizes dynamic and needs no package but ``onnx``. The newer one
    came with torch 2.5 and asks for ``onnxscript``.

    Args:
        module: Takes images, returns a tensor or a tuple of tensors.
        image: (N, 3, H, W), the input ``image``.
        outputs: Names of the outputs.
        axes: Names of the free sizes of inputs and outputs.
        name: Of the network, for messages.

    Returns:
        The content of the file.

    Raises:
        ValueError: If ONNX cannot say what the module does.
    """
    # Before torch 2.5 there was no other exporter to choose.
    parameters = inspect.signature(torch.onnx.export).parameters
    older: dict[str, Any] = dict(dynamo=False) if 'dynamo' in parameters else {}
    file = io.BytesIO()
    with warnings.catch_warnings():
        # Of sizes taken for constants, which a check at other sizes finds,
        # and of the exporter's age.
        warnings.simplefilter('ignore')
        try:
            torch.onnx.export(
                module,
                (image,),
                file,  # type: ignore[arg-type]
                opset_version=_OPSET,
                input_names=['image'],
                output_names=list(outputs),
                dynamic_axes={k: dict(v) for k, v in axes.items()},
                **older,
            )
        except (torch.onnx.errors.OnnxExporterError, RuntimeError) as error:
            raise ValueError(f'{name} cannot be exported to ONNX: {error}') from error
    return file.getvalue()


def largest_difference(
    content: bytes, module: nn.Module, batches: Iterable[Tensor], name: str, relative: bool
) -> float:
    """Compare onnxruntime with PyTorch on batches of images.

    Args:
        content: Of the ONNX file.
        module: What was exported.
        batches: Each (N, 3, H, W).
        name: Of the network, for messages.
        relative: Divide the difference of floating-point outputs by their
            largest absolute value, if that is above 1.

    Returns:
        The largest absolute difference, or the largest share of integers that
        differ.

    Raises:
        ValueError: If onnxruntime cannot run the file, or its outputs have
            other shapes.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=['CPUExecutionProvider'])
    if not session.get_inputs():
        raise ValueError(
            f'{name} cannot be exported to ONNX: it computes outside of '
            'PyTorch, as with OpenCV or NumPy'
        )
    differences = [torch.zeros((), dtype=torch.double)]
    for batch in batches:
        try:
            found = session.run(None, {'image': batch.numpy()})
        except Exception as error:  # the only base that its errors have
            raise ValueError(
                f'{name} cannot be exported to ONNX, onnxruntime fails at '
                f'images {tuple(batch.shape)}: {error}'
            ) from error
        expected = module(batch)
        if isinstance(expected, Tensor):
            expected = (expected,)
        for array, tensor in zip(found, expected):
            if array.shape != tuple(tensor.shape):
                raise ValueError(
                    f'{name}: onnxruntime gives an output of shape '
                    f'{array.shape}, PyTorch {tuple(tensor.shape)}'
                )
            if tensor.numel():
                differences.append(_difference(torch.from_numpy(array), tensor, relative))
    # A NaN stays one, other than with Python's max.
    return torch.stack(differences).max().item()


def _difference(found: Tensor, expected: Tensor, relative: bool) -> Tensor:
    if not expected.is_floating_point():
        return (found != expected).double().mean()
    error = (found.double() - expected.double()).abs().max()
    scale = expected.abs().max().double().clamp(min=1)
    return error / scale if relative else error
