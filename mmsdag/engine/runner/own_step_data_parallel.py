"""Data parallel training of models with their own training step."""

from __future__ import annotations

from typing import Any

from mmengine.dist import all_reduce
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn

from mmsdag.registry import MODEL_WRAPPERS


def _average(parameter: Tensor) -> None:
    all_reduce(parameter.grad, op='mean')


@MODEL_WRAPPERS.register_module()
class OwnStepDataParallel(nn.Module):
    """Data parallel training of a model with several optimizers.

    ``MMDistributedDataParallel`` replaces a model's ``train_step`` by one for
    a single optimizer, and expects one backward pass after each forward pass.
    Here the model's own step runs, and every gradient is averaged over the
    processes as soon as it is computed, for every loss. Each process
    must compute gradients of the same parameters in the same order.

    Weights are equal at the start, as MMEngine's runner broadcasts them.

    Args:
        module: The model.

    Example:
        >>> model_wrapper_cfg = dict(type='mmsdag.OwnStepDataParallel')
    """

    def __init__(self, module: BaseModel) -> None:
        super().__init__()
        self.module = module
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(_average)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the model's method."""
        return self.module(*args, **kwargs)

    def train_step(self, data: Any, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Call the model's method, with averaged gradients."""
        return self.module.train_step(data, optim_wrapper)

    def val_step(self, data: Any) -> list:
        """Call the model's method."""
        return self.module.val_step(data)

    def test_step(self, data: Any) -> list:
        """Call the model's method."""
        return self.module.test_step(data)
