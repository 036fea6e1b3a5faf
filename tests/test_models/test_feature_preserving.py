"""What the self feature preserving loss compares, and what not."""

from __future__ import annotations

import pytest
import torch

from mmsdag.models import DeepVGGExtractor, SelfFeaturePreservingLoss
from mmsdag.models.frozen import hide

#: Places of the convolutions of VGG-16 in torchvision, up to conv5_1.
CONVS = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24)
WIDTHS = (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512)


@pytest.fixture
def loss():
    """The loss with the image itself as its features."""
    loss = SelfFeaturePreservingLoss(
        dict(type='mmsdag.VGGExtractor', init_cfg=None), loss_weight=3.0
    )
    hide(loss, 'extractor', torch.nn.Identity())
    return loss


def rows(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 1, -1).expand(1, 3, 1, -1)


def test_features_are_compared_after_normalization(loss):
    # (0, 2) and (6, 2) become (-1, 1) and (1, -1): squares of 2, 3 times.
    # (0, 0, 3, 1): mean 1, variance 1.5; (0, 0, 1, 3) differs by 2 twice:
    # (4 + 4) / 1.5 / 4 = 4 / 3, 3 times.
    assert loss(rows(0.0, 2.0), rows(6.0, 2.0)).item() == pytest.approx(12, rel=1e-4)
    assert loss(rows(0.0, 0.0, 3.0, 1.0), rows(0.0, 0.0, 1.0, 3.0)).item() == (
        pytest.approx(4, rel=1e-4)
    )


def test_brightness_and_contrast_do_not_count(loss):
    assert loss(rows(0.0, 2.0, 5.0), rows(100.0, 104.0, 110.0)) < 1e-9


def test_each_image_is_normalized_by_itself(loss):
    low = torch.cat([rows(0.0, 2.0), rows(0.0, 4.0)])
    enhanced = torch.cat([rows(5.0, 9.0), rows(1.0, 2.0)])
    assert loss(enhanced, low) < 1e-4


def test_only_the_enhanced_image_is_taught():
    loss = SelfFeaturePreservingLoss(dict(type='mmsdag.DeepVGGExtractor', init_cfg=None))
    enhanced, low = torch.rand(2, 1, 3, 32, 32).requires_grad_().unbind()
    enhanced.retain_grad()
    low.retain_grad()
    loss(enhanced, low).backward()
    assert enhanced.grad.abs().sum() > 0
    assert low.grad is None
    assert all(p.grad is None for p in loss.extractor.parameters())


def test_the_extractor_is_not_saved_but_initialized(tmp_path):
    source = DeepVGGExtractor(init_cfg=None)
    state = source.state_dict()
    torch.save(dict(state, **{'classifier.0.bias': torch.rand(2)}), tmp_path / 'vgg.pth')
    loss = SelfFeaturePreservingLoss(
        dict(
            type='mmsdag.DeepVGGExtractor',
            init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'vgg.pth')),
        )
    )
    assert not loss.state_dict() and not list(loss.parameters())
    loss.init_weights()
    for name, value in loss.extractor.state_dict().items():
        assert torch.equal(value, state[name])


def test_deep_extractor_is_torchvisions_up_to_relu5_1_without_pool4():
    net = DeepVGGExtractor(init_cfg=None)
    assert {name: value.shape[0] for name, value in net.state_dict().items()} == {
        f'features.{i}.{kind}': width
        for i, width in zip(CONVS, WIDTHS)
        for kind in ('weight', 'bias')
    }
    # Three poolings, before these layers, and a ReLU at the end.
    x = torch.rand(1, 3, 32, 40)
    y = (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    state = net.state_dict()
    for place in CONVS:
        if place in (5, 10, 17):
            y = torch.nn.functional.max_pool2d(y, 2)
        y = torch.nn.functional.conv2d(
            y, state[f'features.{place}.weight'], state[f'features.{place}.bias'], padding=1
        ).relu()
    assert y.shape == (1, net.out_channels, 4, 5)
    torch.testing.assert_close(net(x), y)
    assert not net.train().training
