"""Several optimizers for the parts of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from mmengine.model import is_model_wrapper
from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapperDict
from torch import nn

from mmsdag.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MultiOptimWrapperConstructor:
    """Build an optimizer for each of several parts of a model.

    Args:
        optim_wrapper_cfg: By the optimizer's name, a config as of MMEngine's
            ``optim_wrapper`` with a further entry ``modules``: the dotted
            name of a submodule, or a list of them. Without it, the
            optimizer's name is that of its submodule. ``paramwise_cfg`` goes
            into these configs, too.
        paramwise_cfg: Not accepted here.

    Raises:
        TypeError: If an optimizer has no config.
        ValueError: If ``paramwise_cfg`` is given for all together.

    Example:
        >>> optim_wrapper = dict(
        ...     constructor='mmsdag.MultiOptimWrapperConstructor',
        ...     generator=dict(optimizer=dict(type='Adam', lr=1e-4)),
        ...     discriminators=dict(
        ...         modules=['global_discriminator', 'local_discriminator'],
        ...         optimizer=dict(type='Adam', lr=1e-4)))
    """

    def __init__(
        self, optim_wrapper_cfg: Mapping[str, Any], paramwise_cfg: dict | None = None
    ) -> None:
        if paramwise_cfg is not None:
            raise ValueError(
                f'optim_wrapper.paramwise_cfg={paramwise_cfg}: there are several optimizers, '
                f'{", ".join(optim_wrapper_cfg)}; set it in the config of each'
            )
        for name, config in optim_wrapper_cfg.items():
            if not (isinstance(config, Mapping) and 'optimizer' in config):
                raise TypeError(
                    f'optim_wrapper.{name}={config!r}: must be a dict with an entry optimizer'
                )
        self.configs = optim_wrapper_cfg

    def __call__(self, model: nn.Module) -> OptimWrapperDict:
        """Return the optimizers for the parts of ``model``.

        Raises:
            ValueError: If the model has no such part.
        """
        if is_model_wrapper(model):
            model = cast(nn.Module, model.module)
        wrappers = {}
        for name, config in self.configs.items():
            config = dict(config)
            paramwise = config.pop('paramwise_cfg', None)
            names = config.pop('modules', name)
            parts = nn.ModuleList(
                _part(model, part, name) for part in ([names] if isinstance(names, str) else names)
            )
            config.setdefault('type', 'OptimWrapper')
            wrappers[name] = DefaultOptimWrapperConstructor(config, paramwise)(parts)
        return OptimWrapperDict(**wrappers)


def _part(model: nn.Module, part: str, optimizer: str) -> nn.Module:
    try:
        return model.get_submodule(part)
    except AttributeError:
        raise ValueError(
            f'optim_wrapper.{optimizer}.modules={part!r}: {type(model).__name__} has no such '
            f'submodule; it has {", ".join(name for name, _ in model.named_children())}'
        ) from None
