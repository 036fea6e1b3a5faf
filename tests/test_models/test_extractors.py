"""Extractors take the early stages out of real recognizers."""

from __future__ import annotations

import pytest
import torch

from mmsdag.models import BackboneExtractor, SDAGNet, VGGExtractor
from mmsdag.registry import MODELS

CSPDARKNET = dict(
    type='mmdet.CSPDarknet',
    deepen_factor=0.33,
    widen_factor=0.25,
    use_depthwise=True,
    norm_cfg=dict(type='BN', momentum=0.03, eps=0.001),
    act_cfg=dict(type='Swish'),
)
RESNETS = [
    dict(type='mmdet.ResNet', depth=18),
    dict(type='mmseg.ResNet', depth=18),
    dict(type='torchvision.resnet18'),
]


def output_of(module: torch.nn.Module, layer: str, x: torch.Tensor) -> torch.Tensor:
    """What ``layer`` puts out when the whole of ``module`` runs."""
    seen = []
    handle = module.get_submodule(layer).register_forward_hook(lambda *args: seen.append(args[2]))
    module.eval()
    with torch.no_grad():
        module(x)
    handle.remove()
    return seen[0]


def test_vgg_extractor_is_the_first_three_layers_of_torchvisions_vgg16():
    from torchvision.models import vgg16

    vgg = vgg16().features[:3].eval()
    extractor = VGGExtractor(init_cfg=None)
    extractor.load_state_dict({f'features.{k}': v for k, v in vgg.state_dict().items()})
    x = torch.rand(1, 3, 12, 10)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    torch.testing.assert_close(extractor(x), vgg((x - mean) / std))


@pytest.mark.parametrize('backbone', RESNETS, ids=lambda cfg: cfg['type'])
def test_resnet_features_equal_those_inside_the_whole_backbone(backbone):
    extractor = BackboneExtractor(backbone, 'layer1')
    if backbone['type'].startswith('torchvision'):
        from torchvision.models import resnet18

        whole = resnet18()
    else:
        whole = MODELS.build(dict(backbone))
    own = extractor.body.state_dict()
    whole.load_state_dict(own, strict=False)
    x = torch.rand(1, 3, 64, 64)
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    expected = output_of(whole, 'layer1', (x * 255 - mean) / std)
    torch.testing.assert_close(extractor(x), expected, atol=1e-5, rtol=1e-4)
    assert (extractor.out_channels, extractor.stride) == (64, 4)


def test_yolox_stem_comes_out_of_the_recognizers_own_checkpoint(shared):
    path = shared / 'weights' / 'yolox_nano_coco_mmdet.pth'
    extractor = BackboneExtractor(
        CSPDARKNET,
        'stem',
        mean=(0, 0, 0),
        std=(1, 1, 1),
        channel_order='bgr',
        init_cfg=dict(type='Pretrained', checkpoint=str(path), prefix='backbone.'),
    )
    extractor.init_weights()
    weights = torch.load(path, weights_only=True)['state_dict']
    whole = MODELS.build(dict(CSPDARKNET))
    whole.load_state_dict(
        {
            name[len('backbone.') :]: value
            for name, value in weights.items()
            if name.startswith('backbone.')
        }
    )
    x = torch.rand(1, 3, 64, 64)
    expected = output_of(whole, 'stem', 255 * x.flip(1))
    torch.testing.assert_close(extractor(x), expected, atol=1e-3, rtol=1e-4)
    assert expected.abs().max() > 1


def test_layers_behind_the_chosen_one_are_cut_away():
    extractor = BackboneExtractor(CSPDARKNET, 'stem')
    assert {name.split('.')[1] for name in extractor.state_dict()} == {'stem'}


def test_extractor_is_frozen_and_stays_in_eval_mode():
    extractor = BackboneExtractor(RESNETS[0], 'layer1').train()
    assert not any(module.training for module in extractor.modules())
    assert not any(p.requires_grad for p in extractor.parameters())


def test_gradient_passes_through_the_extractor_to_the_image():
    extractor = BackboneExtractor(RESNETS[0], 'layer1')
    x = torch.rand(1, 3, 32, 32, requires_grad=True)
    extractor(x).sum().backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize('layer, stride', [('stem', 2), ('stage1', 4)])
def test_sdag_net_on_a_strided_extractor_keeps_odd_sizes(layer, stride):
    net = SDAGNet(dict(type='mmsdag.BackboneExtractor', backbone=CSPDARKNET, layer=layer))
    assert net.extractor.stride == stride
    assert net(torch.rand(2, 3, 37, 50)).shape == (2, 3, 37, 50)


def test_unknown_layer_is_named_with_the_ones_there_are():
    with pytest.raises(ValueError, match="layer='stemm'.*'stem'"):
        BackboneExtractor(CSPDARKNET, 'stemm')


def test_unknown_channel_order_is_named():
    with pytest.raises(ValueError, match="channel_order='gbr'"):
        BackboneExtractor(CSPDARKNET, 'stem', channel_order='gbr')


def test_layer_that_is_not_a_feature_map_is_refused():
    with pytest.raises(ValueError, match="layer='fc'.*one feature map"):
        BackboneExtractor(RESNETS[2], 'fc')


def test_checkpoint_of_another_backbone_is_refused(tmp_path):
    torch.save({'state_dict': {'backbone.stem.x': torch.ones(1)}}, tmp_path / 'other.pth')
    extractor = BackboneExtractor(
        CSPDARKNET,
        'stem',
        init_cfg=dict(
            type='Pretrained', checkpoint=str(tmp_path / 'other.pth'), prefix='backbone.'
        ),
    )
    with pytest.raises(ValueError, match=r'other\.pth.*lacks 6 of 6'):
        extractor.init_weights()
