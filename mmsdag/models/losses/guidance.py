"""Stage two: the frozen SDAG network as a loss on enhanced images."""
from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.models.precision import autocast, check_amp_dtype
from mmsdag.registry import MODELS, TRANSFORMS
from mmsdag.utils.checkpoint import check_finite, load_checkpoint
from mmsdag.utils.model_index import GUIDANCE, find_weights

from .margin_ranking import MarginRankingLoss

FORMS = ('reconstruction', 'degraded_similarity')


@MODELS.register_module()
class SDAGGuidanceLoss(BaseModule):
    r"""How badly a frozen SDAG network reconstructs enhanced images.

    ``'reconstruction'``: :math:`w\,\mathrm{mean}|e - SDAG(e)|`, with the
    gradient through both terms (Zheng et al., AAAI 2023, Sec. 3.3).
    ``'degraded_similarity'``: stage one's ranking, for which ``e`` is the
    clean image; it has three forward passes instead of one.

    The network is kept outside of the module's parameters and state dict: it
    belongs to nobody's optimizer or checkpoint.

    Args:
        checkpoint: File with the weights of ``sdag``: trained here, or
            converted by ``tools/convert_checkpoint.py sdag``; or the name of
            a trained model that comes along, ``'sdag_vgg16'``.
        sdag: Config of the network.
        loss_weight: Weight ``w`` of the term.
        form: ``'reconstruction'`` or ``'degraded_similarity'``.
        degradations: For the second form, as in :class:`SDAG`.
        margin: For the second form, margin of the ranking.
        similarity: For the second form, see :class:`MarginRankingLoss`.
        keep_color: Guide the lightness alone. The value is the same, but its
            gradient is one for the three channels of a pixel: they get
            lighter or darker together, and the enhancer's other losses say
            in what colour.
        amp_dtype: Precision of the frozen network: ``None``, ``'bfloat16'``,
            ``'float16'`` or ``'auto'``.

    Raises:
        ValueError: For a form or precision that does not exist, or a
            checkpoint whose weights do not fit ``sdag``.
        FileNotFoundError: If the checkpoint is missing.
    """

    def __init__(
            self,
            checkpoint: str,
            sdag: dict = dict(type='mmsdag.SDAGNet'),  # noqa: B006
            loss_weight: float = 1.,
            form: str = 'reconstruction',
            degradations: dict[str, dict] = dict(  # noqa: B006
                gamma=dict(type='mmsdag.GammaDegradation', gamma=0.3),
                noise=dict(
                    type='mmsdag.GaussianNoiseDegradation', sigma=50 / 255)),
            margin: float = 0.5,
            similarity: str = 'image',
            keep_color: bool = False,
            amp_dtype: str | None = None) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f'form={form!r} of SDAGGuidanceLoss: choose one '
                             f'of {FORMS}')
        self.amp_dtype = check_amp_dtype(amp_dtype, 'SDAGGuidanceLoss')
        self.loss_weight = loss_weight
        self.form = form
        self.keep_color = keep_color
        net = load_sdag_net(sdag, checkpoint)
        # A tuple hides the network from state_dict() and parameters().
        self._frozen = (net, )
        self.degradations = {
            name: TRANSFORMS.build(config)
            for name, config in degradations.items()
        } if form == 'degraded_similarity' else {}
        self.ranking = MarginRankingLoss(margin, similarity)

    @property
    def net(self) -> nn.Module:
        """The frozen network."""
        return self._frozen[0]

    def reconstruct(self, images: Tensor) -> Tensor:
        """SDAG's reconstruction of images (N, 3, H, W), RGB, [0, 1]."""
        net = self.net.to(images.device)
        with autocast(self.amp_dtype, images.device):
            return net(
                images.contiguous(memory_format=torch.channels_last))

    def forward(self, enhanced: Tensor) -> Tensor:
        """Scalar loss of enhanced images (N, 3, H, W), RGB, [0, 1]."""
        enhanced = enhanced.float()
        if self.keep_color:
            enhanced = _in_its_colors(enhanced)
        recon = self.reconstruct(enhanced)
        if self.form == 'reconstruction':
            return self.loss_weight * F.l1_loss(recon, enhanced)
        terms = []
        for degradation in self.degradations.values():
            degraded = degradation.degrade(enhanced)
            terms.append(
                self.ranking(recon, enhanced, self.reconstruct(degraded),
                             degraded))
        return self.loss_weight * torch.stack(terms).sum()


def _in_its_colors(image: Tensor) -> Tensor:
    """The same image, whose gradient flows through its lightness alone."""
    # An eighth of an 8-bit step keeps black, which has no colour, from 0 / 0.
    lightness = image.mean(1, keepdim=True) + 1 / 2048
    return image.detach() * (lightness / lightness.detach())


def load_sdag_net(config: dict, checkpoint: str) -> nn.Module:
    """Build a network and load it strictly: frozen, in eval mode.

    Args:
        config: Config of the network.
        checkpoint: File whose ``state_dict`` holds its weights, with or
            without the prefix ``generator.``, or the name of a trained model.

    Raises:
        FileNotFoundError: If the checkpoint is missing.
        ValueError: If its weights are not exactly those of the network, or
            not finite.
    """
    if not isinstance(checkpoint, (str, Path)):
        raise TypeError(f'checkpoint={checkpoint!r} of SDAGGuidanceLoss: must '
                        'be a file, or the name of a trained model')
    path = find_weights(checkpoint, GUIDANCE)
    content = load_checkpoint(str(path))
    weights = content.get('state_dict', content)
    if 'params' in content or 'params_ema' in content:
        raise ValueError(
            f"checkpoint={checkpoint!r} is a file of SDAG's authors: convert "
            'it first, tools/convert_checkpoint.py sdag SRC DST')
    prefix = 'generator.'
    if any(name.startswith(prefix) for name in weights):
        weights = {
            name[len(prefix):]: value
            for name, value in weights.items() if name.startswith(prefix)
        }
    net = MODELS.build(config)
    own = net.state_dict()
    unfit = sorted(
        name for name in own.keys() | weights.keys()
        if name not in own or name not in weights
        or own[name].shape != weights[name].shape)
    if unfit:
        raise ValueError(
            f'checkpoint={checkpoint!r} does not fit sdag={config}: '
            f'{len(unfit)} weights are missing, surplus or of another shape, '
            f'e.g. {unfit[:3]}; give sdag the generator of the config that '
            'the checkpoint was trained with')
    check_finite(weights, path)
    net.load_state_dict(weights)
    return net.requires_grad_(False).eval()
