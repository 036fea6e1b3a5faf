"""Enhancement before any data preprocessor, by composition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmsdag.registry import MODELS
from mmsdag.utils.outputs import PixelFormat

from .enhancement import EnhancementMixin


@MODELS.register_module()
class EnhancedDataPreprocessor(EnhancementMixin):
    """Enhance each image, then call the wrapped data preprocessor.

    For those that ``EnhancedDetDataPreprocessor`` and its siblings do not
    extend: mmdet's ``MultiBranchDataPreprocessor`` (SoftTeacher),
    ``TrackDataPreprocessor`` (clips (T, 3, H, W)) and
    ``BoxInstDataPreprocessor``, and your own. Images are found in
    ``data['inputs']`` in lists, tuples and dicts, in tensors (..., 3, H, W).

    Args:
        data_preprocessor: Config of the other one, with its scope.
        channel_order: Of the images that the pipeline gives: ``'bgr'``, as
            mmcv loads them, or ``'rgb'``.
        **kwargs: See :class:`EnhancementMixin`.

    Raises:
        TypeError: If ``data_preprocessor`` is not one.
        ValueError: For another ``channel_order``.

    Example:
        >>> data_preprocessor = dict(
        ...     type='mmsdag.EnhancedDataPreprocessor',
        ...     enhancer='zero_dce.sdag',
        ...     data_preprocessor=dict(
        ...         type='mmdet.MultiBranchDataPreprocessor',
        ...         data_preprocessor=dict(type='mmdet.DetDataPreprocessor')))
    """

    def __init__(self, data_preprocessor: dict, channel_order: str = 'bgr', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._is_bgr = PixelFormat('EnhancedDataPreprocessor', channel_order=channel_order).is_bgr
        self.data_preprocessor = MODELS.build(data_preprocessor)
        if not isinstance(self.data_preprocessor, BaseDataPreprocessor):
            raise TypeError(
                f'data_preprocessor={data_preprocessor} of EnhancedDataPreprocessor is a '
                f'{type(self.data_preprocessor).__name__}, not a BaseDataPreprocessor'
            )

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the wrapped data preprocessor."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == 'data_preprocessor':
                raise
            return getattr(self.data_preprocessor, name)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move both data preprocessors; the wrapped one stores its device."""
        self.data_preprocessor.to(*args, **kwargs)
        return super().to(*args, **kwargs)

    def cuda(self, *args: Any, **kwargs: Any) -> Any:
        """Move both data preprocessors to a GPU."""
        self.data_preprocessor.cuda(*args, **kwargs)
        return super().cuda(*args, **kwargs)

    def cpu(self, *args: Any, **kwargs: Any) -> Any:
        """Move both data preprocessors to the CPU."""
        self.data_preprocessor.cpu(*args, **kwargs)
        return super().cpu(*args, **kwargs)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Enhance ``data['inputs']``, then call the wrapped data preprocessor.

        Args:
            data: With ``inputs``: images (3, H, W), [0, 255], nested.
            training: Passed on.

        Raises:
            ValueError: For an empty batch, or images of another shape or
                type.
        """
        self._check_batch(data['inputs'])
        inputs = self._enhance_nested(self.cast_data(data['inputs']), data.get('data_samples'))
        return self.data_preprocessor({**data, 'inputs': inputs}, training)

    def _enhance_nested(self, node: Any, samples: Any = None) -> Any:
        """Enhance the images of a node; data samples tell their padding.

        Data samples are nested like the images: by branch, then in lists.
        """
        if isinstance(node, Tensor) and node.ndim > 3:
            images = list(node.reshape(-1, *node.shape[-3:]))
            return torch.stack(self.enhance(images)).view(node.shape)
        if isinstance(node, Tensor):
            return self.enhance([node])[0]
        if isinstance(node, Mapping):
            branches = samples if isinstance(samples, Mapping) else {}
            return {
                key: self._enhance_nested(value, branches.get(key, samples))
                for key, value in node.items()
            }
        if isinstance(node, (list, tuple)):
            if all(isinstance(v, Tensor) and v.ndim == 3 for v in node):
                fit = isinstance(samples, list) and len(samples) == len(node)
                return self.enhance(node, samples if fit else None)
            return [self._enhance_nested(value) for value in node]
        return node
