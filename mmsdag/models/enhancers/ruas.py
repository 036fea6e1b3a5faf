"""Training of RUAS (Liu et al., CVPR 2021)."""

from __future__ import annotations

from typing import Any

from mmengine.logging import MessageHub
from mmengine.optim import OptimWrapperDict
from torch import Tensor

from mmsdag.models.base import UnsupervisedEditModel, check_optimizers
from mmsdag.models.precision import autocast
from mmsdag.registry import MODELS

#: The optimizers, and the terms of the second one.
OPTIMIZERS = ('illumination', 'denoiser')
_DENOISER_TERMS = 'loss_denoise_'


@MODELS.register_module()
class RUAS(UnsupervisedEditModel):
    """RUAS with the losses of its illumination and of its denoiser.

    Its two networks learn in turns, each from its own terms and by its own
    optimizer: the illumination in every iteration, the denoiser in one of
    ``denoise_interval``, from the image that the illumination made. Guidance
    (:class:`SDAGGuidanceHook`) teaches the illumination, through the denoiser
    where the network denoises.

    The optimizers are called ``illumination`` and ``denoiser``; see
    ``configs/_base_/schedules/ruas_800.py``.

    Args:
        generator: Config of the network.
        fidelity_loss: Distance of illumination and input; by default the mean
            squared one, of weight 0.5.
        smoothness_loss: Smoothness of the illumination; weight 1.
        denoise_fidelity_loss: Distance of the denoised image and what it was;
            mean squared, weight 1e-7.
        denoise_tv_loss: Total variation of the denoised image; weight 1 / 3.
            Its class sums the three channels, of which the authors take the
            mean.
        denoise_interval: Iterations between two of the denoiser.
        **kwargs: See :class:`UnsupervisedEditModel`.

    Raises:
        ValueError: If ``denoise_interval`` is less than 1.
    """

    PARTS = dict(
        fidelity_loss=dict(type='mmsdag.MSELoss', loss_weight=0.5),
        smoothness_loss=dict(type='mmsdag.MeanSmoothnessLoss', loss_weight=1.0),
        denoise_fidelity_loss=dict(type='mmsdag.MSELoss', loss_weight=1e-7),
        denoise_tv_loss=dict(type='mmsdag.IlluminationSmoothnessLoss', loss_weight=1 / 3),
    )

    def __init__(self, generator: dict, denoise_interval: int = 50, **kwargs: Any) -> None:
        super().__init__(generator=generator, **kwargs)
        if denoise_interval < 1:
            raise ValueError(f'denoise_interval={denoise_interval} of RUAS must be at least 1')
        self.denoise_interval = denoise_interval

    def losses(self, inputs: Tensor, with_denoiser: bool = True) -> dict[str, Tensor]:
        """Compute the loss terms of a batch.

        Args:
            inputs: Images (N, 3, H, W), RGB, [0, 1].
            with_denoiser: Whether the terms of the denoiser are among them,
                called ``loss_denoise_*``. They teach the denoiser alone, and
                the other terms the illumination alone.
        """
        denoiser = self.generator.denoiser
        denoiser.requires_grad_(False)
        _, bright, illumination = self.generator(inputs)
        denoiser.requires_grad_(True)
        losses = dict(
            loss_fidelity=self.fidelity_loss(illumination, inputs),
            loss_smooth=self.smoothness_loss(illumination, inputs),
        )
        if with_denoiser:
            bright = bright.detach()
            denoised = denoiser(bright)
            losses.update(
                loss_denoise_fidelity=self.denoise_fidelity_loss(denoised, bright),
                loss_denoise_tv=self.denoise_tv_loss(denoised),
            )
        return losses

    def forward_train(
        self, inputs: Tensor, data_samples: Any = None, with_denoiser: bool = True, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the loss terms of a batch; see :meth:`losses`."""
        with autocast(self.amp_dtype, inputs.device):
            return self.losses(self._laid_out(inputs), with_denoiser)

    def train_step(self, data: dict, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Update the illumination and, in its iterations, the denoiser.

        Args:
            data: Batch of the data loader.
            optim_wrapper: The two optimizers.

        Returns:
            Values of the terms and their sum, for the log.

        Raises:
            TypeError: If there is one optimizer for all.
        """
        check_optimizers(optim_wrapper, OPTIMIZERS, 'RUAS', 'ruas_800.py')
        iteration = MessageHub.get_current_instance().get_info('iter', 0)
        turn_of_denoiser = (iteration + 1) % self.denoise_interval == 0
        with optim_wrapper['illumination'].optim_context(self):
            data = self.data_preprocessor(data, True)
            losses = self(**data, mode='loss', with_denoiser=turn_of_denoiser)
        _, log_vars = self.parse_losses(losses)
        for name in OPTIMIZERS[: 1 + turn_of_denoiser]:
            own = {
                term: loss
                for term, loss in losses.items()
                if term.startswith(_DENOISER_TERMS) == (name == 'denoiser')
            }
            optim_wrapper[name].update_params(self.parse_losses(own)[0])
        return log_vars
