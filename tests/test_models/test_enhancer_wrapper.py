"""Networks that know nothing of this package, made enhancers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from mmsdag.apis import LowLightInferencer
from mmsdag.models import EnhancerWrapper, load_enhancer
from mmsdag.registry import MODELS

RGB = torch.tensor([0.2, 0.4, 0.6]).view(1, 3, 1, 1)
# As networks of OpenMMLab take them.
BGR_255 = dict(channel_order='bgr', value_range=(0, 255), mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 5.0))


class Echo(nn.Module):
    """Puts out what it takes, packed as it is told; remembers it."""

    def __init__(self, pack=lambda x: x) -> None:
        super().__init__()
        self.pack = pack

    def forward(self, x):
        self.seen = x
        return self.pack(x)


class Foreign(nn.Module):
    """A 1x1 convolution, which an init_weights() would spoil."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.module = nn.Conv2d(3, 3, 1, bias=bias)

    def init_weights(self, nonlinearity):
        raise AssertionError('nobody knows its arguments')

    def forward(self, x):
        return self.module(x)


class Ours(BaseModule):
    """One that wants its init_weights() to be called."""

    def __init__(self) -> None:
        super().__init__(dict(type='Constant', layer='Conv2d', val=0.5))
        self.layer = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return self.layer(x)


def wrapped(module, **kwargs) -> EnhancerWrapper:
    return MODELS.build(dict(type='mmsdag.EnhancerWrapper', module=module, **kwargs))


def test_the_network_sees_the_pixels_that_it_was_made_for():
    echo = Echo()
    out = wrapped(echo, inputs=BGR_255)(RGB)
    # (255 * 0.6 - 1) / 2, (255 * 0.4 - 2) / 4, (255 * 0.2 - 3) / 5
    torch.testing.assert_close(echo.seen.flatten(), torch.tensor([76.0, 25.0, 9.6]))
    torch.testing.assert_close(out, RGB)


def test_its_output_may_be_described_apart_from_its_input():
    out = wrapped(Echo(torch.zeros_like), inputs=BGR_255, outputs=dict(value_range=(-1, 3)))(RGB)
    torch.testing.assert_close(out, torch.full_like(RGB, 0.25))


@pytest.mark.parametrize(
    'pack, output',
    [
        (lambda x: (x, None), None),
        (lambda x: [None, x], 1),
        (lambda x: dict(out=x, aux=None), 'out'),
        (lambda x: SimpleNamespace(sample=x), 'sample'),
    ],
)
def test_the_image_is_found_among_the_outputs(pack, output):
    assert torch.equal(wrapped(Echo(pack), output=output)(RGB), RGB)


def test_an_image_that_it_cannot_divide_is_padded_and_cropped_again():
    echo, x = Echo(), torch.rand(2, 3, 9, 16)
    assert torch.equal(wrapped(echo, size_divisor=8)(x), x)
    assert echo.seen.shape == (2, 3, 16, 16)
    torch.testing.assert_close(echo.seen[:, :, 9:], x[:, :, -1:].expand(2, 3, 7, 16))


def test_enhanced_images_are_clipped_but_those_to_learn_from_are_not():
    wrapper = wrapped(Echo(lambda x: 4 * x - 1))
    torch.testing.assert_close(wrapper(RGB), 4 * RGB - 1)
    torch.testing.assert_close(wrapper.enhance(RGB).flatten(), torch.tensor([0.0, 0.6, 1.0]))


def test_half_precision_inside_does_not_round_the_image_outside():
    assert wrapped(Echo(lambda x: x.bfloat16()))(RGB).dtype == torch.float32
    assert wrapped(Echo())(RGB.double()).dtype == torch.float64


def test_a_network_of_another_registry_is_what_it_is_there():
    NAFNet = pytest.importorskip('mmagic.models.editors').NAFNet
    config = dict(
        img_channels=3, mid_channels=4, enc_blk_nums=[1], middle_blk_num=1, dec_blk_nums=[1]
    )
    wrapper = wrapped(dict(type='mmagic.NAFNet', **config)).eval()
    network = NAFNet(**config).eval()
    network.load_state_dict(wrapper.module.state_dict())
    x = torch.rand(1, 3, 17, 18)
    torch.testing.assert_close(wrapper(x), network(x))


def test_a_network_of_torchvision_is_what_it_is_there():
    kwargs = dict(num_classes=3, weights_backbone=None)
    wrapper = wrapped(
        'torchvision.models.segmentation:lraspp_mobilenet_v3_large', kwargs=kwargs, output='out'
    ).eval()
    network = lraspp_mobilenet_v3_large(**kwargs).eval()
    network.load_state_dict(wrapper.module.state_dict())
    x = torch.rand(1, 3, 33, 40)
    torch.testing.assert_close(wrapper(x), network(x)['out'])


# Foreign has a submodule of the name that the wrapper has, Ours has not.
@pytest.mark.parametrize('kind', [Foreign, Ours])
@pytest.mark.parametrize('prefix', ['', 'generator.', 'generator.module.'])
def test_weights_load_with_the_wrapper_and_without(prefix, kind, tmp_path):
    network = kind()
    state = {prefix + k: v for k, v in network.state_dict().items()}
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    enhancer = load_enhancer(
        dict(type='mmsdag.EnhancerWrapper', module=f'{__name__}:{kind.__name__}'),
        tmp_path / 'a.pth',
    )
    x = torch.rand(1, 3, 4, 5)
    torch.testing.assert_close(enhancer.enhance(x), network(x).clamp(0, 1))


