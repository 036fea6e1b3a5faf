"""How enhanced images look: mmagic's metrics, and those that it lacks.

All take mmagic's data samples: ``input``, ``gt_img`` where there is one, and
``output.pred_img``, each (3, H, W), BGR, [0, 255].
"""
from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import cv2
import lpips
import mmagic.evaluation as mm
import numpy as np
import torch
from mmagic.evaluation.metrics.base_sample_wise_metric import (
    BaseSampleWiseMetric,
)
from mmagic.evaluation.metrics.metrics_utils import obtain_data
from mmengine.logging import print_log
from mmengine.runner import CheckpointLoader
from scipy.stats import entropy
from torch import Tensor

from mmsdag.registry import METRICS

#: Side of the blocks whose features NIQE compares, in pixels.
_NIQE_BLOCK = 96


class _ImageMetric(BaseSampleWiseMetric):
    """A metric of mmagic's that runs in MMEngine's own test loop, too.

    mmagic's metrics need mmagic's loop, which returns no figures and cannot
    run MMEngine's metrics beside them.
    """

    def evaluate(self, size: int | None = None) -> dict[str, float]:
        """Figures of ``size`` images; mmagic's evaluator leaves it out."""
        if size is not None:
            self.size = size
        return super().evaluate()

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over the images."""
        return {
            name: self.scaling * float(np.mean([r[name] for r in results]))
            for name in results[0]
        }


@METRICS.register_module()
class PSNR(_ImageMetric, mm.PSNR):
    """mmagic's PSNR against ``gt_img``, in dB; higher is better."""


@METRICS.register_module()
class SSIM(_ImageMetric, mm.SSIM):
    """mmagic's SSIM against ``gt_img``, mean of the colours, at most 1."""


@METRICS.register_module()
class LPIPS(_ImageMetric):
    r"""Learned perceptual distance to ``gt_img``; lower is better.

    .. math::
        \sum_l \frac1{H_l W_l} \sum_{h,w,c}
        w_{lc} (\hat y^l_{hwc} - \hat y^l_{0,hwc})^2

    of AlexNet's features, normalised over the channels (Zhang et al., CVPR
    2018), by their authors' package ``lpips``, version 0.1.

    Args:
        weights: AlexNet's, trained on ImageNet: a file, a URL, or
            ``'none'`` to leave this figure out. (What is learned beyond
            them comes with the package.)
        **kwargs: See mmagic's ``BaseSampleWiseMetric``.

    Raises:
        FileNotFoundError: If the weights cannot be had.
        ValueError: If they are not AlexNet's.
    """

    metric = 'LPIPS'

    def __init__(self,
                 weights: str = 'torchvision://alexnet',
                 **kwargs: Any) -> None:
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
    def process_image(self, gt: Tensor, pred: Tensor, mask: Any) -> float:
        """Distance of two images (3, H, W), BGR, [0, 255]."""
        gt, pred = (
            image.cpu().float().flip(0)[None] / 127.5 - 1
            for image in (gt, pred))
        return self.net(gt, pred).item()


def _perceptual_net(weights: str) -> lpips.LPIPS:
    try:
        content = CheckpointLoader.load_checkpoint(weights, 'cpu')
    except OSError as error:  # no such file, or no network
        raise FileNotFoundError(
            f"LPIPS needs AlexNet's weights, and weights={weights!r} cannot "
            f'be had ({error}): download alexnet-owt-7be5be79.pth of '
            'torchvision where there is a network and name the file, as '
            'weights of LPIPS in test_evaluator or in MMSDAG_ALEXNET; '
            "'none' leaves LPIPS out") from error
    content = content.get('state_dict', content)
    if 'features.0.weight' not in content:
        raise ValueError(f'weights={weights!r} of LPIPS are not those of '
                         "torchvision's AlexNet")
    with warnings.catch_warnings():
        # lpips calls torchvision by its old names.
        warnings.simplefilter('ignore', UserWarning)
        net = lpips.LPIPS(net='alex', pnet_rand=True, verbose=False)
    # Its slice3.6.weight is torchvision's features.6.weight.
    net.net.load_state_dict({
        name: content[f'features.{name.partition(".")[2]}']
        for name in net.net.state_dict()
    })
    return net


