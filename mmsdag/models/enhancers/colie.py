"""CoLIE (Chobola et al., ECCV 2024): an illumination fitted to each image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmsdag.registry import MODELS

#: Frequency of the sines.
_OMEGA = 30.0


@MODELS.register_module()
class CoLIEEnhancer(nn.Module):
    """Fit the illumination of each image by a small network of sines.

    The network (133,121 weights) maps position and value (the largest channel)
    of a pixel of the image, shrunk to ``size``, to what the illumination adds
    to the value. It is fitted to the image alone, starting at weights of the
    seed, so there is no checkpoint. The value is divided by the illumination
    and returns to full size by a guided filter; hue and saturation stay.

    100 steps at 256 take 5 TFLOP: seconds on a GPU, a minute on a CPU core.
    Gradients do not pass. The defaults are the authors'.

    Args:
        steps: Steps of Adam.
        size: Height and width of the fitted image.
        level: Illumination that is aimed at, the paper's L: the smaller, the
            brighter the result.
        fidelity: Weight of the distance of illumination and value (alpha).
        smoothness: Weight of the illumination's total variation (beta).
        exposure: Weight of the distance to ``level`` (gamma).
        sparsity: Weight of the mean enhanced value (delta).
        lr: Learning rate.
        seed: Seed of the initial weights.
        guidance: Config of a loss of enhanced images, added to the four of
            the paper, as in ``dict(type='mmsdag.SDAGGuidanceLoss',
            checkpoint='sdag.vgg16', loss_weight=20.0)``. It sees the image at
            ``size``, and makes the fit several times slower.

    Raises:
        ValueError: If ``steps`` is not positive, ``size`` is no multiple of
            16, or ``level`` is not in (0, 1).
    """

    def __init__(
        self,
        steps: int = 100,
        size: int = 256,
        level: float = 0.5,
        fidelity: float = 1.0,
        smoothness: float = 20.0,
        exposure: float = 8.0,
        sparsity: float = 5.0,
        lr: float = 1e-5,
        seed: int = 0,
        guidance: dict | None = None,
    ) -> None:
        super().__init__()
        if steps < 1 or size < 16 or size % 16 or not 0 < level < 1:
            raise ValueError(
                f'steps={steps}, size={size}, level={level} of CoLIEEnhancer: steps must be '
                'positive, size a multiple of 16, level in (0, 1)'
            )
        self.steps = steps
        self.size = size
        self.level = level
        self.weights = (fidelity, smoothness, exposure, sparsity)
        self.lr = lr
        self.seed = seed
        self.guidance = MODELS.build(guidance) if guidance else None

    def enhance(self, x: Tensor) -> Tensor:
        """Enhance images.

        Args:
            x: (N, 3, H, W), RGB, [0, 1].

        Returns:
            The same shape and range, float32.
        """
        # Neither an outer no_grad() nor its tensors allow a fit.
        with (
            torch.inference_mode(False),
            torch.enable_grad(),
            torch.autocast(x.device.type, enabled=False),
        ):
            images = x.detach().float().clone()
            return torch.cat([self._enhance_one(image[None]) for image in images]).to(x.device)

    def _enhance_one(self, image: Tensor) -> Tensor:
        largest = image.amax()
        if not largest > 0:  # black, or not finite: nothing to fit
            return image * largest
        image = image / largest
        value = image.amax(1, keepdim=True)
        shrunk = F.interpolate(image, (self.size, self.size))
        small = shrunk.amax(1, keepdim=True)
        fitted = self.fit(shrunk)
        image = _with_value(image, _guided_upsampling(small, fitted, value).clamp(0, 1))
        return image / image.amax()

    def fit(self, image: Tensor) -> Tensor:
        """Fit the illumination of an image.

        Args:
            image: (1, 3, size, size), RGB, [0, 1].

        Returns:
            The enhanced value, (1, 1, size, size).
        """
        value = image.amax(1, keepdim=True)
        generator = torch.Generator().manual_seed(self.seed)
        network = SineNet(generator).to(value.device)
        optimizer = torch.optim.Adam(network.parameters(), lr=self.lr, weight_decay=3e-4)
        line = torch.linspace(0, 1, self.size, device=value.device)
        rows, columns = torch.meshgrid(line, line, indexing='ij')
        places = torch.stack([columns, rows], -1).view(-1, 2)
        for _ in range(self.steps):
            illumination = value + network(value.view(-1, 1), places).view(value.shape)
            enhanced = value / (illumination + 1e-4)
            loss = self._loss(value, illumination, enhanced)
            if self.guidance is not None:
                loss = loss + self.guidance(_with_value(image, enhanced.clamp(0, 1)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return enhanced.detach()

    def _loss(self, value: Tensor, illumination: Tensor, enhanced: Tensor) -> Tensor:
        """Sum the four terms of the paper (section 3.3)."""
        fidelity, smoothness, exposure, sparsity = self.weights
        vertical = illumination[..., 1:, :] - illumination[..., :-1, :]
        horizontal = illumination[..., 1:] - illumination[..., :-1]
        mean = F.avg_pool2d(illumination, 16).sqrt()
        return (
            fidelity * F.mse_loss(illumination, value)
            + smoothness * 2 * (vertical.square().mean() + horizontal.square().mean())
            + exposure * (mean - self.level).square().mean()
            + sparsity * enhanced.mean()
        )


class SineNet(nn.Module):
    """Layers of sines for value and position, joined by two more.

    Args:
        generator: Of the initial weights.
        channels: Width of the layers.
    """

    def __init__(self, generator: torch.Generator, channels: int = 256) -> None:
        super().__init__()
        half = channels // 2
        self.value = nn.ModuleList([nn.Linear(1, channels), nn.Linear(channels, half)])
        self.place = nn.ModuleList([nn.Linear(2, channels), nn.Linear(channels, half)])
        self.joined = nn.Linear(channels, channels)
        self.head = nn.Linear(channels, 1)
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    self._initialize(module, generator)

    def _initialize(self, layer: nn.Linear, generator: torch.Generator) -> None:
        inputs = layer.in_features
        bound = inputs**-0.5
        layer.bias.uniform_(-bound, bound, generator=generator)
        if inputs < 3:
            bound = 1 / inputs
        elif layer is not self.head:
            bound = (6 / inputs) ** 0.5 / _OMEGA
        layer.weight.uniform_(-bound, bound, generator=generator)

    def forward(self, value: Tensor, place: Tensor) -> Tensor:
        """Map values (P, 1) and positions (P, 2), [0, 1], to (P, 1)."""
        for layer in self.value:
            value = torch.sin(_OMEGA * layer(value))
        for layer in self.place:
            place = torch.sin(_OMEGA * layer(place))
        x = self.joined(torch.cat([value, place], -1))
        return self.head(torch.sin(_OMEGA * x)).sigmoid()


def _with_value(image: Tensor, value: Tensor) -> Tensor:
    """Replace the largest channel of images; hue and saturation stay.

    Args:
        image: (N, 3, H, W), RGB, [0, 1].
        value: (N, 1, H, W), [0, 1].

    Returns:
        (N, 3, H, W); what was black, which has no hue, is gray.
    """
    old = image.amax(1, keepdim=True)
    return torch.where(old > 0, image * (value / torch.where(old > 0, old, 1)), value)


def _guided_upsampling(small: Tensor, target: Tensor, guide: Tensor, eps: float = 1e-8) -> Tensor:
    """Upsample ``target`` by a fast guided filter of radius 1.

    Args:
        small: The guide at the size of ``target``, (1, 1, h, w).
        target: (1, 1, h, w).
        guide: (1, 1, H, W).
        eps: Regularization.

    Returns:
        (1, 1, H, W).
    """

    def mean(x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    average, wanted = mean(small), mean(target)
    covariance = mean(small * target) - average * wanted
    variance = mean(small * small) - average * average
    slope = covariance / (variance + eps)
    offset = wanted - slope * average
    slope, offset = (
        F.interpolate(x, guide.shape[-2:], mode='bilinear', align_corners=True)
        for x in (slope, offset)
    )
    return slope * guide + offset
