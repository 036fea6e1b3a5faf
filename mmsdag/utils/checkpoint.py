"""Checkpoints that cannot run code, and weights without denormals.

A checkpoint is a pickle, and a pickle can run anything.
:func:`load_checkpoint` has the semantics of ``torch.load(weights_only=True)``,
wherever the file comes from; after :func:`register_safe_loading`, so has
MMEngine (``load_from``, ``resume``, ``init_cfg``).
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine import fileio
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler import OneCycleParamScheduler
from mmengine.runner import (
    CheckpointLoader,
    get_deprecated_model_names,
    get_external_models,
    get_mmcls_models,
    get_torchvision_models,
)
from mmengine.utils import digit_version
from torch import Tensor, nn

from .files import write_atomically
from .suggestions import did_you_mean

#: Parts of a training checkpoint that are no weights. Tiny numbers mean
#: something in there (Adam's squared gradients), and cost little.
_NO_WEIGHTS = ('meta', 'message_hub', 'optimizer', 'param_schedulers')

#: Functions that return the URLs of the models of a scheme.
_ZOOS: dict[str, Callable[[], Mapping[str, str]]] = {
    'torchvision': get_torchvision_models,
    'modelzoo': get_torchvision_models,
    'openmmlab': get_external_models,
    'open-mmlab': get_external_models,
    'mmcls': get_mmcls_models,
}
#: What MMEngine registers loaders for: beginnings of names, as patterns.
_SCHEMES = (
    '',
    'http://',
    'https://',
    *(f'{zoo}://' for zoo in _ZOOS),
    r'(\S+\:)?s3://',
    r'(\S+\:)?petrel://',
    'pavi://',
)


#: Methods in training checkpoints: of the log's statistics, and of the
#: schedule OneCycleLR, which keeps its annealing function.
_METHODS: dict[type, tuple[str, ...]] = {
    HistoryBuffer: ('current', 'max', 'mean', 'min'),
    OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear'),
}


def _method(owner: Any, name: str) -> Callable:
    """Replace ``getattr`` in checkpoints: return only the methods listed above.

    Methods are pickled as calls of ``getattr``; the built-in one would give a
    pickle write access to ``__globals__``.
    """
    if not (isinstance(owner, type) and name in _METHODS.get(owner, ())):
        raise pickle.UnpicklingError(f'GLOBAL getattr({owner!r}, {name!r})')
    return getattr(owner, name)


def allow_training_checkpoints() -> None:
    """Let ``torch.load(weights_only=True)`` load MMEngine's checkpoints.

    Adds to torch's list of safe globals exactly what they need beyond
    tensors. Without it MMEngine cannot resume its own trainings on torch 2.6
    or later. Before torch 2.4 there is no such list.
    """
    if not hasattr(torch.serialization, 'add_safe_globals'):
        return
    dtypes = {type(np.dtype(code)) for code in '?bhilqBHILQefdU'}
    # The functions behind pickled arrays and scalars, whose module has
    # another name in numpy 2.
    rebuild: list[Any] = [pickled.__reduce__()[0] for pickled in (np.zeros(0), np.float64(0))]
    getattr_: Any = (_method, 'builtins.getattr')
    if digit_version(torch.__version__) < digit_version('2.6'):
        # It takes no name, but looks for that of the function.
        getattr_ = _method
        getattr_.__module__ = 'builtins'
        getattr_.__qualname__ = getattr_.__name__ = 'getattr'
    torch.serialization.add_safe_globals(
        [
            *_METHODS,
            getattr_,
            np.ndarray,
            np.dtype,
            *dtypes,
            *rebuild,
            # Bytes in pickles of numpy 1, which torch < 2.5 does not know.
            codecs.encode,
        ]
    )


def _explain(source: str, error: Exception) -> str:
    text = str(error)
    wanted = re.search(r'(?:GLOBAL|class) (getattr\(.*\)|\S+)', text)
    if isinstance(error, pickle.UnpicklingError) and wanted:
        remedy = 'load it where it can do no harm and save its tensors alone (a dict of tensors)'
        if not hasattr(torch.serialization, 'add_safe_globals'):
            remedy += (
                '; if it is a training checkpoint of your own, resume '
                f'it with torch >= 2.4 (this is {torch.__version__})'
            )
        return (
            f'checkpoint {source!r} is refused: loading it would import {wanted[1]!r}, which is no '
            'part of a checkpoint and could run any code. Nothing of it was run. If you trust it, '
            f'{remedy}'
        )
    if 'TorchScript' in text:
        return (
            f'checkpoint {source!r} is a TorchScript program, not '
            'weights: save its state_dict() with torch.save'
        )
    lines = text.strip().splitlines() or [type(error).__name__]
    return (
        f'checkpoint {source!r} cannot be read: it is damaged, cut off, or no checkpoint '
        f'({lines[-1][:200]}). Copy or download it again'
    )


def load_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Load a checkpoint without running any of it.

    Training checkpoints of MMEngine load too (optimizer, schedulers, message
    hub, EMA), on torch >= 2.4; older ones load plain weights. Denormal
    weights come out as zeros, see :func:`flush_denormals`.

    Args:
        path: File; or what MMEngine loads from: a URL, a model of
            ``torchvision://``, ``openmmlab://`` or ``mmcls://``, an object
            of ``s3://`` or of another storage of ``mmengine.fileio``.
        map_location: As for ``torch.load``.

    Raises:
        FileNotFoundError: If there is no such file, or it is a folder.
        ValueError: If it is damaged, or would import what is no part of a
            checkpoint: nothing of it has run. If the model or the storage is
            not known.
    """
    source = str(path)
    file = _fetch(source) if '://' in source else _find(source)
    # At each call, as OneDL's MMEngine removes them from torch's list.
    allow_training_checkpoints()
    try:
        content = torch.load(file, map_location=map_location, weights_only=True)
    except Exception as error:
        # torch seeks to impossible places in a file that is cut off.
        elsewhere = isinstance(error, OSError) and error.errno != errno.EINVAL
        wrong_device = 'map_location' in str(error)
        if elsewhere or wrong_device:
            raise
        # torch's own advice is to switch the protection off: not repeated.
        raise ValueError(_explain(source, error)) from None
    if source.startswith('mmcls://'):  # of a classifier, its backbone
        weights = content.get('state_dict', content)
        content = dict(
            state_dict={
                name.removeprefix('backbone.'): value
                for name, value in weights.items()
                if name.startswith('backbone.')
            }
        )
    return _flush_weights(content)


