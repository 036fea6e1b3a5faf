"""Registered metrics of image quality.

All take data samples with ``input``, ``gt_img`` where there is one, and
``output.pred_img``, each (3, H, W), BGR, [0, 255], as the models of this
package and of mmagic give them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from logging import WARNING
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from torch import Tensor, nn

from mmsdag.registry import METRICS
from mmsdag.utils import load_checkpoint

from .fidelity import NIQE_BLOCK, check_shapes, niqe, niqe_statistics, prepare, psnr, ssim


class ImageMetric(BaseMetric):
    """Mean of a value of each image.

    Runs in MMEngine's loops and in mmagic's.

    Args:
        gt_key: Entry of a data sample to compare with.
        pred_key: Entry of its ``output`` that is measured.
        collect_device: See :class:`mmengine.evaluator.BaseMetric`.
        prefix: Prefix of the name in the log.
    """

    #: Name in the log.
    metric: str
    # How mmagic's evaluator has to run the model.
    SAMPLER_MODE = 'normal'
    sample_model = 'orig'

    def __init__(
        self,
        gt_key: str = 'gt_img',
        pred_key: str = 'pred_img',
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.gt_key = gt_key
        self.pred_key = pred_key
        self.size: int | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect the values of a batch.

        Raises:
            KeyError: If a data sample has nothing to compare with.
        """
        for sample in data_samples:
            if self.gt_key not in sample:
                raise KeyError(
                    f'{type(self).__name__} compares with {self.gt_key!r}, '
                    f'and the data samples have {sorted(sample)}: load the '
                    'ground truth in the pipeline, or leave the metric out'
                )
            self.results.append(
                {
                    self.metric: self.process_image(
                        sample[self.gt_key], sample['output'][self.pred_key]
                    )
                }
            )

    def process_image(self, gt: Tensor, pred: Tensor) -> float:
        """Return the value of an image (3, H, W), BGR, [0, 255]."""
        raise NotImplementedError

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over the images."""
        return {name: float(np.mean([r[name] for r in results])) for name in results[0]}

    def evaluate(self, size: int | None = None) -> dict[str, float]:
        """Return the mean over ``size`` images; mmagic's loops omit it."""
        return super().evaluate(self.size if size is None else size)

    def prepare(self, module: nn.Module, dataloader: Any) -> None:
        """Store the size that mmagic's evaluator announces before a test."""
        if is_model_wrapper(module):
            module = module.module  # type: ignore[assignment]
        self.size = len(dataloader.dataset)

    def get_metric_sampler(self, model: nn.Module, dataloader: Any, metrics: Any) -> Any:
        """Return the dataloader for mmagic's evaluator."""
        return dataloader


def _pixels(image: Tensor) -> np.ndarray:
    """Convert (3, H, W) to an array (H, W, 3)."""
    return image.detach().cpu().permute(1, 2, 0).numpy()


