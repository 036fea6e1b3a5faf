"""A convolution of parts, fused with its ReLU, is that of the whole."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mmsdag.functional import conv_of_parts

LAYOUTS = [torch.contiguous_format, torch.channels_last]
WIDTHS = [(5,), (5, 3), (2, 5, 3)]
CONVS = [
    dict(kernel_size=3, padding=1),
    dict(kernel_size=1),
    dict(kernel_size=3, padding=(2, 4), dilation=(2, 4), stride=(1, 2)),
    dict(kernel_size=(1, 3), bias=False),
]


def fused_calls(run) -> tuple[torch.Tensor, int]:
    """What ``run`` returns, and how many fused convolutions it took."""
    with torch.profiler.profile() as profile:
        result = run()
    return result, sum(
        event.count
        for event in profile.key_averages()
        if event.key.startswith('mkldnn::_convolution_poi')
    )


def case(widths, layout, options):
    conv = nn.Conv2d(sum(widths), 7, **options).to(memory_format=layout)
    parts = [torch.randn(2, width, 9, 11).contiguous(memory_format=layout) for width in widths]
    return conv, parts, torch.cat(parts, 1)


@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('options', CONVS, ids=str)
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('widths', WIDTHS)
def test_without_gradients_it_is_fused_and_equal(widths, layout, options, relu):
    conv, parts, joined = case(widths, layout, options)
    copies = [part.clone() for part in parts]
    with torch.no_grad():
        y, calls = fused_calls(lambda: conv_of_parts(conv, *parts, relu=relu))
        expected = conv(joined)
    assert calls == len(parts)
    torch.testing.assert_close(y, expected.relu() if relu else expected)
    for part, copy in zip(parts, copies):
        assert torch.equal(part, copy)
    assert not layout == torch.channels_last or y.is_contiguous(memory_format=layout)


@pytest.mark.parametrize('relu', [True, False])
@pytest.mark.parametrize('options', CONVS, ids=str)
@pytest.mark.parametrize('widths', WIDTHS)
def test_gradients_are_those_of_the_joined_convolution(widths, options, relu):
    conv, parts, joined = case(widths, torch.channels_last, options)
    conv, joined = conv.double(), joined.double().requires_grad_()
    parts = [part.double().requires_grad_() for part in parts]
    y, calls = fused_calls(lambda: conv_of_parts(conv, *parts, relu=relu))
    expected = conv(joined).relu() if relu else conv(joined)
    assert calls == 0
    torch.testing.assert_close(y, expected)
    weights = list(conv.parameters())
    *of_parts, weight = torch.autograd.grad(y.square().sum(), [*parts, *weights[:1]])
    of_joined, expected_weight = torch.autograd.grad(
        expected.square().sum(), [joined, *weights[:1]]
    )
    torch.testing.assert_close(torch.cat(of_parts, 1), of_joined)
    torch.testing.assert_close(weight, expected_weight)


@pytest.mark.parametrize('needing', ['weight', 'image'])
def test_whatever_needs_gradients_gets_them(needing):
    conv, parts, _ = case((5, 3), torch.channels_last, CONVS[0])
    conv.requires_grad_(needing == 'weight')
    parts[1].requires_grad_(needing == 'image')
    y, calls = fused_calls(lambda: conv_of_parts(conv, *parts, relu=True))
    assert calls == 0
    assert y.requires_grad


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('options', CONVS[:2], ids=str)
def test_under_autocast_it_has_the_dtype_and_values_of_the_convolution(options, layout, dtype):
    conv, parts, joined = case((5, 3), layout, options)
    with torch.no_grad(), torch.autocast('cpu', dtype):
        y = conv_of_parts(conv, *parts, relu=True)
        expected = conv(joined).relu()
    assert y.dtype == expected.dtype == dtype
    torch.testing.assert_close(y, expected, atol=0.02, rtol=0.02)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize('size', [(1, 1), (1, 5), (5, 1)])
@pytest.mark.parametrize('widths', [(1,), (3, 1), (1, 1)])
def test_maps_of_a_single_row_column_or_channel(widths, size, dtype):
    conv = nn.Conv2d(sum(widths), 3, 3, padding=1).to(dtype)
    parts = [torch.randn(2, width, *size, dtype=dtype) for width in widths]
    with torch.no_grad():
        y = conv_of_parts(conv, *parts, relu=True)
        expected = conv(torch.cat(parts, 1)).relu()
    torch.testing.assert_close(y, expected, atol=0.02, rtol=0.02)


def test_double_precision_stays_double():
    conv, parts, joined = case((5, 3), torch.contiguous_format, CONVS[0])
    conv, parts = conv.double(), [part.double() for part in parts]
    with torch.no_grad():
        y, calls = fused_calls(lambda: conv_of_parts(conv, *parts, relu=True))
        expected = conv(joined.double()).relu()
    assert calls == 0
    torch.testing.assert_close(y, expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize('grad', [True, False])
def test_hooks_see_the_convolution_of_one_part(grad):
    conv, parts, _ = case((5,), torch.channels_last, CONVS[0])
    seen = []
    handle = conv.register_forward_hook(lambda *call: seen.append(call[2]))
    with torch.set_grad_enabled(grad):
        y = conv_of_parts(conv, *parts, relu=True)
    assert torch.equal(seen[0].relu(), y)
    handle.remove()
    with torch.no_grad():
        _, calls = fused_calls(lambda: conv_of_parts(conv, *parts, relu=True))
    assert calls == 1


def test_no_images_give_none():
    conv, (part,), _ = case((5,), torch.channels_last, CONVS[0])
    with torch.no_grad():
        assert conv_of_parts(conv, part[:0], relu=True).shape == (0, 7, 9, 11)


def test_another_padding_is_left_to_the_convolution():
    options = dict(CONVS[0], padding_mode='reflect')
    conv, parts, joined = case((5,), torch.channels_last, options)
    with torch.no_grad():
        y = conv_of_parts(conv, *parts, relu=True)
        torch.testing.assert_close(y, conv(joined).relu())


def test_without_onednn_it_does_without():
    conv, parts, joined = case((5, 3), torch.channels_last, CONVS[0])
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False):
        y, calls = fused_calls(lambda: conv_of_parts(conv, *parts, relu=True))
        expected = conv(joined).relu()
    assert calls == 0
    torch.testing.assert_close(y, expected)
