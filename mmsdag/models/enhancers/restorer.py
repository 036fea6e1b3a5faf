"""Training of an enhancer to undo degradations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmsdag.models.base import UnsupervisedEditModel, are_dark
from mmsdag.models.precision import autocast
from mmsdag.registry import MODELS, TRANSFORMS
from mmsdag.utils.outputs import image_in


@MODELS.register_module()
class SelfSupervisedRestorer(UnsupervisedEditModel):
    r"""Train an enhancer to undo degradations of its training images.

    A well-lit image :math:`x` is degraded, restored, and compared with
    itself:

    .. math::
        L = |E(d(x)) - x|_1

    An image :math:`y` that is dark already (``is_dark`` in its data sample,
    see :class:`~mmsdag.datasets.LowLightFolderDataset`) is degraded further
    and compared with its own restoration, through which no gradient passes:

    .. math::
        L = |E(d'(y)) - \mathrm{sg}(E(y))|_1

    No labels and no pairs are used.
    :class:`~mmsdag.engine.ConsistencyGuidanceHook` adds the distance between
    a recognizer's features of the same two images.

    Args:
        generator: Config of the network; it puts out the enhanced images, or
            a tuple that begins with them, and has ``enhance(x)``.
        degradation: Config of :math:`d`, a degradation of
            ``mmsdag.datasets.transforms``.
        dark_degradation: Config of :math:`d'`; ``None`` refuses dark images.
        pixel_weight: Weight of the loss.
        **kwargs: See :class:`UnsupervisedEditModel`.

    Raises:
        TypeError: If a degradation has no method ``degrade``.
    """

    def __init__(
        self,
        generator: dict,
        degradation: dict,
        dark_degradation: dict | None = None,
        pixel_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator=generator, **kwargs)
        self.degradation = _degradation('degradation', degradation)
        self.dark_degradation = (
            None
            if dark_degradation is None
            else (_degradation('dark_degradation', dark_degradation))
        )
        self.pixel_weight = pixel_weight

    def forward_train(
        self, inputs: Tensor, data_samples: Any = None, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute ``loss_pixel``.

        Args:
            inputs: Images (N, 3, H, W), RGB, [0, 1].
            data_samples: Their data samples; ``is_dark`` is read.
            **kwargs: Not used; part of mmagic's interface.

        Raises:
            ValueError: If an image is dark and there is no
                ``dark_degradation``.
        """
        dark = are_dark(inputs, data_samples)
        with torch.no_grad():
            degraded = self._degrade(inputs, dark)
            reference = inputs
            if dark.any():
                reference = inputs.clone()
                reference[dark] = self.forward_tensor(inputs[dark])
        with autocast(self.amp_dtype, inputs.device):
            restored = image_in(
                self.generator(self._laid_out(degraded)),
                None,
                f'generator={type(self.generator).__name__} of SelfSupervisedRestorer',
            )
        loss = (restored.float() - reference).abs().mean()
        return dict(loss_pixel=self.pixel_weight * loss)

    def _degrade(self, inputs: Tensor, dark: Tensor) -> Tensor:
        if not dark.any():
            return self.degradation.degrade(inputs)
        if self.dark_degradation is None:
            raise ValueError(
                'dark_degradation of SelfSupervisedRestorer is None, but images of the training '
                'data are dark (is_dark=True): say how to degrade them further'
            )
        degraded = torch.empty_like(inputs)
        degraded[dark] = self.dark_degradation.degrade(inputs[dark])
        if not dark.all():
            degraded[~dark] = self.degradation.degrade(inputs[~dark])
        return degraded


def _degradation(key: str, config: dict) -> Any:
    built = TRANSFORMS.build(config)
    if not hasattr(built, 'degrade'):
        raise TypeError(
            f'{key}={config!r} of SelfSupervisedRestorer: {type(built).__name__} does not degrade '
            'batches; take one of the degradations of mmsdag.datasets.transforms'
        )
    return built
