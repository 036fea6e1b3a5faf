"""Load an enhancer, by its name or config and a checkpoint.

The only loader: detectors, inferencers and tools get their enhancers here.
"""
from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any, Union

from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmsdag.registry import MODELS, SCOPE
from mmsdag.utils import check_finite, load_checkpoint
from mmsdag.utils.configs import CONFIG_SUFFIXES
from mmsdag.utils.model_index import (
    TASK,
    find_model,
    find_weights,
    trained_models,
)

from .enhancers.wrapper import EnhancerWrapper

#: What describes an enhancer; see :func:`enhancer_config`.
EnhancerLike = Union[str, 'os.PathLike[str]', Mapping]

#: Of the weights of an enhancer in a checkpoint of its own training, and of
#: the detector, segmentor or classifier that it was trained with.
_PREFIXES = ('generator.', 'data_preprocessor.enhancer.')


def load_enhancer(
        enhancer: EnhancerLike,
        checkpoint: str | os.PathLike[str] | None = None,
        weights_required: bool = True) -> nn.Module:
    """Build an enhancer and load its weights, strictly.

    Args:
        enhancer: See :func:`enhancer_config`.
        checkpoint: File whose ``state_dict`` holds the weights with the
            prefix ``generator.``: trained here, or converted by
            ``mmsdag convert``; the checkpoint of a detector, segmentor or
            classifier that the enhancer was trained with; or the name of a
            trained model. For an :class:`EnhancerWrapper` also the file of
            the network that it wraps, without the prefix. Options of the
            network in ``meta['generator']`` replace those of the config,
            unless ``enhancer`` is the network's own config. ``None`` for an
            enhancer that has no weights, and for a trained model by its
            name, which has its own.
        weights_required: Whether an enhancer that has weights must have a
            checkpoint too; without it, they are initialised.

    Returns:
        A module with ``enhance(x)``, images (N, 3, H, W), RGB, [0, 1] to the
        same; in eval mode, and frozen.

    Raises:
        FileNotFoundError: If the config or the checkpoint is missing.
        TypeError: If ``enhancer`` is neither a dict nor a path.
        ValueError: If it describes no enhancer, or the checkpoint is not of
            it, not finite, or left out although it has weights.
    """
    enhancer, checkpoint = with_weights(enhancer, checkpoint)
    config, name = enhancer_config(enhancer)
    if checkpoint is not None and not isinstance(checkpoint,
                                                 (str, os.PathLike)):
        raise TypeError(f'checkpoint={checkpoint!r} of an enhancer: must be a '
                        'file, or None')
    content: Any = {}
    if checkpoint is not None:
        content = load_checkpoint(os.fspath(checkpoint))
        config.update(_settings(content, enhancer))
    scope = config.pop('_scope_', None) or SCOPE
    with DefaultScope.overwrite_default_scope(scope):
        # A copy: a module that is part of it is not ours to freeze.
        network = MODELS.build(copy.deepcopy(config))
    if not callable(getattr(network, 'enhance', None)):
        raise ValueError(
            f'{name}: {type(network).__name__} has no enhance(x): it is no '
            'enhancer; give the config of one')
    if checkpoint is not None:
        _load_weights(network, content, checkpoint, name)
    elif network.state_dict() and not getattr(network, 'has_weights', False):
        if weights_required:
            raise ValueError(
                f'{name}: {type(network).__name__} has weights, but there is '
                'no checkpoint; give the file that they are in as '
                f'checkpoint{_trained_by(name)}')
        if isinstance(network, BaseModule):
            network.init_weights()
    return network.eval().requires_grad_(False)


#: Older name of :func:`load_enhancer`.
build_enhancer = load_enhancer


def _load_weights(network: nn.Module, content: Any,
                  checkpoint: str | os.PathLike[str], name: str) -> None:
    """Load the content of a checkpoint, strictly."""
    try:
        network.load_state_dict(_state_of(content, checkpoint, network))
    except RuntimeError as error:
        raise ValueError(
            f'checkpoint {str(checkpoint)!r} is not of the network that '
            f'{name} describes; give one that is, or the config of its '
            f'own: {shorten(str(error), 300, placeholder=" …")}') from error
    check_finite(network.state_dict(), checkpoint)


def _trained_by(config: str) -> str:
    """Suggest the models that were trained by a config, if there are any."""
    names = [model.names[0] for model in trained_models()
             if str(model.config) == config]
    return (', or the name of a model that was trained by this config: '
            + ', '.join(names) if names else '')


