"""The metric is stage two's guidance loss."""

import pytest
import torch
from helpers.guided_training import SDAG_NET

from mmsdag.models import SDAGNet
from mmsdag.registry import METRICS


def test_errors_of_output_and_input_are_averaged_over_images(tmp_path):
    net = SDAGNet(SDAG_NET['extractor'], num_blocks=1).eval()
    torch.save(dict(state_dict=net.state_dict()), tmp_path / 'sdag.pth')
    metric = METRICS.build(
        dict(
            type='mmsdag.SDAGReconstructionError',
            checkpoint=str(tmp_path / 'sdag.pth'),
            sdag=SDAG_NET,
        )
    )
    bgr = [torch.rand(3, 16, 20) * 255 for _ in range(3)]
    for image in bgr[:2]:
        metric.process({}, [dict(output=dict(pred_img=image), input=bgr[2])])
    result = metric.evaluate(2)

    def error(image):
        rgb = image.flip(0)[None] / 255
        with torch.no_grad():
            return (net(rgb) - rgb).abs().mean().item()

    assert result['recon_error'] == pytest.approx((error(bgr[0]) + error(bgr[1])) / 2, rel=1e-5)
    assert result['input_recon_error'] == pytest.approx(error(bgr[2]), rel=1e-5)
