"""Half instance norm, and the block around it, equal the plain operations."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as modules
from torch.nn.utils.parametrizations import weight_norm

from mmsdag.functional import half_instance_norm, half_instance_norm_block

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def expected(x, weight, bias):
    first, second = x.split((len(weight), x.shape[1] - len(weight)), dim=1)
    first = F.instance_norm(first, weight=weight, bias=bias)
    return F.leaky_relu(torch.cat((first, second), dim=1), 0.2)


def inputs(dtype=torch.float32, layout=torch.channels_last, offset=0.0):
    x = torch.randn(3, 6, 7, 5, dtype=dtype) + offset
    return (
        x.contiguous(memory_format=layout),
        torch.randn(3, dtype=dtype),
        torch.randn(3, dtype=dtype),
    )


@pytest.mark.parametrize('layout', LAYOUTS)
def test_normalizes_the_first_channels_and_activates_all(layout):
    x, weight, bias = inputs(layout=layout)
    out = half_instance_norm(x, weight, bias)
    torch.testing.assert_close(out, expected(x, weight, bias))


def test_first_channels_need_not_be_half():
    x, weight, bias = inputs()
    out = half_instance_norm(x, weight[:1], bias[:1])
    torch.testing.assert_close(out, expected(x, weight[:1], bias[:1]))


def test_gradients_are_those_of_the_formula():
    arguments = [t.requires_grad_() for t in inputs(torch.float64)]
    assert torch.autograd.gradcheck(half_instance_norm, arguments)


def test_layout_is_kept():
    x, weight, bias = inputs()
    out = half_instance_norm(x, weight, bias)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_far_from_zero_no_digits_are_lost():
    # E[x^2] - E[x]^2 in float32 would be wrong in the second digit here.
    x, weight, bias = inputs(offset=1000.0)
    out = half_instance_norm(x, weight, bias)
    right = expected(x.double(), weight.double(), bias.double())
    assert (out - right)[:, :3].abs().max() < 1e-3


def test_flat_images_become_the_bias():
    _, weight, bias = inputs()
    out = half_instance_norm(torch.full((1, 6, 4, 4), 7.0), weight, bias)
    torch.testing.assert_close(out[0, :3, 0, 0], F.leaky_relu(bias, 0.2), rtol=0, atol=1e-5)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_as_near_as_its_digits(dtype):
    x, weight, bias = inputs()
    x.requires_grad_()
    low = x.detach().to(dtype).requires_grad_()
    out = half_instance_norm(low, weight, bias)
    right = expected(x, weight, bias)
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), right, rtol=0.02, atol=0.03)
    toward = torch.randn_like(right)
    (out * toward.to(dtype)).sum().backward()
    (right * toward).sum().backward()
    error = (low.grad.float() - x.grad).norm() / x.grad.norm()
    assert error < 0.02


def test_float16_squares_do_not_overflow():
    x = torch.randn(1, 2, 8, 8) * 1000
    out = half_instance_norm(x.half(), torch.ones(1), torch.zeros(1))
    right = expected(x, torch.ones(1), torch.zeros(1))
    torch.testing.assert_close(out[:, 0].float(), right[:, 0], rtol=0.01, atol=0.01)


class Block(nn.Module):
    def __init__(self, channels=4, width=6):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1)
        self.norm = nn.InstanceNorm2d(width // 2, affine=True)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.identity = nn.Conv2d(channels, width, 1)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)

    def forward(self, x, residual=None):
        return half_instance_norm_block(
            x, self.conv1, self.norm, self.conv2, self.identity, residual
        )

    def plain(self, x, residual=0):
        y = expected(self.conv1(x), self.norm.weight, self.norm.bias)
        y = F.leaky_relu(self.conv2(y), 0.2)
        return y + self.identity(x) + residual


def one_step(run) -> bool:
    """Whether the block is computed as a whole."""
    with torch.profiler.profile() as profile:
        run()
    return any(event.key == '_HalfInstanceNormBlock' for event in profile.key_averages())


@pytest.mark.parametrize('channels', [1, 4])
@pytest.mark.parametrize('size', [(7, 5), (1, 5), (5, 1)])
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('with_residual', [True, False])
def test_block_and_its_gradients_equal_the_plain_ones(with_residual, layout, size, channels):
    block, right = Block(channels), Block(channels).double()
    right.load_state_dict(block.state_dict())
    x = torch.randn(3, channels, *size)
    inputs = [x.contiguous(memory_format=layout)]
    if with_residual:
        inputs.append(torch.randn(3, 6, *size))
    doubles = [t.double().requires_grad_() for t in inputs]
    inputs = [t.clone().requires_grad_() for t in inputs]
    toward = torch.randn(3, 6, *size)
    out, of_plain = block(*inputs), right.plain(*doubles)
    torch.testing.assert_close(out.double(), of_plain, rtol=0, atol=1e-5)
    (out * toward).sum().backward()
    (of_plain * toward).sum().backward()
    pairs = zip([*inputs, *block.parameters()], [*doubles, *right.parameters()])
    for ours, theirs in pairs:
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-4)


def test_block_is_one_step_in_float32_alone():
    block, x = Block(), torch.randn(1, 4, 7, 5)
    assert one_step(lambda: block(x))
    with torch.autocast('cpu', torch.bfloat16):
        assert not one_step(lambda: block(x))
    assert not one_step(lambda: block.double()(x.double()))


def test_block_leaves_what_it_gets_as_it_is():
    block, inputs = Block(), (torch.randn(2, 4, 7, 5), torch.randn(2, 6, 7, 5))
    copies = [t.clone() for t in inputs]
    out = block(*inputs)
    grad = torch.randn_like(out)
    copies.append(grad.clone())
    out.backward(grad)
    assert all(map(torch.equal, (*inputs, grad), copies))


@pytest.mark.parametrize('frozen', [(), ('conv1',), ('conv1', 'conv2', 'norm', 'identity')])
@pytest.mark.parametrize('needs_x', [True, False])
def test_block_of_which_some_is_frozen(needs_x, frozen):
    block = Block()
    for name in frozen:
        getattr(block, name).requires_grad_(False)
    x = torch.randn(2, 4, 7, 5, requires_grad=needs_x)
    out = block(x)
    wanted = [t for t in (x, *block.parameters()) if t.requires_grad]
    assert out.requires_grad == bool(wanted)
    if wanted:
        ours = torch.autograd.grad(out.sum(), wanted)
        theirs = torch.autograd.grad(block.plain(x).sum(), wanted)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'kind', ['forward_hook', 'forward_pre_hook', 'full_backward_hook', 'full_backward_pre_hook']
)
@pytest.mark.parametrize(
    'register',
    [
        lambda conv, kind: getattr(conv, f'register_{kind}'),
        lambda conv, kind: getattr(modules, f'register_module_{kind}'),
    ],
    ids=['of the module', 'of all modules'],
)
def test_block_shows_its_convolutions_to_hooks(register, kind):
    block, x, seen = Block(), torch.randn(1, 4, 7, 5), []
    handle = register(block.identity, kind)(lambda module, *args: seen.append(module))
    try:
        hooked = block(x)
        hooked.sum().backward()
    finally:
        handle.remove()
    assert block.identity in seen
    assert one_step(lambda: block(x))
    torch.testing.assert_close(block(x), hooked)


class Twice(nn.Conv2d):
    def forward(self, x):
        return super().forward(x) * 2


@pytest.mark.parametrize(
    'change',
    [
        dict(conv1=Twice(4, 6, 3, padding=1)),
        dict(conv2=nn.Conv2d(6, 6, 3, padding=1, padding_mode='reflect')),
        dict(conv2=nn.Conv2d(6, 6, 3, padding=2, dilation=2)),
        dict(conv1=nn.Conv2d(4, 6, 5, padding=2)),
        dict(conv1=nn.Conv2d(4, 6, 3, padding=1, bias=False)),
        dict(conv2=nn.Conv2d(6, 6, 3, padding=1, bias=False)),
        dict(identity=nn.Conv2d(4, 6, 1, bias=False)),
        dict(identity=nn.Conv2d(4, 6, 1, groups=2)),
    ],
    ids=str,
)
def test_block_of_other_convolutions_is_computed_by_them(change):
    block, x = Block(), torch.randn(2, 4, 7, 5, requires_grad=True)
    for name, conv in change.items():
        setattr(block, name, conv)
    out, right = block(x), block.plain(x)
    assert not one_step(lambda: block(x))
    torch.testing.assert_close(out, right)
    wanted = [x, *block.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(out.square().sum(), wanted),
        torch.autograd.grad(right.square().sum(), wanted),
        rtol=1e-4,
        atol=1e-4,
    )


def test_block_of_a_parametrized_convolution_is_one_step_still():
    block, x = Block(), torch.randn(1, 4, 7, 5)
    weight_norm(block.conv1)
    assert one_step(lambda: block(x))
    torch.testing.assert_close(block(x), block.plain(x))


def test_block_of_no_images_gives_none():
    block, x = Block(), torch.randn(0, 4, 7, 5, requires_grad=True)
    out = block(x)
    assert out.shape == (0, 6, 7, 5)
    out.sum().backward()
    assert x.grad.shape == x.shape


def test_block_keeps_the_digits_of_its_residual():
    residual = torch.randn(1, 6, 7, 5, dtype=torch.float64)
    block, x = Block(), torch.randn(1, 4, 7, 5)
    assert block(x, residual).dtype == torch.float64


def test_flat_maps_keep_their_digits_in_the_block():
    block = Block()
    x = torch.full((1, 4, 16, 16), 50.0) + torch.randn(1, 4, 16, 16) * 1e-3
    out = block(x).double()
    right = block.double().plain(x.double())
    plain = block.float().plain(x).double()
    assert (out - right).abs().max() <= 2 * (plain - right).abs().max()
