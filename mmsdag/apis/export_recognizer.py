"""An enhancer and an OpenMMLab detector or segmentor as one ONNX file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hub import get_config
from torch import Tensor, nn

from mmsdag.models.loading import EnhancerLike, load_enhancer, resolve
from mmsdag.models.recognizer import build_recognizer, load_weights, normalization
from mmsdag.models.runner import EnhancerRunner
from mmsdag.utils.outputs import PixelFormat

from .export import TOLERANCE
from .export_model import export_model_onnx
from .onnx_file import check_packages, check_shape

# The sizes are multiples of 32; each batch differs in all it can.
_TRACED = (1, 96, 128)
_CHECKED = ((2, 128, 96), (3, 160, 64))


def export_recognizer_onnx(
    config: str | os.PathLike[str] | Config,
    checkpoint: str | os.PathLike[str] | None,
    path: str | os.PathLike[str],
    enhancer: EnhancerLike | None = None,
    static: Sequence[int] | None = None,
    class_map: bool = False,
) -> float:
    """Write an enhancer and an mmdet or mmseg model as one ONNX file.

    The graph takes ``image`` (N, 3, H, W), RGB, [0, 1], float32, enhances and
    normalizes it, and returns of a detector ``boxes`` (N, P, 4), x1 y1 x2 y2
    in pixels, and ``scores`` (N, P, classes) of all P locations, before NMS;
    of a segmentor ``logits`` (N, classes, H, W). Enhanced images are not
    rounded to 8 bits, as data preprocessors do by default. The file is
    written once onnxruntime has computed from it what PyTorch computes.

    Args:
        config: Config of a detector or segmentor: a file, or a name as in
            ``'mmdet::yolox/yolox_nano_8xb8-300e_coco.py'``.
        checkpoint: Its weights.
        path: File to write; missing folders are made.
        enhancer: Config or name of the enhancer. By default that of the
            config's data preprocessor.
        static: (N, H, W): fix the shape, as TensorRT and LiteRT want it. By
            default N, H and W are free.
        class_map: Return ``classes`` (N, H, W) of a segmentor, int64, in the
            place of logits.

    Returns:
        The largest difference to PyTorch, relative to the largest absolute
        value of an output (at least 1).

    Raises:
        FileNotFoundError: If the config or the checkpoint is missing.
        ImportError: If onnx or onnxruntime is missing.
        ValueError: If there is no enhancer, the model is neither a one-stage
            detector nor a segmentor, or ONNX cannot say what it does.
    """
    check_packages()
    check_shape(static)
    if checkpoint is None:
        raise ValueError('a detector or segmentor needs a checkpoint: give the file of its weights')
    model = build_recognizer(config)
    load_weights(model, checkpoint)
    graph = _RecognizerGraph(model, _enhancer(model, checkpoint, enhancer), class_map)
    generator = torch.Generator().manual_seed(0)
    batches = [
        # Dark, as what an enhancer is for.
        torch.rand(n, 3, h, w, generator=generator) ** 3
        for n, h, w in ([static] if static else [_TRACED, *_CHECKED])
    ]
    return export_model_onnx(
        graph, path, batches[0], static=static is not None, tolerance=TOLERANCE, checked=batches[1:]
    )


def find_recognizer(config: str) -> Config | None:
    """Return the config of a detector or segmentor.

    Args:
        config: What a user calls a model.

    Returns:
        None if it is the config or the name of an enhancer.

    Raises:
        FileNotFoundError: If there is no such config.
    """
    if '::' in config and not config.startswith('mmsdag::'):
        found = get_config(config)
    else:
        source, _ = resolve(config)
        if isinstance(source, Mapping):
            return None
        found = Config.fromfile(source)
    return found if 'backbone' in (found.get('model') or {}) else None


def _enhancer(
    model: Any, checkpoint: str | os.PathLike[str], enhancer: EnhancerLike | None
) -> EnhancerRunner:
    """Return the enhancer of the data preprocessor, or another, in float32."""
    preprocessor = model.data_preprocessor
    if getattr(preprocessor, 'resize_to', None):
        raise ValueError(
            f'resize_to={preprocessor.resize_to} of the data preprocessor is '
            'not exported: set it to None, and give the graph images of the '
            "detector's size"
        )
    when = None
    if enhancer is not None:
        network = load_enhancer(enhancer)
    elif hasattr(preprocessor, 'runner'):
        when = preprocessor.runner.gate.when
        network = preprocessor.enhancer
        if preprocessor.trainable:
            network = load_enhancer(preprocessor._source[0], checkpoint)
    else:
        raise ValueError(
            f'{type(preprocessor).__name__} of the config has no enhancer: '
            'name one by --enhancer (in Python: enhancer=), or make '
            'model.data_preprocessor an mmsdag.EnhancedDetDataPreprocessor '
            'or mmsdag.EnhancedSegDataPreprocessor'
        )
    return EnhancerRunner(network, 'mmsdag export', when=when)


class _RecognizerGraph(nn.Module):
    """Enhancer, normalization and network, from images to a dict of tensors.

    Args:
        model: An mmdet detector or mmseg segmentor.
        runner: The enhancer.
        class_map: Return the classes of a segmentor, not its logits.

    Raises:
        ValueError: If the model is of another kind.
    """

    def __init__(self, model: Any, runner: EnhancerRunner, class_map: bool) -> None:
        super().__init__()
        name = type(model).__name__
        self.is_segmentor = hasattr(model, 'encode_decode')
        if not self.is_segmentor:
            if class_map:
                raise ValueError(f'class_map=True: {name} is no segmentor')
            from mmsdag.models.dense_detections import check_head

            check_head(getattr(model, 'bbox_head', None), name)
        self.model = model
        self.enhancer = runner.network
        self.runner = runner
        self.class_map = class_map
        preprocessor = model.data_preprocessor
        # Before another data preprocessor: EnhancedDataPreprocessor.
        inner = getattr(preprocessor, 'data_preprocessor', preprocessor)
        mean, std, is_rgb, self.divisor = normalization(
            inner, getattr(preprocessor, '_is_bgr', None)
        )
        self.format = PixelFormat(
            'mmsdag export',
            channel_order='rgb' if is_rgb else 'bgr',
            value_range=(0, 255),
            mean=mean,
            std=std,
        )
        self.pad_value = float(getattr(inner, 'pad_value', 0))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        pixels = self.format.encode(self.runner.enhance_rgb(image))
        height, width = image.shape[2:]
        if self.is_segmentor:
            return self._segment(pixels, (height, width))
        from mmsdag.models.dense_detections import dense_detections

        if self.divisor > 1:
            pixels = F.pad(
                pixels, (0, -width % self.divisor, 0, -height % self.divisor), value=self.pad_value
            )
        boxes, scores = dense_detections(
            self.model.bbox_head, self.model.extract_feat(pixels), (height, width)
        )
        return dict(boxes=boxes, scores=scores)

    def _segment(self, pixels: Tensor, size: tuple[int, int]) -> dict[str, Tensor]:
        logits = self.model.encode_decode(pixels, [dict(img_shape=size)] * len(pixels))
        if not self.class_map:
            return dict(logits=logits)
        if logits.shape[1] == 1:
            threshold = self.model.decode_head.threshold
            return dict(classes=(logits.sigmoid() > threshold)[:, 0].long())
        return dict(classes=logits.argmax(1))
