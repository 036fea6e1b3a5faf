"""Scores of one-stage detectors at each location, before boxes are chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: A probability of 1 has no finite logit.
_LARGEST = 1 - 1e-6


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


def dense_logits(outputs: Sequence[Sequence[Tensor]], classes: int) -> Tensor:
    r"""Compute the logits of a dense head's scores.

    The score of a class is :math:`p = \sigma(c)`, or :math:`p =
    \sigma(c)\,\sigma(o)` of a head that also predicts objectness (YOLOX) or
    centerness (FCOS), as these detectors rank their boxes.

    Args:
        outputs: Class scores, boxes and, if there are three, the factor
            :math:`o`, each a list over the levels of (N, A*K, h, w),
            (N, A*4, h, w), (N, A, h, w), of A anchors and K classes.
        classes: K.

    Returns:
        (N, K, P) of the P anchors at all levels.
    """
    factors = outputs[2] if len(outputs) == 3 else [None] * len(outputs[0])
    levels = []
    for scores, factor in zip(outputs[0], factors):
        n, channels = scores.shape[:2]
        log_p = F.logsigmoid(scores.float().reshape(n, channels // classes, classes, -1))
        if factor is not None:
            log_p = log_p + F.logsigmoid(factor.float().reshape(n, channels // classes, 1, -1))
        levels.append(log_p.transpose(1, 2).flatten(2))
    p = torch.cat(levels, 2).clamp(max=torch.tensor(_LARGEST).log().item())
    return p - torch.log(-torch.expm1(p))


def bernoulli_divergence(logits: Tensor, target: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of scores, for each object.

    Args:
        logits: Of the scores, (N, K, P).
        target: Probabilities, the same shape.

    Returns:
        The sum over all scores, divided by one more than the sum of the
        targets, which is about the number of locations on objects.
    """
    entropy = F.binary_cross_entropy(target, target, reduction='sum')
    cross = F.binary_cross_entropy_with_logits(logits, target, reduction='sum')
    return (cross - entropy) / (target.sum() + 1)
