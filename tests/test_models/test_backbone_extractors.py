"""Any recognition model's layer works as extractor of SDAG."""

from __future__ import annotations

import pytest
import torch
from helpers.guided_training import ZERO_DCE, Recorder, train

from mmsdag.models import BackboneExtractor
from mmsdag.registry import MODELS

HRNET = dict(
    type='mmdet.HRNet',
    extra={
        f'stage{i}': dict(
            num_modules=1,
            num_branches=i,
            block='BOTTLENECK' if i == 1 else 'BASIC',
            num_blocks=(1,) * i,
            num_channels=(8,) if i == 1 else (8, 16, 32, 64)[:i],
        )
        for i in range(1, 5)
    },
)
SWIN = dict(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))
PYRAMID = dict(embed_dims=8, num_layers=[1, 1, 1, 1])
VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=16),
    img_size=64,
)
#: Extractor, and what its features are: (channels, stride, layout).
EXTRACTORS = {
    'swin': (
        dict(backbone=dict(type='mmdet.SwinTransformer', **SWIN), layer='stages.0', index=2),
        (16, 4, 'tokens'),
    ),
    'vit': (
        dict(
            backbone=dict(
                type='mmseg.VisionTransformer',
                img_size=(64, 64),
                embed_dims=16,
                num_layers=2,
                num_heads=2,
                out_indices=(1,),
            ),
            layer='layers.0',
        ),
        (16, 16, 'tokens'),
    ),
    'pvt': (
        dict(backbone=dict(type='mmdet.PyramidVisionTransformer', **PYRAMID), layer='layers.0.2'),
        (8, 4, 'tokens'),
    ),
    'mit': (
        dict(backbone=dict(type='mmseg.MixVisionTransformer', **PYRAMID), layer='layers.0.2'),
        (8, 4, 'tokens'),
    ),
    'hrnet': (dict(backbone=HRNET, layer='stage2', index=0), (8, 4, 'maps')),
    'resnest': (
        dict(backbone=dict(type='mmdet.ResNeSt', depth=50, base_channels=8), layer='layer1'),
        (32, 4, 'maps'),
    ),
    'syncbn': (
        dict(
            backbone=dict(
                type='mmdet.ResNet', depth=18, base_channels=8, norm_cfg=dict(type='SyncBN')
            ),
            layer='layer1',
        ),
        (8, 4, 'maps'),
    ),
    'torchvision_vit': (
        dict(
            backbone=dict(type='torchvision.vit_b_16', image_size=32),
            layer='encoder.layers.encoder_layer_0',
            input_size=32,
        ),
        (768, 16, 'tokens'),
    ),
    'torchvision_swin': (
        dict(backbone=dict(type='torchvision.swin_t'), layer='features.1'),
        (96, 4, 'channels_last'),
    ),
    'mmpretrain_vit': (dict(backbone=VIT, layer='layers.0'), (16, 16, 'tokens')),
    'mmpretrain_convnext': (
        dict(
            backbone=dict(
                type='mmpretrain.ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])
            ),
            layer='stages.0',
        ),
        (8, 4, 'maps'),
    ),
}


def config_of(name: str) -> dict:
    """Return the config of an extractor with random weights."""
    backbone = EXTRACTORS[name][0]['backbone']
    pytest.importorskip(backbone['type'].partition('.')[0])
    return dict(type='mmsdag.BackboneExtractor', allow_random=True, **EXTRACTORS[name][0])


@pytest.mark.slow
@pytest.mark.parametrize('name', EXTRACTORS)
def test_model_trains_stage_one_and_guides_zero_dce(tmp_path, name):
    extractor = config_of(name)
    net = dict(type='mmsdag.SDAGNet', extractor=extractor, num_blocks=1)
    recorder = Recorder()
    runner = train(
        tmp_path / 'stage_one', dict(type='mmsdag.SDAG', generator=net), [recorder], iters=10
    )
    found = runner.model.generator.extractor
    assert (found.out_channels, found.stride, found.layout.kind) == EXTRACTORS[name][1]
    path = tmp_path / 'sdag.pth'
    torch.save(dict(state_dict=runner.model.state_dict()), path)

    guided = Recorder()
    train(
        tmp_path / 'guided',
        ZERO_DCE,
        [dict(type='SDAGGuidanceHook', sdag=net, checkpoint=str(path), amp_dtype=None), guided],
        iters=10,
    )
    losses = [step['loss_sdag'] for step in guided.losses]
    assert len(recorder.losses) == len(losses) == 10
    assert torch.isfinite(torch.stack(losses)).all()
    print(
        f'{extractor["backbone"]["type"]:32} {extractor["layer"]:32} '
        f'{found.out_channels:4} channels, stride {found.stride}'
    )


