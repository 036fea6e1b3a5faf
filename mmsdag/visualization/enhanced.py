"""Draw predictions on the enhanced image."""

from __future__ import annotations

import os
from typing import Any

import mmcv
import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer

from mmsdag.datasets.transforms import EnhanceImage
from mmsdag.models.loading import EnhancerLike
from mmsdag.utils.darkness import When


class EnhancedVisualizerMixin(Visualizer):
    """Enhance the image before the other base class draws on it.

    Visualization hooks and inferencers read the original file again and hand
    it to the visualizer: here it is enhanced, at its original size, by the
    same enhancer that is in the data preprocessor or the pipeline.

    Args:
        name: Of the visualizer's instance.
        enhancer: See :class:`mmsdag.datasets.transforms.EnhanceImage`, as for
            the arguments up to ``when``.
        checkpoint: Weights of the enhancer; of one that was trained with its
            recognizer, the recognizer's checkpoint.
        cache_dir: Folder of results, which may be that of ``EnhanceImage``.
        amp_dtype: Precision of the enhancer.
        device: Where the enhancer runs.
        when: Images to enhance.
        draw_enhanced: ``False`` draws on the images as they are.
        side_by_side: Put the image as it is, with nothing drawn on it, to the
            left of the picture.
        **kwargs: Of the other base class.

    Raises:
        FileNotFoundError: If the enhancer's config or checkpoint is missing.
        ValueError: If ``draw_enhanced`` without an enhancer.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        enhancer: EnhancerLike | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        amp_dtype: str | None = None,
        device: str = 'cpu',
        when: When = None,
        draw_enhanced: bool = True,
        side_by_side: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if draw_enhanced and enhancer is None:
            raise ValueError(
                f'enhancer=None of {type(self).__name__}: name the enhancer of the data '
                "preprocessor or of EnhanceImage, as in visualizer.enhancer='zero_dce.sdag', or "
                'set draw_enhanced=False'
            )
        self._transform = (
            EnhanceImage(enhancer, checkpoint, cache_dir, amp_dtype, device, when=when)
            if draw_enhanced and enhancer is not None
            else None
        )
        self.side_by_side = side_by_side
        self._input: np.ndarray | None = None
        self._out_file: str | None = None

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: Any = None,
        *args: Any,
        out_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Enhance the image, draw on it, and show or keep the picture.

        Args:
            name: Of the picture.
            image: (H, W, 3), RGB, [0, 255].
            data_sample: What to draw.
            *args: Of the other base class.
            out_file: File for the picture, in the place of the back ends.
            **kwargs: Of the other base class.
        """
        image = image.clip(0, 255).astype(np.uint8)
        drawn_on = image
        if self._transform is not None:
            bgr = np.ascontiguousarray(image[..., ::-1])
            enhanced = self._transform.transform(dict(img=bgr))['img']
            drawn_on = np.ascontiguousarray(enhanced[..., ::-1])
        if not self.side_by_side:
            super().add_datasample(name, drawn_on, data_sample, *args, out_file=out_file, **kwargs)
            return
        # The picture comes back through `show` and `add_image`.
        self._input, self._out_file = image, out_file
        try:
            super().add_datasample(name, drawn_on, data_sample, *args, **kwargs)
        finally:
            self._input = self._out_file = None

    def show(self, drawn_img: np.ndarray | None = None, *args: Any, **kwargs: Any) -> None:
        """Show a picture, the input beside it if that is wanted."""
        if self._input is not None and drawn_img is not None:
            drawn_img = np.hstack([self._input, drawn_img])
        super().show(drawn_img, *args, **kwargs)

    def add_image(self, name: str, image: np.ndarray, step: int = 0) -> None:
        """Keep a picture, the input beside it if that is wanted."""
        if self._input is not None:
            image = np.hstack([self._input, image])
            self.set_image(image)
        if self._out_file is None:
            super().add_image(name, image, step)
            return
        mmcv.imwrite(np.ascontiguousarray(image[..., ::-1]), self._out_file)
