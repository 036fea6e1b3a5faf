"""Training of EnlightenGAN (Jiang et al., TIP 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from mmengine.optim import OptimWrapperDict
from torch import Tensor, nn

from mmsdag.functional import at_least_float32
from mmsdag.models.base import UnsupervisedEditModel, check_optimizers
from mmsdag.models.precision import autocast
from mmsdag.registry import MODELS

#: The optimizers, in the order of their steps, and the second one's terms.
OPTIMIZERS = ('generator', 'discriminators')
_DISCRIMINATOR_TERMS = 'loss_disc_'
_INIT = dict(type='Normal', layer='Conv2d', std=0.02)


class _ConvBlock(nn.Module):
    """A 4x4 convolution and its activation."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 4, stride, padding=2)
        self.activate = nn.LeakyReLU(0.2, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.conv(x))


@MODELS.register_module()
class NormFreePatchDiscriminator(BaseModule):
    """EnlightenGAN's PatchGAN: padded by 2, without normalization.

    Normalized features would not tell a dark image from a bright one.

    Args:
        in_channels: Channels of the images.
        base_channels: Width of the first layer; it doubles with each layer,
            up to eight times.
        num_conv: How many layers halve the resolution.
        init_cfg: Weights; without it, N(0, 0.02).
    """

    def __init__(
        self,
        in_channels: int = 3,
        base_channels: int = 64,
        num_conv: int = 5,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg or _INIT)
        widths = [base_channels * min(2**n, 8) for n in range(num_conv + 1)]
        layers: list[nn.Module] = [_ConvBlock(in_channels, widths[0], 2)]
        for n in range(1, num_conv + 1):
            stride = 2 if n < num_conv else 1
            layers.append(_ConvBlock(widths[n - 1], widths[n], stride))
        layers.append(nn.Conv2d(widths[-1], 1, 4, padding=2))
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Return scores (N, 1, h, w) of images (N, C, H, W)."""
        return self.model(x)


@MODELS.register_module()
class EnlightenGAN(UnsupervisedEditModel):
    """EnlightenGAN with its adversarial and feature preserving losses.

    A batch has dark images, ``img``, and bright ones of other scenes,
    ``bright``, as :class:`UnpairedDataset` gives them. The global
    discriminator compares whole images (relativistic average least squares),
    the local one patches (least squares); they see [-1, 1]. Generator and
    discriminators learn in every step, from one enhanced batch.

    All terms come out of ``mode='loss'``, so that :class:`SDAGGuidanceHook`
    guides the generator as in any other model.

    The optimizers are called ``generator`` and ``discriminators``; see
    ``configs/_base_/schedules/enlighten_gan_6k.py``.

    Args:
        generator: Config of the network.
        global_discriminator: Config of the judge of whole images; by default
            :class:`NormFreePatchDiscriminator` with ``num_conv=5``.
        local_discriminator: Config of the judge of patches; ``num_conv=4``.
        gan_loss: The adversarial loss; its weight is the generator's. By
            default :class:`LeastSquaresGANLoss`.
        feature_loss: Distance of the features of output and input, for
            images and for patches; :class:`SelfFeaturePreservingLoss`.
        patch_size: Side of a patch in pixels.
        num_patches: Patches of each image, at the same random places in all
            images of a batch.
        dimming: Half of the images are divided by a factor drawn from this
            range before they are enhanced, as the authors' data loader does;
            features are compared to the image before. (1, 1) for never.
        **kwargs: See :class:`UnsupervisedEditModel`.

    Raises:
        ValueError: If an option is out of its range.
    """

    PARTS = dict(
        global_discriminator=dict(type='mmsdag.NormFreePatchDiscriminator', num_conv=5),
        local_discriminator=dict(type='mmsdag.NormFreePatchDiscriminator', num_conv=4),
        gan_loss=dict(type='mmsdag.LeastSquaresGANLoss'),
        feature_loss=dict(type='mmsdag.SelfFeaturePreservingLoss'),
    )

    def __init__(
        self,
        generator: dict,
        patch_size: int = 32,
        num_patches: int = 6,
        dimming: tuple[float, float] = (2.0, 4.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(generator=generator, **kwargs)
        if patch_size < 1 or num_patches < 1:
            raise ValueError(
                f'patch_size={patch_size} and num_patches={num_patches} of EnlightenGAN must be at '
                'least 1'
            )
        if not 1 <= dimming[0] <= dimming[1]:
            raise ValueError(
                f'dimming={dimming} of EnlightenGAN must be (low, high) with 1 <= low <= high'
            )
        self.patch_size = patch_size
        self.num_patches = num_patches
        self.dimming = tuple(dimming)

    def train(self, mode: bool = True) -> EnlightenGAN:
        """Switch the mode, and lay out the weights for training."""
        if mode:
            # As the images are: a batch has fewer pixels than the
            # discriminators have weights, which would be turned every time.
            # Not before: random weights would be drawn in another order.
            self.to(memory_format=torch.channels_last)
        return super().train(mode)

    def losses(  # type: ignore[override]
        self, inputs: Tensor, bright: Tensor
    ) -> dict[str, Tensor]:
        """Compute the loss terms of a batch.

        Args:
            inputs: Dark images (N, 3, H, W), RGB, [0, 1].
            bright: Well-exposed images of the same shape, of any scenes.

        Returns:
            The terms. Those called ``loss_disc_*`` teach the discriminators
            alone, and the others the generator alone.
        """
        enhanced = self.generator(self.dim(inputs))
        low, fake, real = self.draw_patches((inputs, enhanced, bright))
        discriminators = (self.global_discriminator, self.local_discriminator)

        scores = _judge(self.global_discriminator, bright)
        disc_global = self._relativistic(
            _judge(self.global_discriminator, enhanced.detach()), scores, is_disc=True
        )
        disc_local = self.gan_loss(
            _judge(self.local_discriminator, real), True, True
        ) + self.gan_loss(_judge(self.local_discriminator, fake.detach()), False, True)
        # Frozen while the generator's graph is made.
        for discriminator in discriminators:
            discriminator.requires_grad_(False)
        losses = dict(
            loss_gan_global=self._relativistic(
                _judge(self.global_discriminator, enhanced), scores.detach(), is_disc=False
            ),
            loss_gan_local=self.gan_loss(_judge(self.local_discriminator, fake), True),
            loss_feature_global=self.feature_loss(enhanced, inputs),
            loss_feature_local=self.feature_loss(fake, low),
        )
        for discriminator in discriminators:
            discriminator.requires_grad_(True)
        return dict(**losses, loss_disc_global=disc_global, loss_disc_local=disc_local / 2)

    def _relativistic(self, fake: Tensor, real: Tensor, is_disc: bool) -> Tensor:
        """Compare each kind with the other's average (relativistic loss)."""
        return (
            self.gan_loss(real - fake.mean(), is_disc, is_disc)
            + self.gan_loss(fake - real.mean(), not is_disc, is_disc)
        ) / 2

    def dim(self, images: Tensor) -> Tensor:
        """Darken a random half of the images (N, 3, H, W)."""
        factors = torch.empty(len(images), 1, 1, 1).uniform_(*self.dimming)
        factors[torch.rand(len(images)) < 0.5] = 1
        return images / factors.to(images)

    def draw_patches(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Crop patches at the same positions of all images.

        Args:
            batches: Images (N, 3, H, W), of one H and W.

        Returns:
            For each batch (num_patches * N, 3, patch_size, patch_size).

        Raises:
            ValueError: If the images are smaller than a patch.
        """
        size = self.patch_size
        height, width = batches[0].shape[-2:]
        if size > min(height, width):
            raise ValueError(
                f'patch_size={size} of EnlightenGAN is larger than the images '
                f'of the batch, {height}x{width}: take larger crops'
            )
        places = [
            (int(torch.randint(height - size + 1, ())), int(torch.randint(width - size + 1, ())))
            for _ in range(self.num_patches)
        ]
        return [
            torch.cat([batch[..., top : top + size, left : left + size] for top, left in places])
            for batch in batches
        ]

    def forward(
        self, inputs: Any, data_samples: Any = None, mode: str = 'tensor', **kwargs: Any
    ) -> Any:
        """Run the model; the base class would drop the bright images."""
        if mode == 'loss':
            return self.forward_train(inputs, data_samples, **kwargs)
        return super().forward(inputs, data_samples, mode, **kwargs)

    def forward_train(
        self, inputs: Any, data_samples: Any = None, **kwargs: Any
    ) -> dict[str, Tensor]:
        """Compute the loss terms of a batch; see :meth:`losses`.

        Raises:
            TypeError: If ``inputs`` does not hold ``img`` and ``bright``.
        """
        if not (isinstance(inputs, Mapping) and {'img', 'bright'} <= inputs.keys()):
            raise TypeError(
                "EnlightenGAN learns from a dict of images, 'img' (dark) and "
                "'bright': set train_dataloader.dataset to an UnpairedDataset"
            )
        with autocast(self.amp_dtype, inputs['img'].device):
            return self.losses(self._laid_out(inputs['img']), self._laid_out(inputs['bright']))

    def train_step(self, data: dict, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """Update the generator and the discriminators.

        Args:
            data: Batch of the data loader.
            optim_wrapper: The two optimizers.

        Returns:
            Values of all terms, and the sum of the generator's, for the log.

        Raises:
            TypeError: If there is one optimizer for all.
        """
        check_optimizers(optim_wrapper, OPTIMIZERS, 'EnlightenGAN', 'enlighten_gan_6k.py')
        with optim_wrapper['generator'].optim_context(self):
            data = self.data_preprocessor(data, True)
            losses = self(**data, mode='loss')
        log_vars: dict[str, Tensor] = {}
        for name in OPTIMIZERS:
            total, values = self.parse_losses(
                {
                    term: loss
                    for term, loss in losses.items()
                    if term.startswith(_DISCRIMINATOR_TERMS) == (name == 'discriminators')
                }
            )
            # After the generator's step: their graph does not contain it.
            optim_wrapper[name].update_params(total)
            log_vars = {**values, **log_vars}
        return log_vars


def _judge(discriminator: nn.Module, images: Tensor) -> Tensor:
    """Score images in [0, 1]; the authors' are in [-1, 1]."""
    scores = discriminator(2 * images - 1)
    return at_least_float32(scores)
