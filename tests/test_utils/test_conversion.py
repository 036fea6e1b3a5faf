"""The authors' files become ours, with all their weights."""

from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
import torch

from mmsdag.cli import convert
from mmsdag.registry import MODELS
from mmsdag.utils import load_checkpoint
from mmsdag.utils.conversion import METHODS


def converted(tmp_path, *arguments: str) -> dict:
    method, source, *options = arguments
    convert.main([method, str(source), str(tmp_path / 'out.pth'), *options])
    return load_checkpoint(tmp_path / 'out.pth')


def network(method: str, content: dict) -> torch.nn.Module:
    net = MODELS.build(METHODS[method].network)
    net.load_state_dict(
        {name.removeprefix('generator.'): w for name, w in content['state_dict'].items()}
    )
    return net.eval()


@pytest.mark.parametrize('options, expected', [([], 'sdag'), (['--key', 'params_ema'], 'sdag_ema')])
def test_converted_sdag_computes_what_the_authors_does(tmp_path, shared, options, expected):
    content = converted(tmp_path, 'sdag', shared / 'weights/sdag_official.pth', *options)
    net = network('sdag', content)
    reference = np.load(shared / 'reference/exdark_2015_02057.npz')
    x = torch.from_numpy(reference['input'])
    with torch.no_grad():
        out = net(x.reshape(1, *x.shape[-3:]))
    np.testing.assert_allclose(out.numpy().ravel(), reference[expected].ravel(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    'name, expected',
    [('zero_dce_official', 'zero_dce'), ('zero_dce_sdag_official', 'zero_dce_sdag')],
)
def test_converted_zero_dce_computes_what_the_authors_does(tmp_path, shared, name, expected):
    # Without its denormals.
    content = converted(tmp_path, 'zero-dce', shared / f'weights/{name}.pth')
    net = network('zero-dce', content)
    for weight in net.parameters():
        assert not ((weight != 0) & (weight.abs() < 1e-30)).any()
    reference = np.load(shared / 'reference/exdark_2015_02057.npz')
    x = torch.from_numpy(reference['input'])
    with torch.no_grad():
        out = net.enhance(x.reshape(1, *x.shape[-3:]))
    np.testing.assert_allclose(out.numpy().ravel(), reference[expected].ravel(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    'method, name, expected',
    [
        ('zero-dce-pp', 'zero_dce_pp_official.pth', 'zero_dce_pp_scale1'),
        ('sci', 'sci_easy.pt', 'sci_easy'),
        ('sci', 'sci_medium.pt', 'sci_medium'),
        ('sci', 'sci_difficult.pt', 'sci_difficult'),
    ],
)
def test_converted_enhancer_computes_what_the_authors_does(
    tmp_path, shared, method, name, expected
):
    content = converted(tmp_path, method, shared / 'weights' / name)
    net = network(method, content)
    reference = np.load(shared / 'reference/exdark_2015_02057.npz')
    with torch.no_grad():
        out = net.enhance(torch.from_numpy(reference['input'])[None])
    np.testing.assert_allclose(out[0].numpy(), reference[expected], rtol=0, atol=1e-5)


def enlighten_gan_weights() -> dict[str, torch.Tensor]:
    """Weights by the authors' names, each a simple function of its place."""
    weights = {}

    def add(name: str, *shape: int, scale: float, offset: float = 0.0) -> None:
        place = torch.arange(torch.Size(shape).numel()) + len(weights)
        spread = (place * 7919 % 1009 / 504 - 1).reshape(shape)
        weights[name] = offset + scale * spread

    def conv(name: str, outputs: int, inputs: int, side: int = 3) -> None:
        add(f'{name}.weight', outputs, inputs, side, side, scale=3 / (inputs * side**2) ** 0.5)
        add(f'{name}.bias', outputs, scale=0.1)

    widths = (4, 32, 64, 128, 256, 512)
    stages = [*zip(widths, widths[1:]), *zip(widths[:1:-1], widths[-2:0:-1])]
    for stage, (inputs, outputs) in enumerate(stages, 1):
        for half, width in ((1, inputs), (2, outputs)):
            conv(f'conv{stage}_{half}', outputs, width)
            if (stage, half) != (9, 2):
                norm = f'bn{stage}_{half}'
                add(f'{norm}.weight', outputs, scale=0.3, offset=1)
                add(f'{norm}.bias', outputs, scale=0.2)
                add(f'{norm}.running_mean', outputs, scale=0.2)
                add(f'{norm}.running_var', outputs, scale=0.3, offset=1)
        if stage > 5:
            conv(f'deconv{stage - 1}', outputs, inputs)
    conv('conv10', 3, 32, 1)
    return weights


@pytest.mark.parametrize(
    'align_corners, mean, pixels',
    [
        (
            False,
            0.10519834,
            [
                [0.061967, 0.073763, -0.165111],
                [-0.086498, 0.079387, -0.000996],
                [0.161108, 0.183002, 0.067106],
            ],
        ),
        (
            True,
            0.10762332,
            [
                [0.380190, 0.148249, -0.497480],
                [-0.047783, 0.022476, 0.043892],
                [-0.106502, 0.107088, 0.300989],
            ],
        ),
    ],
)
def test_converted_enlighten_gan_computes_what_the_authors_does(
    tmp_path, align_corners, mean, pixels
):
    # No file of theirs is at hand. The values are those of the network in
    # their repository (models/networks.py, commit b034984), with these
    # weights, in eval mode, before 8-bit rounding; as it runs on PyTorch 2.11,
    # and as on 0.3.1, whose bilinear interpolation aligns corners. PyTorch
    # before 0.4.1 did not save num_batches_tracked, so that is left out here.
    torch.save({f'module.{k}': w for k, w in enlighten_gan_weights().items()}, tmp_path / 'a.pth')
    content = converted(tmp_path, 'enlighten-gan', tmp_path / 'a.pth')
    net = network('enlighten-gan', content)
    net.align_corners = align_corners
    x = (torch.arange(3 * 37 * 50) * 31 % 64 / 255).reshape(1, 3, 37, 50)
    with torch.no_grad():
        image = net(x)
        assert torch.equal(net.enhance(x), image.clamp(0, 1))
    assert image.mean().item() == pytest.approx(mean, abs=1e-5)
    for (row, column), expected in zip(((0, 0), (18, 25), (36, 49)), pixels):
        np.testing.assert_allclose(image[0, :, row, column].numpy(), expected, rtol=0, atol=1e-5)


def test_tied_weights_are_stored_once(tmp_path, shared, capsys):
    source = shared / 'weights/sci_medium.pt'
    assert len(torch.load(source, 'cpu', weights_only=True)) == 83
    # Without the copies: 7 tensors once more, 14 three times more.
    converted(tmp_path, 'sci', source)
    assert '34 tensors' in capsys.readouterr().out


def test_copies_of_a_tied_weight_that_differ_are_an_error(tmp_path, shared, capsys):
    weights = torch.load(shared / 'weights/sci_medium.pt', 'cpu', weights_only=True)
    name = 'calibrate.blocks.1.0.bias'
    weights[name] = weights[name] + 1
    torch.save(weights, tmp_path / 'a.pt')
    error = failure(capsys, 'sci', tmp_path / 'a.pt', tmp_path / 'b')
    assert 'calibrate.blocks.1.0.bias differs from another copy' in error


def test_outputs_with_and_without_denormals_are_equal_to_1e_6(shared):
    raw = torch.load(shared / 'weights/zero_dce_official.pth', 'cpu', weights_only=True)
    net = MODELS.build(METHODS['zero-dce'].network).eval()
    x = torch.rand(1, 3, 32, 32)
    outputs = []
    for weights in (raw, load_checkpoint(shared / 'weights/zero_dce_official.pth')):
        net.load_state_dict({k.replace('e_conv', 'conv'): w for k, w in weights.items()})
        with torch.no_grad():
            outputs.append(net.enhance(x))
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-6)


def test_the_origin_is_written_down(tmp_path, shared):
    source = shared / 'weights/sdag_official.pth'
    meta = converted(tmp_path, 'sdag', source)['meta']
    assert meta['source'] == 'sdag_official.pth'
    assert meta['source_key'] == 'params'
    assert meta['source_sha256'] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert meta['mmsdag_version'][0].isdigit()


def test_a_summary_is_printed(tmp_path, shared, capsys):
    converted(tmp_path, 'zero-dce', shared / 'weights/zero_dce_official.pth')
    assert '14 tensors, 79,416 weights' in capsys.readouterr().out


def zero_dce_weights() -> dict:
    shapes = [(32, 3), (32, 32), (32, 32), (32, 32), (32, 64), (32, 64), (24, 64)]
    weights = {}
    for i, shape in enumerate(shapes, 1):
        weights[f'e_conv{i}.weight'] = torch.rand(*shape, 3, 3)
        weights[f'e_conv{i}.bias'] = torch.rand(shape[0])
    return weights


def test_names_of_data_parallel_are_understood(tmp_path):
    weights = zero_dce_weights()
    torch.save({f'module.{k}': w for k, w in weights.items()}, tmp_path / 'a')
    content = converted(tmp_path, 'zero-dce', tmp_path / 'a')
    assert torch.equal(content['state_dict']['generator.conv3.bias'], weights['e_conv3.bias'])


def failure(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as error:
        convert.main([str(a) for a in arguments])
    assert error.value.code == 2
    return capsys.readouterr().err.splitlines()[0]


def test_missing_surplus_and_unfit_weights_are_named(tmp_path, capsys):
    weights = zero_dce_weights()
    del weights['e_conv7.bias']
    weights['extra.weight'] = torch.rand(1)
    weights['e_conv1.bias'] = torch.rand(3)
    torch.save(weights, tmp_path / 'a.pth')
    error = failure(capsys, 'zero-dce', tmp_path / 'a.pth', tmp_path / 'b.pth')
    assert 'a.pth' in error and 'is not a file of zero-dce' in error
    assert 'without a place in our network: extra.weight' in error
    assert 'missing (our names): conv7.bias' in error
    assert 'conv1.bias (3,) instead of (32,)' in error
    assert not (tmp_path / 'b.pth').exists()


def test_a_file_of_another_method_is_an_error(tmp_path, capsys):
    torch.save(zero_dce_weights(), tmp_path / 'a.pth')
    error = failure(capsys, 'sdag', tmp_path / 'a.pth', tmp_path / 'b')
    assert "has no 'params' but e_conv1.weight" in error


def test_a_key_that_the_method_lacks_is_an_error(tmp_path, capsys):
    torch.save(zero_dce_weights(), tmp_path / 'a.pth')
    error = failure(capsys, 'zero-dce', tmp_path / 'a.pth', tmp_path / 'b', '--key', 'params')
    assert 'leave --key out' in error
    error = failure(capsys, 'sdag', tmp_path / 'a.pth', tmp_path / 'b', '--key', 'ema')
    assert 'params and params_ema' in error


def test_a_missing_source_and_a_folder_to_write_are_errors(tmp_path, capsys):
    assert 'nowhere.pth' in failure(capsys, 'sdag', tmp_path / 'nowhere.pth', tmp_path / 'b')
    assert 'is a folder' in failure(capsys, 'sdag', tmp_path / 'nowhere.pth', tmp_path)


def test_a_malicious_source_does_not_run(tmp_path, capsys):

    class Evil:
        def __reduce__(self):
            return os.system, (f'touch {tmp_path}/victim',)

    torch.save(dict(params=Evil()), tmp_path / 'a.pth')
    error = failure(capsys, 'sdag', tmp_path / 'a.pth', tmp_path / 'b')
    assert 'refused' in error
    assert not (tmp_path / 'victim').exists()


@pytest.mark.parametrize('content', [[torch.rand(1)], dict(params=3)])
def test_what_holds_no_weights_is_an_error(tmp_path, capsys, content):
    torch.save(content, tmp_path / 'a.pth')
    for method in ('sdag', 'zero-dce'):
        error = failure(capsys, method, tmp_path / 'a.pth', tmp_path / 'b')
        assert method in error


def test_the_help_teaches_by_examples(capsys):
    with pytest.raises(SystemExit):
        convert.main(['--help'])
    text = capsys.readouterr().out
    assert '--key params_ema' in text and '{sdag,zero-dce' in text
