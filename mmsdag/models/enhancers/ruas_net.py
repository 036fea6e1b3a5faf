"""RUAS (Liu et al., CVPR 2021): unrolled Retinex with searched cells."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.functional import at_least_float32, conv_of_parts, pointwise_conv, window_maximum
from mmsdag.registry import MODELS

#: Convolutions by the names that the architecture search gives them; the
#: residual ones add their input. ``skip_connect`` has none.
OPERATIONS: dict[str, dict] = dict(
    skip_connect=dict(),
    conv_1x1=dict(kernel_size=1),
    conv_3x3=dict(kernel_size=3),
    dilconv_3x3=dict(kernel_size=3, dilation=2),
    resconv_1x1=dict(kernel_size=1, residual=True),
    resconv_3x3=dict(kernel_size=3, residual=True),
    resdilconv_3x3=dict(kernel_size=3, dilation=2, residual=True),
)

#: What the authors' search found. In turn: distilling and refining operation
#: of the first, second and third step, and the last operation.
ILLUMINATION_CELL = (
    'skip_connect',
    'resconv_1x1',
    'resdilconv_3x3',
    'conv_3x3',
    'conv_3x3',
    'skip_connect',
    'conv_3x3',
)
DENOISING_CELL = (
    'resconv_1x1',
    'resconv_1x1',
    'resdilconv_3x3',
    'skip_connect',
    'resconv_1x1',
    'resconv_1x1',
    'skip_connect',
)


class _Operation(nn.Module):
    """One operation of a cell, by its name in :data:`OPERATIONS`."""

    identity: Tensor

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        if name not in OPERATIONS:
            raise ValueError(
                f'operation {name!r} of a RUAS cell: choose one of {tuple(OPERATIONS)}'
            )
        config = dict(OPERATIONS[name])
        self.residual = config.pop('residual', False)
        # As much padding as keeps the size.
        padding = config.get('kernel_size', 1) // 2 * config.get('dilation', 1)
        self.conv: nn.Module = nn.Identity()
        if config:
            self.conv = nn.Conv2d(channels, channels, padding=padding, **config)
            self.register_buffer(
                'identity', nn.init.dirac_(torch.empty_like(self.conv.weight)), persistent=False
            )

    def forward(self, x: Tensor, inputs: int = 0) -> Tensor:
        """Apply the operation, plus ``inputs`` times ``x``."""
        inputs += self.residual
        if not isinstance(self.conv, nn.Conv2d):
            return x * (1 + inputs) if inputs else x
        # Added to the kernel, which is smaller than the image.
        weight = self.conv.weight
        if inputs:
            weight = weight + inputs * self.identity
        if self.conv.kernel_size == (1, 1):
            return pointwise_conv(x, weight, self.conv.bias)
        return F.conv2d(
            x, weight, self.conv.bias, padding=self.conv.padding, dilation=self.conv.dilation
        )


class RUASCell(nn.Module):
    """A distillation cell: three steps, each passing a part to the output.

    A step distils features of its input and refines the input for the next
    one; the distilled ones and the last operation's are fused by a 1x1
    convolution.

    Args:
        operations: Names of the seven operations, as
            :data:`ILLUMINATION_CELL` has them.
        channels: Width.

    Raises:
        ValueError: If there are not seven or one does not exist.
    """

    def __init__(self, operations: Sequence[str], channels: int) -> None:
        super().__init__()
        if len(operations) != 7:
            raise ValueError(
                f'a RUAS cell has 7 operations, not {len(operations)}: {tuple(operations)}'
            )
        built = [_Operation(name, channels) for name in operations]
        self.distil = nn.ModuleList(built[0:6:2])
        self.refine = nn.ModuleList(built[1:6:2])
        self.last = built[6]
        self.fuse = nn.Conv2d(4 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the cell to features (N, C, H, W)."""
        parts = []
        for distil, refine in zip(self.distil, self.refine):
            distilled = distil(x)
            parts.append(_activated(distilled, new=distilled is not x))
            x = _activated(refine(x, inputs=1))
        parts.append(_activated(self.last(x)))
        return conv_of_parts(self.fuse, *parts, relu=False)