def with_weights(
    enhancer: EnhancerLike,
    checkpoint: str | os.PathLike[str] | None = None
) -> tuple[EnhancerLike, str | os.PathLike[str] | None]:
    """An enhancer and its weights, if they are called by a name.

    Args:
        enhancer: As in :func:`enhancer_config`.
        checkpoint: Weights in the place of the model's own: a file, or the
            name of the trained model that has them.

    Raises:
        FileNotFoundError: If it is a name that nothing has.
    """
    if isinstance(enhancer, (str, os.PathLike)):
        try:
            enhancer, checkpoint = find_model(enhancer, checkpoint)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'enhancer={str(enhancer)!r}: {error}') from None
    if isinstance(checkpoint, (str, os.PathLike)) and str(checkpoint):
        checkpoint = find_weights(checkpoint, TASK)
    return enhancer, checkpoint


def enhancer_config(enhancer: EnhancerLike) -> tuple[dict[str, Any], str]:
    """Find the network in whatever describes an enhancer.

    Args:
        enhancer: Config of a network with ``enhance(x)``, as in
            ``dict(type='mmsdag.GammaEnhancer')``; of a model whose
            ``generator`` is one; or a whole config with such a ``model``: a
            ``Config``, a path, or the name of one in this package, as in
            ``'zero_dce/zero-dce_1xb8-1k_brackets'``, or of a trained model,
            ``'zero-dce_sdag'``.

    Returns:
        The network's own config, and a name for messages.

    Raises:
        FileNotFoundError: If there is no such config file.
        TypeError: If ``enhancer`` is neither a dict nor a path.
        ValueError: If there is no network in it.
    """
    node: Any = enhancer
    if isinstance(enhancer, (str, os.PathLike)):
        path, _ = with_weights(enhancer)
        name = str(path)
        if Path(name).suffix not in CONFIG_SUFFIXES:
            raise ValueError(
                f'enhancer={name!r} is not a config: give its config here, '
                'and weights as checkpoint')
        node = Config.fromfile(name)
    elif isinstance(enhancer, (Mapping, Config)):
        name = getattr(enhancer, 'filename', None) or 'the config'
    else:
        raise TypeError(
            f'enhancer={enhancer!r}: must be the config of an enhancer, as '
            "in dict(type='mmsdag.GammaEnhancer'), the path of a config whose "
            'model.generator is one, or the name of a trained model')
    scope = node.get('default_scope')
    if 'type' not in node:
        node = node.get('model') or {}
        if 'generator' not in node:
            raise ValueError(f'{name} has no model.generator, the network '
                             'that enhances; give the config of an enhancer')
    node = node.get('generator', node)
    if not isinstance(node, Mapping) or 'type' not in node:
        raise ValueError(f'{name}: the enhancer is {node!r}, not a dict with '
                         'a type')
    config = dict(node)
    if scope:
        config.setdefault('_scope_', scope)
    return config, name


def one_checkpoint(
        checkpoint: str | os.PathLike[str] | None,
        enhancer_checkpoint: str | os.PathLike[str] | None,
        owner: str) -> str | os.PathLike[str] | None:
    """Return the checkpoint that was given by its name or its older name.

    Raises:
        TypeError: If both were given.
    """
    if checkpoint is not None and enhancer_checkpoint is not None:
        raise TypeError(
            f'checkpoint={checkpoint!r} and enhancer_checkpoint='
            f'{enhancer_checkpoint!r} of {owner} are two names of one '
            'argument: leave enhancer_checkpoint out')
    return enhancer_checkpoint if checkpoint is None else checkpoint


def _settings(content: Any, enhancer: EnhancerLike) -> dict[str, Any]:
    """Options of the network that belong to the weights of a checkpoint.

    A network's own config, given directly, has the last word.
    """
    meta = content.get('meta') if isinstance(content, Mapping) else None
    settings = meta.get('generator') if isinstance(meta, Mapping) else None
    stated: Mapping = {}
    if isinstance(enhancer, Mapping) and 'generator' not in enhancer:
        stated = enhancer
    return {
        key: value
        for key, value in (settings or {}).items() if key not in stated
    }


def _state_of(content: Any, path: str | os.PathLike[str],
              network: nn.Module) -> dict[str, Tensor]:
    """Weights of the network in the content of a checkpoint."""
    weights: Mapping = {}
    if isinstance(content, Mapping):
        weights = content.get('state_dict', content)
    state: dict[str, Tensor] = {}
    # Trained by itself, or with the detector that it is in front of.
    for prefix in _PREFIXES:
        state = state or {
            key[len(prefix):]: value
            for key, value in weights.items() if key.startswith(prefix)
        }
    if not state and isinstance(network, EnhancerWrapper):
        return dict(weights)
    if not state:
        raise ValueError(
            f'checkpoint {str(path)!r}: no weight begins with '
            f'{" or ".join(map(repr, _PREFIXES))}; '
            "authors' files go through tools/convert_checkpoint.py first")
    return state
