"""Training of Zero-DCE++ (Li et al., TPAMI 2021)."""

from __future__ import annotations

from mmsdag.registry import MODELS

from .zero_dce import ZeroDCE


@MODELS.register_module()
class ZeroDCEPP(ZeroDCE):
    """Zero-DCE++: Zero-DCE's losses, smoothness weighted eight times more.

    One map replaces the eight maps whose variations Zero-DCE sums.

    Args:
        generator: Config of the network.
        tv_loss: Illumination smoothness of the curve map; by default of
            weight 1600.
        **kwargs: See :class:`ZeroDCE`.
    """

    PARTS = dict(
        ZeroDCE.PARTS, tv_loss=dict(type='mmsdag.IlluminationSmoothnessLoss', loss_weight=1600.0)
    )