def _find(name: str) -> Path:
    """Find a local file."""
    if not name:
        raise FileNotFoundError("checkpoint '' is an empty name: give a file")
    path = Path(name).expanduser()
    if path.is_dir():
        raise FileNotFoundError(f'checkpoint {str(path)!r} is a folder: name the .pth file in it')
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint {str(path)!r} does not exist')
    if path.stat().st_size == 0:
        raise ValueError(f'checkpoint {str(path)!r} is empty (0 bytes): copy or download it again')
    return path


def _fetch(source: str) -> Path | BinaryIO:
    """Fetch what has a scheme; downloads stay in torch's cache."""
    scheme, _, name = source.partition('://')
    url = source
    if scheme in _ZOOS:
        urls = _ZOOS[scheme]()
        name = get_deprecated_model_names().get(name, name)
        if not urls.get(name):
            raise ValueError(
                f'checkpoint {source!r}: {scheme} has no such model; {did_you_mean(name, urls)}'
            )
        url = urls[name]
    if not url.startswith(('http://', 'https://')):
        try:
            return io.BytesIO(fileio.get(url))
        except KeyError:  # a storage that MMEngine does not know
            raise ValueError(
                f'checkpoint {source!r}: cannot load from {scheme}://; download it and name the '
                'file'
            ) from None
    path = Path(torch.hub.get_dir(), 'checkpoints', Path(urlparse(url).path).name)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        # To a temporary name first, so that processes need not wait.
        torch.hub.download_url_to_file(url, str(path))
    return path


def check_finite(weights: Mapping[str, Tensor], path: str | os.PathLike[str]) -> None:
    """Refuse weights that are infinite or undefined.

    Raises:
        ValueError: If one is infinite or undefined; names it, and the
            checkpoint.
    """
    broken = [
        name
        for name, value in weights.items()
        if value.is_floating_point() and not value.isfinite().all()
    ]
    if broken:
        raise ValueError(
            f'checkpoint {str(path)!r}: {len(broken)} of {len(weights)} '
            f'weights are infinite or undefined, e.g. {broken[0]!r}: the '
            'training that wrote it had diverged; take an earlier one'
        )


