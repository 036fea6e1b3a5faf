"""Freeze networks inside a model that is trained."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import nn

Network = TypeVar('Network', bound=nn.Module)


def freeze(network: Network, frozen: bool = True) -> Network:
    """Take a network out of training, or let it train again.

    Frozen, it is in eval mode and its weights have no gradients. Inside a
    :class:`KeepsFrozen` it stays in eval mode.
    """
    network.is_frozen = frozen  # type: ignore[assignment]
    return network.requires_grad_(not frozen).train(not frozen)


def hide(owner: nn.Module, name: str, network: Any) -> None:
    """Set a network as an attribute that is no part of its owner.

    It is in none of the owner's ``parameters()``, ``state_dict()``,
    ``train()`` and ``to()``: no optimizer or checkpoint holds it.
    """
    object.__setattr__(owner, name, network)


class KeepsFrozen(nn.Module):
    """A module whose frozen parts stay in eval mode.

    In training mode, batch normalization of frozen weights would drift.
    """

    def train(self: Network, mode: bool = True) -> Network:
        """Switch the mode of all modules that are not frozen."""
        super().train(mode)
        for module in self.modules():
            if getattr(module, 'is_frozen', False):
                for part in module.modules():
                    part.training = False
        return self
