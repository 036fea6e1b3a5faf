"""Stage two: the frozen SDAG network as a loss on enhanced images."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmsdag.models.precision import autocast, check_amp_dtype
from mmsdag.registry import MODELS, SCOPE, TRANSFORMS
from mmsdag.utils.checkpoint import check_finite, load_checkpoint
from mmsdag.utils.configs import find_config
from mmsdag.utils.model_index import GUIDANCE, find_weights

from .margin_ranking import MarginRankingLoss

FORMS = ('reconstruction', 'degraded_similarity')
#: What describes an SDAG network; see :class:`SDAGGuidanceLoss`.
SDAGLike = Union[str, 'os.PathLike[str]', Mapping, None]


@MODELS.register_module()
class SDAGGuidanceLoss(BaseModule):
    r"""Measure how badly a frozen SDAG network reconstructs enhanced images.

    ``'reconstruction'``: :math:`w\,\mathrm{mean}|e - SDAG(e)|`, with the
    gradient through both terms (Zheng et al., AAAI 2023, Sec. 3.3).
    ``'degraded_similarity'``: stage one's ranking, with ``e`` as the clean
    image; it needs three forward passes instead of one.

    The network is not part of the module's parameters and state dict, so
    that no optimizer or checkpoint holds it.

    Args:
        checkpoint: Weights of ``sdag``: a file, trained here or converted by
            ``tools/convert_checkpoint.py sdag``; or the name of a trained
            model of this package, ``'sdag_vgg16'``.
        sdag: The network: its config; the config of a model whose
            ``generator`` it is; a whole ``Config`` with such a ``model``; the
            path or name of a config file; or ``None``, the authors' network.
        loss_weight: Weight ``w`` of the term.
        form: ``'reconstruction'`` or ``'degraded_similarity'``.
        degradations: For the second form, as in :class:`SDAG`. By default
            a gamma of 0.3, and Gaussian noise of 50 / 255.
        margin: For the second form, margin of the ranking.
        similarity: For the second form, see :class:`MarginRankingLoss`.
        keep_color: Guide the lightness alone. The value is the same, but the
            three channels of a pixel share one gradient: they get lighter or
            darker together, and the enhancer's other losses decide on the
            color.
        amp_dtype: Precision of the frozen network: ``None``, ``'bfloat16'``,
            ``'float16'`` or ``'auto'``.

    Raises:
        FileNotFoundError: If the checkpoint or the config file is missing.
        TypeError: If ``checkpoint`` or ``sdag`` is of another type.
        ValueError: For a form or precision that does not exist, a config
            without a network, or a checkpoint that does not fit ``sdag``.
    """

    def __init__(self,
                 checkpoint: str | os.PathLike[str],
                 sdag: SDAGLike = None,
                 loss_weight: float = 1.,
                 form: str = 'reconstruction',
                 degradations: Mapping[str, dict] | None = None,
                 margin: float = 0.5,
                 similarity: str = 'image',
                 keep_color: bool = False,
                 amp_dtype: str | None = None) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f'form={form!r} of SDAGGuidanceLoss: choose one '
                             f'of {FORMS}')
        if degradations is None:
            degradations = dict(
                gamma=dict(type='mmsdag.GammaDegradation', gamma=0.3),
                noise=dict(
                    type='mmsdag.GaussianNoiseDegradation', sigma=50 / 255))
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
        """Reconstruct images (N, 3, H, W), RGB, [0, 1]."""
        net = self.net.to(images.device)
        with autocast(self.amp_dtype, images.device):
            return net(
                images.contiguous(memory_format=torch.channels_last))

    def forward(self, enhanced: Tensor) -> Tensor:
        """Compute the loss of enhanced images.

        Args:
            enhanced: (N, 3, H, W), RGB, [0, 1].

        Returns:
            Scalar.
        """
        enhanced = enhanced.float()
        if self.keep_color:
            enhanced = _only_lightness_learns(enhanced)
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


def _only_lightness_learns(image: Tensor) -> Tensor:
    """Return the image, with a gradient through its lightness alone."""
    # An eighth of an 8-bit step avoids 0 / 0 at black, which has no color.
    lightness = image.mean(1, keepdim=True) + 1 / 2048
    return image.detach() * (lightness / lightness.detach())


def load_sdag_net(sdag: SDAGLike,
                  checkpoint: str | os.PathLike[str]) -> nn.Module:
    """Build a network and load its weights strictly: frozen, in eval mode.

    Args:
        sdag: The network; see :class:`SDAGGuidanceLoss`.
        checkpoint: File whose ``state_dict`` holds its weights, with or
            without the prefix ``generator.``, or the name of a trained model.

    Raises:
        FileNotFoundError: If the checkpoint or the config file is missing.
        TypeError: If either is of another type.
        ValueError: If there is no network in ``sdag``, or the weights are
            not exactly those of the network, or not finite.
    """
    if not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f'checkpoint={checkpoint!r} of SDAGGuidanceLoss: must '
                        'be a file, or the name of a trained model')
    path = find_weights(checkpoint, GUIDANCE)
    weights = _load_weights(path)
    net = MODELS.build(_network_config(sdag))
    own = net.state_dict()
    unfit = sorted(
        name for name in own.keys() | weights.keys()
        if name not in own or name not in weights
        or own[name].shape != weights[name].shape)
    if unfit:
        raise ValueError(
            f'checkpoint={str(checkpoint)!r} does not fit sdag={sdag}: '
            f'{len(unfit)} weights are missing, surplus or of another shape, '
            f'e.g. {unfit[:3]}; set sdag to the config that the checkpoint '
            'was trained with')
    check_finite(weights, path)
    net.load_state_dict(weights)
    return net.requires_grad_(False).eval()


def _load_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    content = load_checkpoint(Path(path))
    weights = content.get('state_dict', content)
    if 'params' in content or 'params_ema' in content:
        raise ValueError(
            f"checkpoint={str(path)!r} is a file of SDAG's authors: convert "
            'it first, tools/convert_checkpoint.py sdag SRC DST')
    prefix = 'generator.'
    if any(name.startswith(prefix) for name in weights):
        weights = {
            name[len(prefix):]: value
            for name, value in weights.items() if name.startswith(prefix)
        }
    return weights


def _network_config(sdag: SDAGLike) -> dict[str, Any]:
    """Return the config of the network alone."""
    node: Any = sdag
    if sdag is None:
        node = dict(type='mmsdag.SDAGNet')
    elif isinstance(sdag, (str, os.PathLike)):
        try:
            node = Config.fromfile(find_config(sdag))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'sdag={str(sdag)!r} of SDAGGuidanceLoss: {error}') from None
    elif not isinstance(sdag, (Mapping, Config)):
        raise TypeError(f'sdag={sdag!r} of SDAGGuidanceLoss: must be the '
                        'config of an SDAG network, or a config file')
    if 'type' not in node:
        node = node.get('model') or {}
    node = node.get('generator', node)
    if 'type' not in node:
        raise ValueError(
            f'sdag={sdag} of SDAGGuidanceLoss has no network: give the config '
            "of one, as in dict(type='mmsdag.SDAGNet'), or of a model whose "
            'generator it is')
    return _with_scope(node)


def _with_scope(node: Any) -> Any:
    """Prefix this package's types, so that they build in any scope."""
    if isinstance(node, Mapping):
        return {
            key: f'{SCOPE}.{value}' if key == 'type' and isinstance(value, str)
            and value in MODELS.module_dict else _with_scope(value)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return type(node)(_with_scope(item) for item in node)
    return node