def save_checkpoint(content: Mapping[str, Any], path: str | Path) -> None:
    """Save atomically; see :func:`mmsdag.utils.write_atomically`."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_atomically(path, buffer.getvalue())


@torch.no_grad()
def flush_denormals(weights: Any, threshold: float = 1e-30) -> None:
    """Set weights below ``threshold`` to zero, in place.

    Denormal numbers slow a CPU's arithmetic down forty-fold (the published
    Zero-DCE weights: 5.4 s instead of 0.14 s for 256 x 256 pixels), and
    contribute nothing: outputs stay equal to 1e-6.

    Args:
        weights: A module (its parameters and buffers), a tensor, or nested
            dicts, lists and tuples of tensors. Integers are left alone, and
            so is float16, in which the threshold is 0.
        threshold: Largest absolute value that becomes zero.
    """
    if isinstance(weights, nn.Module):
        weights = [*weights.parameters(), *weights.buffers()]
    elif isinstance(weights, Mapping):
        weights = list(weights.values())
    if isinstance(weights, (list, tuple)):
        for item in weights:
            flush_denormals(item, threshold)
    elif (
        isinstance(weights, Tensor)
        and weights.layout is torch.strided
        and weights.dtype in (torch.float32, torch.float64, torch.bfloat16)
    ):
        torch.hardshrink(weights, threshold, out=weights)


def _flush_weights(content: Any) -> Any:
    if isinstance(content, Mapping):
        flush_denormals([v for k, v in content.items() if k not in _NO_WEIGHTS])
    else:
        flush_denormals(content)
    return content


def find_latest_checkpoint(work_dir: str | Path) -> Path | None:
    """Find the checkpoint to resume an interrupted training from.

    Args:
        work_dir: Folder of the training.

    Returns:
        The file named in ``last_checkpoint``, also after the folder was moved;
        None if nothing was saved yet.

    Raises:
        FileNotFoundError: If ``last_checkpoint`` names a missing file.
    """
    pointer = Path(work_dir) / 'last_checkpoint'
    if not pointer.is_file():
        return None
    named = Path(pointer.read_text().strip())
    for path in (named, pointer.parent / named.name):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f'{str(pointer)!r} names {str(named)!r}, which does not exist: name another '
        'checkpoint to resume from, or delete last_checkpoint to start again'
    )


def load_from_mmsdag(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint for MMEngine, which logs the end of this name."""
    return load_checkpoint(filename, map_location)


def register_safe_loading() -> None:
    """Make MMEngine load every checkpoint of this process safely.

    The tools that train and test call it. Left alone, MMEngine lets torch
    decide, which runs any pickle before torch 2.6; OneDL's loads again
    without protection what torch refuses.
    """
    CheckpointLoader.register_scheme(_SCHEMES, load_from_mmsdag, force=True)


def check_fit(model: nn.Module, checkpoint: str, where: str) -> None:
    """Check that a checkpoint belongs to a model.

    MMEngine only warns of missing weights, even if all are missing.

    Args:
        model: The model. Its data preprocessor, which may hold an enhancer
            with weights of its own, is not compared.
        checkpoint: File, or URL, which is not checked.
        where: Config key or option of the checkpoint, for the message.

    Raises:
        ValueError: If no weight fits by name and shape.
    """
    if '://' in checkpoint:
        return
    content = load_checkpoint(checkpoint)
    weights = content.get('state_dict', content)
    own = {
        name: value
        for name, value in model.state_dict().items()
        if not name.startswith('data_preprocessor.')
    }
    if own and not any(
        name in weights and weights[name].shape == value.shape for name, value in own.items()
    ):
        raise ValueError(
            f'{where} {checkpoint!r} is not one of {type(model).__name__}: none of its weights '
            f'({", ".join(list(weights)[:2])}, ...) fits the '
            f"model's ({', '.join(list(own)[:2])}, ...); give the file that belongs to the config. "
            "Files of the methods' authors go through `mmsdag convert` first"
        )