class IlluminationNet(nn.Module):
    """Illumination estimated in three unrolled steps, one cell each.

    Args:
        operations: Operations of every cell.
    """

    def __init__(self, operations: Sequence[str]) -> None:
        super().__init__()
        self.cells = nn.ModuleList(RUASCell(operations, 3) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Enhance images by the illumination of the last step.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The images divided by the illumination, (N, 3, H, W), RGB,
            [0, 1], and the illumination (N, 3, H, W), [0.001, 1].
        """
        # In float32 even under autocast: the quotient of two small numbers
        # would show steps in half precision.
        x = at_least_float32(x)
        dtype = next(self.parameters()).dtype
        enhanced = x
        for cell in self.cells:
            estimate = window_maximum(enhanced)
            if enhanced is not x:
                # Less half of what the last step added.
                estimate = estimate.sub_(enhanced - x, alpha=0.5)
            logits = cell(estimate.to(dtype))
            illumination = torch.sigmoid(logits.to(x.dtype)).clamp(0.001, 1)
            enhanced = (x / illumination).clamp_(0, 1)
        return enhanced, illumination


class DenoisingNet(BaseModule):
    """The noise of an image, estimated by three cells and taken away.

    Args:
        operations: Operations of every cell.
        init_cfg: Weights; PyTorch's own by default.
    """

    def __init__(self, operations: Sequence[str], init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.cells = nn.Sequential(*(RUASCell(operations, 6) for _ in range(3)))
        self.head = nn.Conv2d(6, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Denoise images (N, 3, H, W), RGB, [0, 1]; not clipped."""
        noise = self.head(self.cells(self.stem(x.to(self.stem.weight.dtype))))
        return x - noise.to(x.dtype)


@MODELS.register_module()
class RUASNet(BaseModule):
    """RUAS: an illumination network and a denoiser of searched cells.

    Args:
        denoise: Whether the enhanced image is the denoised one. The authors
            denoise with their file ``lol`` and leave it with ``upe`` and
            ``dark``; the denoiser's weights are there in both cases.
        illumination_cell: Architecture of the illumination's cells: seven
            names of :data:`OPERATIONS`.
        denoising_cell: Architecture of the denoiser's.
        denoiser_init: Weights of the denoiser, as an ``init_cfg``; the
            authors' begins as one trained on noisy images.
        init_cfg: Weights; PyTorch's own by default, as the authors have it.

    Raises:
        ValueError: For an architecture that cannot be.
    """

    def __init__(
        self,
        denoise: bool = True,
        illumination_cell: Sequence[str] = ILLUMINATION_CELL,
        denoising_cell: Sequence[str] = DENOISING_CELL,
        denoiser_init: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.denoise = denoise
        self.illumination = IlluminationNet(illumination_cell)
        self.denoiser = DenoisingNet(denoising_cell, denoiser_init)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Enhance images; return the illumination too.

        Args:
            x: Images (N, 3, H, W), RGB, [0, 1].

        Returns:
            The result (N, 3, H, W), RGB, [0, 1] (a denoised one may exceed
            that a little), the image before denoising and the illumination,
            of the same shape, [0, 1]. Without ``denoise`` the first two are
            one.
        """
        # A third faster with 3x3 convolutions of so few channels on a CPU.
        x = x.contiguous(memory_format=torch.channels_last)
        bright, illumination = self.illumination(x)
        result = self.denoiser(bright) if self.denoise else bright
        return result, bright, illumination

    def enhance(self, x: Tensor) -> Tensor:
        """Return the enhanced images alone."""
        return self(x)[0]


def _activated(x: Tensor, new: bool = True) -> Tensor:
    # In place if nobody else holds x and no gradient may want it.
    return F.leaky_relu(x, 0.05, new and not torch.is_grad_enabled())
