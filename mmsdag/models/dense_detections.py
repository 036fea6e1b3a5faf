"""Boxes and scores of mmdet's dense heads at every location, before NMS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmdet.models.dense_heads import YOLOV3Head, YOLOXHead
from mmdet.models.dense_heads.base_dense_head import BaseDenseHead
from torch import Tensor, nn

from mmsdag.models.dense_scores import flatten_levels, score_maps


def check_head(head: nn.Module | None, name: str) -> None:
    """Raise a ``ValueError`` unless :func:`dense_detections` takes a head.

    Args:
        head: ``detector.bbox_head``, or None.
        name: Of the detector, for messages.
    """
    kind = type(head)
    decodes_as_base = isinstance(head, BaseDenseHead) and all(
        getattr(kind, method) is getattr(BaseDenseHead, method)
        for method in ('predict_by_feat', '_predict_by_feat_single')
    )
    if not (isinstance(head, (YOLOXHead, YOLOV3Head)) or decodes_as_base):
        raise ValueError(
            f'{name}: bbox_head={kind.__name__} is not supported; choose YOLOX, YOLOv3, or a '
            "one-stage detector whose head decodes as mmdet's BaseDenseHead, such as RetinaNet, "
            'FCOS, ATSS and RTMDet'
        )


def dense_detections(
    head: Any, features: Sequence[Tensor], size: Sequence[Any]
) -> tuple[Tensor, Tensor]:
    """Decode the boxes and the scores of all locations of a dense head.

    These are what mmdet's ``predict_by_feat`` has before it drops low scores
    and applies NMS. All steps are tensor operations that can be traced.

    Args:
        head: One that :func:`check_head` accepts.
        features: Of the neck, by level, each (N, C, H, W).
        size: (height, width) of the images, to which boxes are clipped if the
            head clips them.

    Returns:
        Boxes (N, P, 4), x1 y1 x2 y2 in pixels of the images, and scores
        (N, P, classes), [0, 1], for the P anchors of all levels.
    """
    outputs = head(tuple(features))
    priors = head.prior_generator.grid_priors(
        [level.shape[-2:] for level in outputs[0]],
        device=outputs[0][0].device,
        **(dict(with_stride=True) if isinstance(head, YOLOXHead) else {}),
    )
    if isinstance(head, YOLOXHead):
        points = torch.cat(list(priors))  # x, y, stride, stride
        deltas = flatten_levels(outputs[1], 4)
        centers = deltas[..., :2] * points[:, 2:] + points[:, :2]
        half = deltas[..., 2:].exp() * points[:, 2:] / 2
        return torch.cat([centers - half, centers + half], -1), _scores(head, outputs)
    if isinstance(head, YOLOV3Head):
        return _of_yolov3(head, outputs[0], priors)
    return _of_base(head, outputs, priors, size)


def _scores(head: Any, outputs: Sequence[Sequence[Tensor]]) -> Tensor:
    scores, factor = score_maps(outputs, head.cls_out_channels)
    is_softmax = not getattr(head, 'use_sigmoid_cls', True)  # YOLOX has no such choice
    scores = scores.softmax(-1)[..., :-1] if is_softmax else scores.sigmoid()
    return scores if factor is None else scores * factor.sigmoid()


def _of_yolov3(
    head: Any, levels: Sequence[Tensor], priors: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    values = flatten_levels(levels, head.num_attrib)
    strides = torch.cat(
        [
            torch.full_like(prior[:, :1], stride)
            for prior, stride in zip(priors, head.featmap_strides)
        ]
    )
    deltas = torch.cat([values[..., :2].sigmoid(), values[..., 2:4]], -1)
    boxes = head.bbox_coder.decode(torch.cat(list(priors))[None], deltas, strides[None])
    return boxes, values[..., 5:].sigmoid() * values[..., 4:5].sigmoid()


def _of_base(
    head: Any, outputs: Sequence[Sequence[Tensor]], priors: Sequence[Tensor], size: Sequence[Any]
) -> tuple[Tensor, Tensor]:
    deltas = flatten_levels(outputs[1], head.bbox_coder.encode_size)
    # Boxes of one image: for batches mmdet has another, deprecated function,
    # and it clips by a module that is gone while a graph is exported.
    # len(deltas) would be a constant of the graph.
    boxes = head.bbox_coder.decode(
        torch.cat(list(priors)).repeat(deltas.shape[0], 1), deltas.flatten(0, 1), max_shape=None
    ).reshape(deltas.shape[0], -1, 4)
    if getattr(head.bbox_coder, 'clip_border', False):
        height, width = size
        x, y = boxes[..., 0::2], boxes[..., 1::2]
        x, y = _clip(x, width), _clip(y, height)
        boxes = torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)
    return boxes, _scores(head, outputs)


def _clip(values: Tensor, limit: Any) -> Tensor:
    return torch.minimum(values.clamp(min=0), torch.as_tensor(limit).to(values))