class _Fidelity(ImageMetric):
    """Similarity to ``gt_img``; see :class:`ImageMetric`.

    Args:
        crop_border: Pixels to leave out on each side.
        convert_to: ``'Y'`` compares luma alone.
        **kwargs: See :class:`ImageMetric`.
    """

    def __init__(self, crop_border: int = 0, convert_to: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crop_border = crop_border
        self.convert_to = convert_to

    def process_image(self, gt: Tensor, pred: Tensor) -> float:
        """Compare two images (3, H, W), BGR, [0, 255]."""
        return self.compare(
            *(prepare(_pixels(image), self.crop_border, self.convert_to) for image in (gt, pred))
        )

    @staticmethod
    def compare(image: np.ndarray, other: np.ndarray) -> float:
        """Return the value of two images (H, W, 3) or (H, W)."""
        raise NotImplementedError


@METRICS.register_module()
class PSNR(_Fidelity):
    """Peak signal-to-noise ratio, in dB; higher is better."""

    metric = 'PSNR'
    compare = staticmethod(psnr)


@METRICS.register_module()
class SSIM(_Fidelity):
    """Structural similarity, mean of the colors, at most 1."""

    metric = 'SSIM'
    compare = staticmethod(ssim)


@METRICS.register_module()
class LPIPS(ImageMetric):
    r"""Learned perceptual distance to ``gt_img``; lower is better.

    .. math::
        \sum_l \frac1{H_l W_l} \sum_{h,w,c}
        w_{lc} (\hat y^l_{hwc} - \hat y^l_{0,hwc})^2

    of AlexNet's features, normalized over the channels (Zhang et al., CVPR
    2018), by their authors' package ``lpips``, version 0.1.

    Args:
        weights: AlexNet's, trained on ImageNet: a file, a URL, or
            ``'none'`` to leave this figure out. (What is learned beyond
            them comes with the package.)
        **kwargs: See :class:`ImageMetric`.

    Raises:
        FileNotFoundError: If the weights cannot be loaded.
        ImportError: If ``lpips`` is not installed.
        ValueError: If they are not AlexNet's.
    """

    metric = 'LPIPS'

    def __init__(self, weights: str = 'torchvision://alexnet', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.net: Any = None
        if weights != 'none':
            self.net = _perceptual_net(weights)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect the distances of a batch."""
        if self.net is None:
            self.results += [{} for _ in data_samples]
        else:
            super().process(data_batch, data_samples)

    @torch.no_grad()
    def process_image(self, gt: Tensor, pred: Tensor) -> float:
        """Compute the distance of two images (3, H, W), BGR, [0, 255]."""
        gt, pred = (image.cpu().float().flip(0)[None] / 127.5 - 1 for image in (gt, pred))
        return self.net(gt, pred).item()


def _perceptual_net(weights: str) -> nn.Module:
    try:
        import lpips
    except ImportError as error:
        raise ImportError(
            'LPIPS needs the package of its authors: pip install lpips==0.1.4'
        ) from error
    try:
        content = load_checkpoint(weights)
    except OSError as error:  # no such file, or no network
        raise FileNotFoundError(
            f"LPIPS needs AlexNet's weights, and weights={weights!r} cannot be loaded ({error}): "
            'download alexnet-owt-7be5be79.pth of torchvision on a machine with a network and give '
            'its path as weights of LPIPS in test_evaluator or in MMSDAG_ALEXNET; '
            "'none' leaves LPIPS out"
        ) from error
    content = content.get('state_dict', content)
    if 'features.0.weight' not in content:
        raise ValueError(f"weights={weights!r} of LPIPS are not those of torchvision's AlexNet")
    with warnings.catch_warnings():
        # lpips calls torchvision by its old names.
        warnings.simplefilter('ignore', UserWarning)
        net = lpips.LPIPS(net='alex', pnet_rand=True, verbose=False)
    # Its slice3.6.weight is torchvision's features.6.weight.
    net.net.load_state_dict(
        {name: content[f'features.{name.partition(".")[2]}'] for name in net.net.state_dict()}
    )
    return net


@METRICS.register_module()
class NIQE(ImageMetric):
    """Natural image quality evaluator; lower is better.

    Not defined for images that hold fewer than two blocks of 96x96 pixels,
    or that have no texture; those are left out of the mean. Needs SciPy.

    Args:
        crop_border: Pixels to leave out on each side.
        convert_to: ``'gray'`` or ``'y'``.
        parameters: See :func:`mmsdag.evaluation.fidelity.niqe`. By default
            the file of an installed mmagic; without one, the metric is left
            out, and a warning says so.
        **kwargs: See :class:`ImageMetric`.
    """

    metric = 'NIQE'

    def __init__(
        self,
        crop_border: int = 0,
        convert_to: str = 'gray',
        parameters: str | None = None,
        **kwargs: Any,
    ) -> None:
        # Compares with nothing; every data sample has an input.
        super().__init__(gt_key='input', **kwargs)
        self.crop_border = crop_border
        self.convert_to = convert_to
        self.parameters = parameters or niqe_statistics()
        if self.parameters is None:
            print_log(
                "NIQE is left out: it needs its authors' statistics of good photographs, which "
                'come with mmagic (pip install --no-deps mmagic==1.2.0 is enough), or as a file '
                'that parameters of NIQE in test_evaluator names',
                'current',
                WARNING,
            )

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect the values of a batch."""
        if self.parameters is None:
            self.results += [{} for _ in data_samples]
        else:
            super().process(data_batch, data_samples)

    def process_image(self, gt: Any, pred: Tensor) -> float:
        """Return the value of an image (3, H, W), BGR, [0, 255], or NaN."""
        assert self.parameters is not None
        image = prepare(_pixels(pred), self.crop_border, self.convert_to)
        height, width = image.shape
        if (height // NIQE_BLOCK) * (width // NIQE_BLOCK) < 2:
            return np.nan
        try:
            with warnings.catch_warnings():
                # Blocks of one color have no statistics and are left out.
                warnings.simplefilter('ignore', RuntimeWarning)
                return niqe(image, self.parameters)
        except np.linalg.LinAlgError:
            return np.nan

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over the images for which it is defined."""
        defined = [r for r in results if not np.isnan(r.get(self.metric, 0.0))]
        if len(defined) < len(results):
            print_log(
                f'NIQE is not defined for {len(results) - len(defined)} of '
                f'{len(results)} images: too small, or without texture',
                'current',
            )
        return super().compute_metrics(defined or results)


@METRICS.register_module()
class LightnessOrderError(ImageMetric):
    """``LOE``: how far the order of lightness differs from the input's.

    Lower is better; see :func:`lightness_order_error`.
    """

    metric = 'LOE'

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(gt_key='input', **kwargs)

    def process_image(self, gt: Tensor, pred: Tensor) -> float:
        """Compare input and output (3, H, W), [0, 255]."""
        before, after = (_pixels(image) for image in (gt, pred))
        return lightness_order_error(before, after)


def lightness_order_error(image: np.ndarray, enhanced: np.ndarray, side: int = 50) -> float:
    r"""Lightness order error (Wang et al., IEEE TIP 22(9), 2013).

    .. math::
        \mathrm{LOE} = \frac1n \sum_p \sum_q
        [L_p \ge L_q] \oplus [L'_p \ge L'_q]

    with the lightness L, the largest channel of a pixel. p and q run over
    n pixels on a grid whose shorter side is ``side``, because the error grows
    with their number. The image is subsampled, not averaged, so that every
    strictly increasing curve has an error of 0. Both images are rounded to 8
    bits, as in published files.

    Args:
        image: The input, (H, W, 3), [0, 255].
        enhanced: The enhanced image, of the same shape and range.
        side: Shorter side of the grid, in pixels; smaller images are taken
            whole.

    Raises:
        ValueError: If the images differ in size.
    """
    check_shapes(image, enhanced)
    rows, columns = _grid(image.shape[:2], side)
    before, after = (
        np.rint(pixels[rows][:, columns].max(-1)).clip(0, 255).astype(int)
        for pixels in (image, enhanced)
    )
    # Pixels of equal levels have equal terms: count them by their levels,
    # (256, 256), in place of comparing each with each.
    counts = np.bincount((256 * before + after).ravel(), minlength=2**16)
    counts = counts.reshape(256, 256)
    both = counts.cumsum(0).cumsum(1)  # pixels q below p in L and in L'
    differing = both[:, -1:] + both[-1:] - 2 * both
    return float((counts * differing).sum() / counts.sum())


def _grid(shape: Sequence[int], side: int) -> list[np.ndarray]:
    scale = min(1, side / min(shape))
    counts = [round(length * scale) for length in shape]
    return [
        ((np.arange(count) + 0.5) * length / count).astype(int)
        for count, length in zip(counts, shape)
    ]


@METRICS.register_module()
class ImageStatistics(ImageMetric):
    r"""Brightness, contrast and entropy of images; higher is not better.

    - ``mean``: mean of all pixels and colors, [0, 1].
    - ``contrast``: their standard deviation.
    - ``entropy``: of the gray levels (BT.601, 8 bits), :math:`-\sum_i p_i
      \log_2 p_i` (Shannon 1948), 0 to 8 bits.
    """

    metric = 'statistics'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect the statistics of a batch."""
        for sample in data_samples:
            image = _pixels(sample['output'][self.pred_key])
            levels = np.rint(image).clip(0, 255).astype(np.uint8)
            gray = cv2.cvtColor(levels, cv2.COLOR_BGR2GRAY)
            self.results.append(
                dict(mean=image.mean() / 255, contrast=image.std() / 255, entropy=_entropy(gray))
            )


def _entropy(levels: np.ndarray) -> float:
    """Return the entropy of 8-bit levels, in bits."""
    shares = np.bincount(levels.ravel()) / levels.size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())
