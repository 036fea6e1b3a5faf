"""Load an enhancer, or a network that guides one, and its checkpoint.

The only loader: detectors, inferencers, losses and tools get their networks
here.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple, Union

from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmsdag.registry import MODELS, SCOPE
from mmsdag.utils import check_finite, load_checkpoint
from mmsdag.utils.configs import CONFIG_SUFFIXES
from mmsdag.utils.model_index import (
    GUIDANCE,
    TASK,
    find_checkpoint,
    find_model,
    short_names,
    trained_models,
)
from mmsdag.utils.moved import moved_names

from .frozen import freeze

#: What describes a network; see :func:`network_config`.
EnhancerLike = Union[str, 'os.PathLike[str]', Mapping]
Checkpoint = Union[str, 'os.PathLike[str]', None]

#: Of the weights of a network in a checkpoint of its own training, and of
#: the detector, segmentor or classifier that an enhancer was trained with.
_PREFIXES = ('generator.', 'data_preprocessor.enhancer.')

__getattr__ = moved_names(
    __name__,
    dict(
        build_enhancer=f'{__name__}:load_enhancer',
        enhancer_config=f'{__name__}:network_config',
        with_weights=f'{__name__}:resolve',
    ),
)


class Role(NamedTuple):
    """Purpose for which a network is loaded.

    Attributes:
        argument: Argument that describes it, for messages.
        task: Task of the trained models that it may be.
        method: Method that it must have.
        example: Type of one, for messages.
    """

    argument: str
    task: str
    method: str
    example: str


ENHANCER = Role('enhancer', TASK, 'enhance', 'mmsdag.GammaEnhancer')
GUIDE = Role('sdag', GUIDANCE, 'forward', 'mmsdag.SDAGNet')


def load_enhancer(
    enhancer: EnhancerLike, checkpoint: Checkpoint = None, weights_required: bool = True
) -> nn.Module:
    """Build an enhancer and load its checkpoint, strictly.

    Args:
        enhancer: See :func:`network_config`.
        checkpoint: See :func:`load_network`.
        weights_required: Whether an enhancer that has weights must have a
            checkpoint too; without it, they are initialized.

    Returns:
        A module with ``enhance(x)``, images (N, 3, H, W), RGB, [0, 1] to the
        same; in eval mode, and frozen.

    Raises:
        FileNotFoundError: If the config or the checkpoint is missing.
        TypeError: If ``enhancer`` is neither a dict nor a path.
        ValueError: If it describes no enhancer, or the checkpoint is not of
            it, not finite, or left out although it has weights.
    """
    return load_network(enhancer, checkpoint, ENHANCER, weights_required)


def load_network(
    source: EnhancerLike, checkpoint: Checkpoint, role: Role, weights_required: bool = True
) -> nn.Module:
    """Build a network and load its checkpoint, strictly.

    Args:
        source: See :func:`network_config`.
        checkpoint: File whose ``state_dict`` holds the weights with the
            prefix ``generator.`` or none: trained here, or converted by
            ``mmsdag convert``; the checkpoint of a detector, segmentor or
            classifier that an enhancer was trained with; or the name of a
            trained model. For an :class:`EnhancerWrapper` also the file of
            the network that it wraps. Options of the network in
            ``meta['generator']`` replace those of the config, unless
            ``source`` is the network's own config. ``None`` for an enhancer
            that has no weights, and for a trained model by its name, which
            has its own.
        role: What it is for.
        weights_required: See :func:`load_enhancer`.

    Returns:
        The network, in eval mode, and frozen.

    Raises:
        FileNotFoundError, TypeError, ValueError: See :func:`load_enhancer`.
    """
    config, name = network_config(source, role)
    _, checkpoint = resolve(source, checkpoint, role)
    if not isinstance(checkpoint, (str, os.PathLike, type(None))):
        raise TypeError(
            f'checkpoint={checkpoint!r} of {role.argument}: must be a file, '
            'the name of a trained model, or None'
        )
    content: Any = {}
    if checkpoint is not None:
        content = load_checkpoint(os.fspath(checkpoint))
        config.update(_settings(content, source))
    scope = config.pop('_scope_', None)
    network = _build(_with_scope(config) if scope is None else config, scope, name, role)
    if checkpoint is not None:
        _load_weights(network, content, checkpoint, name, role)
    elif network.state_dict() and not getattr(network, 'has_weights', False):
        if weights_required:
            raise ValueError(
                f'{name}: {type(network).__name__} has weights, but there is no checkpoint; give '
                f'the file that they are in as checkpoint{_trained_by(name, role)}'
            )
        if isinstance(network, BaseModule):
            network.init_weights()
    return freeze(network)


def _build(config: dict, scope: str | None, name: str, role: Role) -> nn.Module:
    with DefaultScope.overwrite_default_scope(scope):
        # A copy: a module that is part of it is not ours to freeze.
        network = MODELS.build(copy.deepcopy(config))
    if not callable(getattr(network, role.method, None)):
        raise ValueError(
            f'{role.argument}: {name}: {type(network).__name__} has no {role.method}(x); give '
            f"the config of a network that has, as in dict(type='{role.example}')"
        )
    return network


def _with_scope(node: Any) -> Any:
    """Prefix this package's types, so that they build in any scope."""
    if isinstance(node, Mapping):
        return {
            key: f'{SCOPE}.{value}'
            if key == 'type' and isinstance(value, str) and value in MODELS.module_dict
            else _with_scope(value)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return type(node)(_with_scope(item) for item in node)
    return node


def _load_weights(
    network: nn.Module, content: Any, checkpoint: str | os.PathLike[str], name: str, role: Role
) -> None:
    """Load the content of a checkpoint, strictly."""
    try:
        network.load_state_dict(_state_of(content))
    except RuntimeError as error:
        raise ValueError(
            f'checkpoint {str(checkpoint)!r} does not fit the network that {name} describes; give '
            f"one that does, set {role.argument} to the checkpoint's config, or convert an "
            f"author's file by `mmsdag convert`: {shorten(str(error), 300, placeholder=' …')}"
        ) from error
    check_finite(network.state_dict(), checkpoint)


def _trained_by(config: str, role: Role) -> str:
    """Suggest the models that were trained by a config, if there are any."""
    short = short_names(role.task)
    names = [
        short[model.name] for model in trained_models(role.task) if str(model.config) == config
    ]
    return (
        ', or the name of a model that was trained by this config: ' + ', '.join(names)
        if names
        else ''
    )


def resolve(
    source: EnhancerLike, checkpoint: Checkpoint = None, role: Role = ENHANCER
) -> tuple[EnhancerLike, Checkpoint]:
    """Find a network and its checkpoint, if they are called by a name.

    Args:
        source: As in :func:`network_config`.
        checkpoint: Checkpoint in the place of the model's own: a file, or
            the name of the trained model that has it.
        role: What the network is for.

    Raises:
        FileNotFoundError: If it is a name that nothing has.
    """
    if isinstance(source, (str, os.PathLike)):
        try:
            source, checkpoint = find_model(source, checkpoint, role.task)
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{role.argument}={str(source)!r}: {error}') from None
    if isinstance(checkpoint, (str, os.PathLike)) and str(checkpoint):
        checkpoint = find_checkpoint(checkpoint, role.task)
    return source, checkpoint


def network_config(source: EnhancerLike, role: Role = ENHANCER) -> tuple[dict[str, Any], str]:
    """Find the network in whatever describes it.

    Args:
        source: Config of a network (of an enhancer, one with ``enhance(x)``),
            as in ``dict(type='mmsdag.GammaEnhancer')``; of a model whose
            ``generator`` is one; or a whole config with such a ``model``: a
            ``Config``, a path, or the name of one in this package, as in
            ``'zero_dce/zero-dce_1xb8-1k_brackets'``; or a name that
            ``mmsdag models`` lists, as in ``'zero_dce.sdag'``.
        role: What it is for.

    Returns:
        The network's own config, and a name for messages.

    Raises:
        FileNotFoundError: If there is no such config file.
        TypeError: If ``source`` is neither a dict nor a path.
        ValueError: If there is no network in it.
    """
    node: Any = source
    argument = role.argument
    name = getattr(source, 'filename', None) or 'the config'
    if isinstance(source, (str, os.PathLike)):
        node, _ = resolve(source, role=role)
        name = str(source)
    if isinstance(node, Path):
        name = str(node)
        if node.suffix not in CONFIG_SUFFIXES:
            raise ValueError(
                f'{argument}={name!r} is not a config: give its config here, '
                'and weights as checkpoint'
            )
        node = Config.fromfile(name)
    elif not isinstance(node, (Mapping, Config)):
        raise TypeError(
            f'{argument}={source!r}: must be the config of a network, as in '
            f"dict(type='{role.example}'), the path of a config whose "
            'model.generator is one, or the name of a trained model'
        )
    scope = node.get('default_scope')
    if 'type' not in node:
        node = node.get('model') or {}
        if 'generator' not in node:
            raise ValueError(
                f'{argument}: {name} has no type and no model.generator; give the config of a '
                f"network, as in dict(type='{role.example}'), or one whose model.generator is one"
            )
    node = node.get('generator', node)
    if not isinstance(node, Mapping) or 'type' not in node:
        raise ValueError(f'{name}: {argument} is {node!r}, not a dict with a type')
    config = dict(node)
    if scope:
        config.setdefault('_scope_', scope)
    return config, name


def _settings(content: Any, source: EnhancerLike) -> dict[str, Any]:
    """Options of the network that belong to the weights of a checkpoint.

    A network's own config, given directly, takes precedence.
    """
    meta = content.get('meta') if isinstance(content, Mapping) else None
    settings = meta.get('generator') if isinstance(meta, Mapping) else None
    stated: Mapping = {}
    if isinstance(source, Mapping) and 'generator' not in source:
        stated = source
    return {key: value for key, value in (settings or {}).items() if key not in stated}


def _state_of(content: Any) -> dict[str, Tensor]:
    """Return the weights of the network in the content of a checkpoint."""
    weights: Mapping = {}
    if isinstance(content, Mapping):
        weights = content.get('state_dict', content)
    # Trained by itself, or with the detector that it is in front of.
    for prefix in _PREFIXES:
        state = {
            key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)
        }
        if state:
            return state
    return dict(weights)
