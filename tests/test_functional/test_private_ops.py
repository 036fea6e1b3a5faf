"""Without PyTorch's private operators everything is computed, and equal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

import mmsdag.models  # noqa: F401
from mmsdag.functional import (
    conv_of_parts,
    half_instance_norm_block,
    set_private_ops,
    uses_private_ops,
)
from mmsdag.registry import MODELS


@pytest.fixture
def private_ops():
    yield set_private_ops
    set_private_ops(True)


def fused(run) -> tuple[torch.Tensor, set[str]]:
    """What ``run`` returns, and the fused steps that it took."""
    with torch.profiler.profile() as profile:
        result = run()
    return result, {
        event.key
        for event in profile.key_averages()
        if event.key.startswith(('mkldnn::_convolution_pointwise', '_HalfInstanceNormBlock'))
    }


def test_a_convolution_of_parts_is_not_fused(private_ops):
    conv = nn.Conv2d(8, 7, 3, padding=1)
    parts = torch.rand(2, 5, 9, 11), torch.rand(2, 3, 9, 11)

    def run():
        with torch.no_grad():
            return fused(lambda: conv_of_parts(conv, *parts, relu=True))

    expected, steps = run()
    assert steps
    private_ops(False)
    assert not uses_private_ops()
    y, steps = run()
    assert not steps
    torch.testing.assert_close(y, expected)


def test_a_half_instance_norm_block_takes_several_steps(private_ops):
    convs = (
        nn.Conv2d(4, 6, 3, padding=1),
        nn.InstanceNorm2d(3, affine=True),
        nn.Conv2d(6, 6, 3, padding=1),
        nn.Conv2d(4, 6, 1),
    )
    x = torch.rand(2, 4, 7, 5, requires_grad=True)
    wanted = [x, *(p for conv in convs for p in conv.parameters())]

    def run():
        y, steps = fused(lambda: half_instance_norm_block(x, *convs))
        return (y, *torch.autograd.grad(y.square().sum(), wanted)), steps

    expected, steps = run()
    assert '_HalfInstanceNormBlock' in steps
    private_ops(False)
    results, steps = run()
    assert not steps
    torch.testing.assert_close(results, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    'network',
    [dict(type='mmsdag.SDAGNet'), dict(type='mmsdag.ZeroDCENet'), dict(type='mmsdag.ZeroDCEPPNet')],
    ids=lambda config: config['type'],
)
def test_images_of_a_network_are_equal(network, private_ops):
    net, x = MODELS.build(network).eval(), torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected, steps = fused(lambda: net(x))
        assert steps
        private_ops(False)
        images, steps = fused(lambda: net(x))
    assert not steps
    torch.testing.assert_close(images, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    'value, printed', [('0', 'False'), ('1', 'True'), ('no', "MMSDAG_PRIVATE_OPS='no': must be")]
)
def test_the_environment_switches_them(value, printed):
    run = subprocess.run(
        [
            sys.executable,
            '-c',
            'from mmsdag.functional import uses_private_ops; print(uses_private_ops())',
        ],
        env={**os.environ, 'MMSDAG_PRIVATE_OPS': value},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert printed in run.stdout