@METRICS.register_module()
class NIQE(_ImageMetric, mm.NIQE):
    """mmagic's NIQE of the grey image; lower is better.

    Not defined for images that hold fewer than two blocks of 96x96 pixels,
    or that have no texture; those are left out of the mean.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_order='CHW', **kwargs)
        # mmagic's asks for a ground truth, which it does not use.
        self.gt_key = 'input'

    def process_image(self, gt: Any, pred: Tensor, mask: Any) -> float:
        """NIQE of an image (3, H, W), BGR, [0, 255], or NaN."""
        height, width = pred.shape[-2:]
        if (height // _NIQE_BLOCK) * (width // _NIQE_BLOCK) < 2:
            return np.nan
        try:
            with warnings.catch_warnings():
                # Of blocks of one colour, which it leaves out.
                warnings.simplefilter('ignore', RuntimeWarning)
                return float(super().process_image(gt, pred, mask))
        except np.linalg.LinAlgError:
            return np.nan

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average over the images that have a figure."""
        defined = [r for r in results if not np.isnan(r[self.metric])]
        if len(defined) < len(results):
            print_log(
                f'NIQE is not defined for {len(results) - len(defined)} of '
                f'{len(results)} images: too small, or without texture',
                'current')
        return super().compute_metrics(defined or results)


@METRICS.register_module()
class LightnessOrderError(_ImageMetric):
    """``LOE``: how much of the input's order of lightness is lost.

    Lower is better; see :func:`lightness_order_error`.
    """

    metric = 'LOE'

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(gt_key='input', **kwargs)

    def process_image(self, gt: Tensor, pred: Tensor, mask: Any) -> float:
        """Of input and output (3, H, W), [0, 255]."""
        before, after = (
            image.permute(1, 2, 0).cpu().numpy() for image in (gt, pred))
        return lightness_order_error(before, after)


def lightness_order_error(image: np.ndarray,
                          enhanced: np.ndarray,
                          side: int = 50) -> float:
    r"""Lightness order error (Wang et al., IEEE TIP 22(9), 2013).

    .. math::
        \mathrm{LOE} = \frac1n \sum_p \sum_q
        [L_p \ge L_q] \oplus [L'_p \ge L'_q]

    with the lightness L, the largest of a pixel's colours. p and q run over
    n pixels on a grid whose shorter side is ``side``, as the figure grows
    with their number; they are taken as they are, not averaged, so that any
    strictly rising curve has an error of 0. Both images are rounded to 8
    bits, in which they are published.

    Args:
        image: What was enhanced, (H, W, 3), [0, 255].
        enhanced: What became of it, likewise.
        side: Shorter side of the grid, in pixels; smaller images are taken
            whole.

    Raises:
        ValueError: If the images differ in size.
    """
    if image.shape != enhanced.shape:
        raise ValueError('images to be compared differ in shape: '
                         f'{image.shape}, {enhanced.shape}')
    rows, columns = _grid(image.shape[:2], side)
    before, after = (
        np.rint(pixels[rows][:, columns].max(-1)).clip(0, 255).astype(int)
        for pixels in (image, enhanced))
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
class ImageStatistics(_ImageMetric):
    r"""How bright and how rich the images are; no better or worse.

    - ``mean``: mean of all pixels and colours, [0, 1].
    - ``contrast``: their standard deviation.
    - ``entropy``: of the grey levels (BT.601, 8 bits), :math:`-\sum_i p_i
      \log_2 p_i` (Shannon 1948), 0 to 8 bits.
    """

    metric = 'statistics'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Collect the figures of a batch."""
        for sample in data_samples:
            image = obtain_data(sample['output'], self.pred_key)
            image = image.permute(1, 2, 0).cpu().numpy()
            levels = np.rint(image).clip(0, 255).astype(np.uint8)
            grey = cv2.cvtColor(levels, cv2.COLOR_BGR2GRAY)
            self.results.append(
                dict(
                    mean=image.mean() / 255,
                    contrast=image.std() / 255,
                    entropy=entropy(np.bincount(grey.ravel()), base=2)))
