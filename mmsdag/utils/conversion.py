"""Convert checkpoints: of methods' authors to ours, of trainings to share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from mmsdag.registry import MODELS
from mmsdag.version import __version__

from .checkpoint import load_checkpoint, save_checkpoint


@dataclass(frozen=True)
class Method:
    """Translation of an authors' file to our network.

    Attributes:
        network: Config of our network, whose weights the result must fill.
        renaming: Regular expressions and replacements for the names of the
            weights, applied in order.
        keys: Names of the sets of weights that the authors' file holds, the
            one that they guide or infer with first; empty for a file that is
            one set.
        settings: By a word in the name of the file: options of the network
            with which the authors use these weights.
    """

    network: dict
    renaming: tuple[tuple[str, str], ...]
    keys: tuple[str, ...] = ()
    settings: Mapping[str, dict] = field(default_factory=dict)


def _coupling_blocks() -> tuple[tuple[str, str], ...]:
    return tuple(
        (rf'^process{i + 1}\.{name}\.', f'blocks.{i}.{name.lower()}.')
        for i in range(3)
        for name in 'FGH'
    )


def _cell_steps() -> tuple[tuple[str, str], ...]:
    return tuple(
        (rf'\.c{i + 1}_{name[0]}\.op\.', f'.{name}.{i}.conv.')
        for i in range(3)
        for name in ('distil', 'refine')
    )


def _unet_stages() -> tuple[tuple[str, str], ...]:
    return tuple(
        (rf'^{theirs}{stage}_', f'{place}.{ours}')
        for stage, place in enumerate(
            [*(f'encoder.{i}' for i in range(5)), *(f'decoder.{i}.stage' for i in range(4))], 1
        )
        for theirs, ours in (('conv', 'conv'), ('bn', 'norm'))
    )


METHODS = {
    'sdag': Method(
        network=dict(
            type='mmsdag.SDAGNet', extractor=dict(type='mmsdag.VGGExtractor', init_cfg=None)
        ),
        renaming=(
            (r'^vgg_extractor\.slice1\.', 'extractor.features.'),
            *_coupling_blocks(),
            (r'\.conv_(\d)\.', r'.conv\1.'),
            (r'^ConvOut\.', 'head.'),
        ),
        keys=('params', 'params_ema'),
    ),
    'zero-dce': Method(network=dict(type='mmsdag.ZeroDCENet'), renaming=((r'^e_conv', 'conv'),)),
    'zero-dce-pp': Method(
        network=dict(type='mmsdag.ZeroDCEPPNet'), renaming=((r'^e_conv', 'conv'),)
    ),
    'sci': Method(
        network=dict(type='mmsdag.SCINet'),
        renaming=(
            (r'^enhance\.', 'illumination.'),
            (r'^calibrate\.', 'calibration.'),
            (r'\.in_conv\.', '.stem.'),
            # One block under the names of all its applications.
            (r'\.(convs?|blocks\.\d)\.', '.block.'),
            (r'\.out_conv\.0\.', '.head.'),
        ),
    ),
    'ruas': Method(
        network=dict(type='mmsdag.RUASNet'),
        renaming=(
            (r'^enhance_net\.iems\.(\d)\.cell\.', r'illumination.cells.\1.'),
            (r'^denoise_net\.nrms\.', 'denoiser.cells.'),
            (r'^denoise_net\.activate\.0\.', 'denoiser.head.'),
            (r'^denoise_net\.', 'denoiser.'),
            *_cell_steps(),
            (r'\.c4\.op\.', '.last.conv.'),
            (r'\.c5\.', '.fuse.'),
        ),
        settings=dict(lol=dict(denoise=True), upe=dict(denoise=False), dark=dict(denoise=False)),
    ),
    'enlighten-gan': Method(
        network=dict(type='mmsdag.EnlightenGANNet'),
        renaming=(
            *_unet_stages(),
            *((rf'^deconv{i + 5}\.', f'decoder.{i}.reduce.') for i in range(4)),
            (r'^conv10\.', 'head.'),
        ),
    ),
    'pairlie': Method(
        network=dict(type='mmsdag.PairLIENet'),
        renaming=(
            *(
                (rf'^{letter}_net\.{letter}_net\.', f'{name}.')
                for letter, name in (
                    ('N', 'projection'),
                    ('L', 'illumination'),
                    ('R', 'reflectance'),
                )
            ),
            # Theirs counts the padding as a layer.
            *((rf'\.{3 * i + 1}\.', f'.{2 * i}.') for i in range(5)),
        ),
    ),
    'zero-ig': Method(
        network=dict(type='mmsdag.ZeroIGNet'),
        renaming=(
            (r'^enhance\.', 'illumination.'),
            (r'\.in_conv\.', '.stem.'),
            (r'\.(conv|blocks\.\d)\.', '.block.'),
            (r'\.out_conv\.0\.', '.head.'),
            *(
                (rf'^denoise_{number}\.conv{i + 1}\.', f'{name}.{2 * i}.')
                for number, name in ((1, 'denoiser'), (2, 'refiner'))
                for i in range(3)
            ),
        ),
    ),
}


def convert(method: str, source: Path, key: str | None = None) -> dict:
    """Convert an authors' checkpoint to one of this package.

    Args:
        method: Name in :data:`METHODS`.
        source: The authors' file.
        key: Which of its sets of weights; by default the first of the
            method's.

    Returns:
        ``state_dict`` with the prefix ``generator.``, and ``meta``; its
        ``generator`` holds the options of the network that belong to these
        weights, which :func:`mmsdag.models.load_enhancer` applies.

    Raises:
        ValueError: If the file does not fit the method's network.
    """
    recipe = METHODS[method]
    if key is not None and key not in recipe.keys:
        raise ValueError(
            f'--key {key}: files of {method} hold '
            + (
                f'{" and ".join(recipe.keys)}'
                if recipe.keys
                else 'one set of weights, leave --key out'
            )
        )
    weights = load_checkpoint(source)
    key = key or next(iter(recipe.keys), None)
    if key is not None:
        if not isinstance(weights, Mapping) or key not in weights:
            raise ValueError(
                f'{str(source)!r} has no {key!r} but {_some(weights)}: is it a file of {method}?'
            )
        weights = weights[key]
    if not (isinstance(weights, Mapping) and all(isinstance(w, Tensor) for w in weights.values())):
        raise ValueError(
            f'{str(source)!r} is not a file of {method}: it '
            'does not hold a dict of tensors' + (f' under {key!r}' if key else '')
        )
    renamed = _rename_all(weights, recipe, source)
    _check_fit(renamed, weights, recipe, method, source)
    return dict(
        state_dict={f'generator.{name}': w.detach().clone() for name, w in renamed.items()},
        meta=dict(
            method=method,
            source=source.name,
            source_sha256=hashlib.sha256(source.read_bytes()).hexdigest(),
            source_key=key,
            mmsdag_version=__version__,
            generator=_settings(recipe, source),
        ),
    )


def _settings(recipe: Method, source: Path) -> dict:
    """Options of the network that belong to the weights of a file."""
    words = re.split(r'[^a-z0-9]+', source.stem.lower())
    return next((dict(recipe.settings[word]) for word in words if word in recipe.settings), {})


def _rename_all(weights: Mapping[str, Tensor], recipe: Method, source: Path) -> dict[str, Tensor]:
    """Rename weights; copies of tied ones count once."""
    renamed: dict[str, Tensor] = {}
    for name, weight in weights.items():
        ours = _rename(name, recipe)
        if ours in renamed and not torch.equal(renamed[ours], weight):
            raise ValueError(
                f'{str(source)!r}: {name} differs from another copy of '
                f'{ours}, which our network has once'
            )
        renamed[ours] = weight
    return renamed


def _rename(name: str, recipe: Method) -> str:
    # DataParallel, which some authors trained with, adds it.
    name = re.sub(r'^module\.', '', name)
    for pattern, replacement in recipe.renaming:
        name = re.sub(pattern, replacement, name)
    return name


def _check_fit(
    renamed: Mapping[str, Tensor],
    original: Mapping[str, Tensor],
    recipe: Method,
    method: str,
    source: Path,
) -> None:
    own = MODELS.build(recipe.network).state_dict()
    surplus = [name for name in original if _rename(name, recipe) not in own]
    # Counted since PyTorch 0.4.1; where it is missing, loading fills it in.
    missing = [
        name for name in own if name not in renamed and not name.endswith('.num_batches_tracked')
    ]
    unfit = [
        f'{name} {tuple(renamed[name].shape)} instead of {tuple(w.shape)}'
        for name, w in own.items()
        if name in renamed and renamed[name].shape != w.shape
    ]
    faults = [
        f'{what}: {_some(names)}'
        for what, names in (
            ('without a place in our network', surplus),
            ('missing (our names)', missing),
            ('of another shape', unfit),
        )
        if names
    ]
    if faults:
        raise ValueError(f'{str(source)!r} is not a file of {method}; weights {"; ".join(faults)}')


def _some(names: Sequence[str] | Mapping[str, object]) -> str:
    names = list(names)
    rest = f' and {len(names) - 4} more' if len(names) > 4 else ''
    return ', '.join(map(str, names[:4])) + rest


def publish(source: Path, target: Path, half: bool = False) -> str:
    """Write the weights of a training checkpoint to a file to share.

    With MMEngine's ``EMAHook`` these are the averaged ones. ``meta`` keeps
    the seed, the iteration and MMEngine's version; optimizer, schedulers,
    logs and paths of the machine are dropped.

    Args:
        source: Checkpoint of ``tools/train.py``.
        target: File to write.
        half: Store the weights in float16, half as large. Measure what that
            changes.

    Returns:
        SHA-256 of the file.

    Raises:
        ValueError: If ``source`` holds no ``state_dict``.
    """
    content = load_checkpoint(source)
    if 'state_dict' not in content:
        raise ValueError(
            f'{str(source)!r} is no checkpoint of tools/train.py: it holds {sorted(content)[:4]}'
        )
    meta = content.get('meta', {})
    kept = {key: meta[key] for key in ('iter', 'seed', 'mmengine_version') if key in meta}
    weights = content['state_dict']
    if half:
        weights = {
            name: value.half() if value.is_floating_point() else value
            for name, value in weights.items()
        }
    save_checkpoint(dict(state_dict=weights, meta=kept), target)
    return hashlib.sha256(target.read_bytes()).hexdigest()
