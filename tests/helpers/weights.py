"""Checkpoints of networks."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


def save_weights(
    network: nn.Module, path: Path, scale: float = 1, prefix: str = 'generator.'
) -> dict[str, torch.Tensor]:
    """Save a network's weights as a training checkpoint holds them.

    Args:
        network: The network.
        path: File to write.
        scale: Factor of the weights.
        prefix: Prefix of their names.

    Returns:
        The saved weights by their names.
    """
    state = {f'{prefix}{name}': value * scale for name, value in network.state_dict().items()}
    torch.save(dict(state_dict=state), path)
    return state