def test_weights_of_another_network_are_refused(tmp_path):
    torch.save(Foreign(bias=False).state_dict(), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='does not fit the network'):
        load_enhancer(dict(type='mmsdag.EnhancerWrapper', module=Foreign()), tmp_path / 'a.pth')


def test_initial_weights_come_from_a_file(tmp_path):
    network = Ours()
    torch.save(network.state_dict(), tmp_path / 'a.pth')
    wrapper = wrapped(
        f'{__name__}:Ours', init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'a.pth'))
    )
    wrapper.init_weights()
    torch.testing.assert_close(wrapper(RGB), network(RGB))


@pytest.mark.parametrize(
    'module', [Foreign(), Ours(), f'{__name__}:Foreign'], ids=['foreign', 'built', 'named']
)
def test_what_its_constructor_did_is_not_undone(module):
    wrapper = wrapped(module)
    before = wrapper(RGB)
    wrapper.init_weights()
    assert torch.equal(wrapper(RGB), before)


def test_a_network_of_mmengine_is_initialized_in_its_own_way():
    wrapper = wrapped(f'{__name__}:Ours')
    wrapper.init_weights()
    assert (wrapper.module.layer.weight == 0.5).all()


def test_a_built_network_needs_no_checkpoint_and_is_not_frozen():
    network = Foreign()
    inferencer = LowLightInferencer(
        dict(type='mmsdag.EnhancerWrapper', module=network), device='cpu'
    )
    image = torch.randint(0, 256, (1, 8, 9, 3), dtype=torch.uint8)
    enhanced = inferencer.enhance(image.numpy())
    rgb = network(image.permute(0, 3, 1, 2).flip(1) / 255).clamp(0, 1)
    expected = (rgb * 255).flip(1).permute(0, 2, 3, 1).detach().numpy()
    assert abs(enhanced - expected).max() <= 0.5001
    assert network.training
    assert all(p.requires_grad for p in network.parameters())


def test_a_detector_sees_what_it_puts_out():
    pytest.importorskip('mmdet')
    preprocessor = MODELS.build(
        dict(
            type='mmsdag.EnhancedDetDataPreprocessor',
            enhancer=dict(
                type='mmsdag.EnhancerWrapper',
                module='torch.nn:Softshrink',
                kwargs=dict(lambd=50.0),
                inputs=dict(value_range=(0, 255)),
            ),
        )
    )
    image = torch.tensor([[[40]], [[153]], [[255]]]).expand(3, 4, 4)
    out = preprocessor(dict(inputs=[image.to(torch.uint8)]))['inputs']
    # Softshrink subtracts 50, and puts out 0 for less.
    assert out[0, :, 0, 0].tolist() == [0, 103, 205]


@pytest.mark.parametrize(
    'kwargs, error, message',
    [
        (dict(module='torch.nn.Identity'), ValueError, "'package.module:Class'"),
        (dict(module='no_such_package:Net'), ImportError, 'no_such_package'),
        (dict(module='torch.nn:Idntity'), ImportError, 'Idntity'),
        (
            dict(module='torch:zeros', kwargs=dict(size=(1,))),
            TypeError,
            'a Tensor, not a torch.nn.Module',
        ),
        (dict(module=3), TypeError, 'module=3'),
        (dict(module=Echo(), kwargs=dict(a=1)), ValueError, 'kwargs='),
        (dict(module=Echo(), size_divisor=0), ValueError, 'size_divisor=0'),
        (
            dict(module=Echo(), inputs=dict(channel_order='rbg')),
            ValueError,
            "inputs.channel_order='rbg'",
        ),
        (
            dict(module=Echo(), outputs=dict(value_range=(1, 0))),
            ValueError,
            r'outputs.value_range=\(1, 0\)',
        ),
        (dict(module=Echo(), inputs=dict(std=(1, 1, 0))), ValueError, 'inputs.mean='),
    ],
)
def test_a_wrong_argument_is_refused(kwargs, error, message):
    with pytest.raises(error, match=message):
        EnhancerWrapper(**kwargs)


@pytest.mark.parametrize(
    'pack, output, message',
    [
        (lambda x: dict(out=x), 'aux', r"\['out'\], which has no such item"),
        (lambda x: x, 'out', 'a Tensor, which has no such item'),
        (lambda x: (x,), 1, 'a tuple, which has no such item'),
        (lambda x: dict(out=x), None, 'is a dict, not an image'),
        (lambda x: x[:, :1], None, 'images are'),
        (lambda x: x[..., :2], None, 'keeps the size'),
    ],
)
def test_an_output_that_is_no_image_is_refused(pack, output, message):
    with pytest.raises(
        ValueError,
        match=r'EnhancerWrapper\(Echo\).*'
        f'{message}',
    ):
        wrapped(Echo(pack), output=output)(torch.rand(1, 3, 4, 4))
