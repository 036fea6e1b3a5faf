"""Scores of one-stage detectors at each location, before boxes are chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Logarithm of the largest probability: that of 1 has no finite logit.
_LARGEST_LOG = math.log1p(-1e-6)


def sigmoid_classes(model: nn.Module) -> int | None:
    """Return the number of classes of a dense head with sigmoid scores.

    Args:
        model: A recognizer. mmdet's one-stage detectors (YOLOX, RetinaNet,
            FCOS, ATSS, ...) have such a ``bbox_head``.

    Returns:
        The number, or None for any other model.
    """
    head: Any = getattr(model, 'bbox_head', None)
    loss = getattr(head, 'loss_cls', None)
    is_sigmoid = getattr(head, 'use_sigmoid_cls', getattr(loss, 'use_sigmoid', False))
    return getattr(head, 'cls_out_channels', None) if is_sigmoid else None


def flatten_levels(levels: Sequence[Tensor], channels: int) -> Tensor:
    """Flatten maps (N, A*channels, H, W) of all levels to (N, P, channels)."""
    return torch.cat(
        [level.permute(0, 2, 3, 1).reshape(level.shape[0], -1, channels) for level in levels], 1
    )


def score_maps(outputs: Sequence[Sequence[Tensor]], classes: int) -> tuple[Tensor, Tensor | None]:
    """Return the logits that make up the scores of a dense head.

    Args:
        outputs: Class scores, boxes and, if there are three, objectness
            (YOLOX) or centerness (FCOS), each a list over the levels of
            (N, A*K, h, w), (N, A*4, h, w), (N, A, h, w), of A anchors and K
            classes.
        classes: K.

    Returns:
        Class scores (N, P, K) of the P anchors at all levels, and the factor
        (N, P, 1) or None.

    Raises:
        ValueError: If the third output is something else, as that of VFNet.
    """
    scores = flatten_levels(outputs[0], classes)
    factor = flatten_levels(outputs[2], 1) if len(outputs) > 2 else None
    if factor is not None and factor.shape[1] != scores.shape[1]:
        raise ValueError(
            f"the third output of the detector's head has {factor.shape[1]} values for "
            f'{scores.shape[1]} anchors, and is therefore neither objectness nor centerness: '
            'take a detector such as YOLOX, RetinaNet, FCOS or ATSS, or guide by its features, '
            'with ConsistencyGuidanceHook'
        )
    return scores, factor


def dense_logits(outputs: Sequence[Sequence[Tensor]], classes: int) -> Tensor:
    r"""Compute the logits of a dense head's scores.

    The score of a class is :math:`p = \sigma(c)`, or :math:`p =
    \sigma(c)\,\sigma(o)` of a head that also predicts objectness or
    centerness :math:`o`, as these detectors rank their boxes.

    Args:
        outputs: Of the head; see :func:`score_maps`.
        classes: K.

    Returns:
        (N, K, P) of the P anchors at all levels.
    """
    scores, factor = score_maps(outputs, classes)
    log_p = F.logsigmoid(scores.float())
    if factor is not None:
        log_p = log_p + F.logsigmoid(factor.float())
    log_p = log_p.transpose(1, 2).clamp(max=_LARGEST_LOG)
    return log_p - torch.log(-torch.expm1(log_p))


def bernoulli_divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of scores, for each object.

    Args:
        logits: Of the scores, (N, K, P).
        target: Probabilities, the same shape.

    Returns:
        The sum over all scores, divided by one more than the sum of the
        targets, which is about the number of locations on objects.
    """
    entropy = F.binary_cross_entropy(target, target, reduction='none')
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
    # Summed first, the two would cancel but for their rounding errors.
    return (cross - entropy).clamp_min(0).sum() / (target.sum() + 1)