@pytest.mark.parametrize('name', ['swin', 'mit', 'mmpretrain_vit'])
def test_tokens_are_arranged_as_the_network_arranges_them(name):
    extractor = MODELS.build(config_of(name))
    image = torch.rand(2, 3, 64, 96)
    features = extractor(image)
    # A change of the lower right corner is seen most there. These networks
    # mix positions within windows, or all of them.
    image[..., 48:, 80:] = 1 - image[..., 48:, 80:]
    change = (extractor(image) - features).abs().mean((0, 1))
    cell = 16 // extractor.stride
    assert features.shape[2:] == (64 // extractor.stride, 96 // extractor.stride)
    cells = torch.nn.functional.avg_pool2d(change[None], cell).flatten()
    assert cells.argmax() == len(cells) - 1


def test_windows_join_to_the_features_of_a_convolution():
    extractor = BackboneExtractor(
        dict(type='torchvision.vit_b_16', image_size=32), 'conv_proj', input_size=32
    )
    image = torch.rand(2, 3, 48, 80)
    mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    expected = extractor.body.conv_proj((image * 255 - mean) / std)
    torch.testing.assert_close(extractor(image), expected)


def test_fixed_image_size_is_told_with_the_remedy():
    with pytest.raises(ValueError, match='images of 128x64.*input_size'):
        BackboneExtractor(dict(type='torchvision.vit_b_16', image_size=32), 'conv_proj')


def test_layer_with_several_outputs_needs_an_index():
    config = config_of('swin')
    del config['index']
    with pytest.raises(ValueError, match=r'set index.*2: \(1, 512, 16\)'):
        MODELS.build(config)


def test_index_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match='index=7.*0: '):
        MODELS.build({**config_of('hrnet'), 'index': 7})


def test_layer_that_is_never_called_is_told_with_those_inside_it():
    with pytest.raises(ValueError, match=r'does not call.*layers\.0\.0'):
        MODELS.build({**config_of('pvt'), 'layer': 'layers.0'})


def test_backbone_without_weights_is_refused_unless_told():
    backbone = dict(type='mmdet.ResNet', depth=18)
    with pytest.raises(ValueError, match='no pretrained weights.*allow_ran'):
        BackboneExtractor(backbone, 'layer1').init_weights()
    BackboneExtractor(backbone, 'layer1', allow_random=True).init_weights()


@pytest.fixture
def pretrained(tmp_path) -> tuple[dict, torch.nn.Module]:
    """A backbone's config with weights, and the backbone with them."""
    config = dict(type='mmdet.ResNet', depth=18)
    whole = MODELS.build(dict(config))
    path = tmp_path / 'resnet.pth'
    torch.save(dict(state_dict=whole.state_dict()), path)
    return dict(config, init_cfg=dict(type='Pretrained', checkpoint=str(path))), whole


def test_weights_of_the_backbones_own_init_cfg_are_loaded(pretrained):
    config, whole = pretrained
    extractor = BackboneExtractor(config, 'layer1')
    extractor.init_weights()
    own = extractor.body.state_dict()
    expected = whole.state_dict()
    assert all(torch.equal(own[name], expected[name]) for name in own)


def test_init_cfg_that_loads_nothing_is_refused(pretrained):
    config, _ = pretrained
    config['init_cfg']['prefix'] = 'backbone.'
    with pytest.raises((ValueError, AssertionError), match='backbone'):
        BackboneExtractor(config, 'layer1').init_weights()
    config['init_cfg'].pop('prefix')
    config['depth'] = 50
    with pytest.raises(ValueError, match='no weights for'):
        BackboneExtractor(config, 'layer1').init_weights()


def test_weights_that_torchvision_names_are_loaded(monkeypatch):
    import torchvision

    weights = torchvision.models.ResNet18_Weights.DEFAULT
    state = torchvision.models.resnet18().state_dict()
    monkeypatch.setattr(type(weights), 'get_state_dict', lambda self, *args, **kwargs: state)
    extractor = BackboneExtractor(dict(type='torchvision.resnet18', weights='DEFAULT'), 'layer1')
    assert not torch.equal(extractor.body.conv1.weight, state['conv1.weight'])
    extractor.init_weights()
    assert torch.equal(extractor.body.conv1.weight, state['conv1.weight'])
