"""Training of any enhancer by losses of the config."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mmsdag.models.base import UnsupervisedEditModel
from mmsdag.registry import MODELS
from mmsdag.utils.outputs import image_in


@MODELS.register_module()
class UnsupervisedEnhancer(UnsupervisedEditModel):
    """Train any enhancer by losses that need no ground truth.

    Args:
        generator: Config of the network: it puts out the enhanced images, or
            a tuple that begins with them, and has ``enhance(x)``.
            :class:`EnhancerWrapper` makes one of any other network.
        losses: Configs of the losses; ``exp=dict(type=...)`` is logged as
            ``loss_exp``. One that takes two images gets the enhanced one and
            its input, one that takes one the enhanced.
        **kwargs: See :class:`UnsupervisedEditModel`.

    Raises:
        ValueError: If there is no loss, or one takes something else.
    """

    def __init__(self, generator: dict, losses: Mapping[str, dict], **kwargs: Any) -> None:
        super().__init__(generator=generator, **kwargs)
        if not losses:
            raise ValueError('losses of UnsupervisedEnhancer is empty: nothing would be learned')
        self.terms = nn.ModuleDict({name: MODELS.build(config) for name, config in losses.items()})
        self._compares = {
            name: _number_of_images(name, term) == 2 for name, term in self.terms.items()
        }

    def losses(self, inputs: Tensor) -> dict[str, Tensor]:
        """Compute the loss terms of a batch (N, 3, H, W), RGB, [0, 1]."""
        enhanced = image_in(
            self.generator(inputs),
            None,
            f'generator={type(self.generator).__name__} of UnsupervisedEnhancer',
        )
        return {
            f'loss_{name}': term(enhanced, inputs) if self._compares[name] else term(enhanced)
            for name, term in self.terms.items()
        }


def _number_of_images(name: str, loss: nn.Module) -> int:
    """Count the required positional arguments of a loss."""
    parameters = inspect.signature(loss.forward).parameters.values()
    count = sum(
        parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )
    if count not in (1, 2):
        raise ValueError(
            f'losses.{name} of UnsupervisedEnhancer: {type(loss).__name__} takes {count} '
            'arguments; a loss here takes the enhanced images or, with them, their input'
        )
    return count
