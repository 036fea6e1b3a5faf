"""What every enhancing network can do, whatever its method."""

from __future__ import annotations

import shutil

import pytest
import torch
from mmengine.registry import DefaultScope
from torch import nn

from mmsdag.apis.export import export_onnx
from mmsdag.registry import MODELS

#: A method's line here is all that its tests need.
ENHANCERS = {
    'zero-dce': dict(type='ZeroDCENet'),
    'zero-dce-pp': dict(type='ZeroDCEPPNet'),
    'zero-dce-pp, scale 4': dict(type='ZeroDCEPPNet', scale_factor=4),
    'sci': dict(type='SCINet'),
    'ruas': dict(type='RUASNet'),
    'ruas, noise left': dict(type='RUASNet', denoise=False),
    'enlighten-gan': dict(type='EnlightenGANNet', channels=8),
    'iat': dict(type='IATNet'),
    'yola': dict(type='YOLANet'),
    'denet': dict(type='DENet'),
    'frbnet': dict(type='FRBNet'),
    'feat-enhancer': dict(type='FeatEnHancer'),
    'pairlie': dict(type='PairLIENet', channels=8),
    'zero-ig': dict(type='ZeroIGNet', channels=8, noise_channels=8),
    'blend-unet': dict(type='BlendUNet', channels=8),
}
SIZES = [(16, 16), (17, 23), (33, 50)]
#: Largest error of half precision, five times the mean that is allowed. The
#: 8 bits of bfloat16 leave 0.033 after RUAS's 24 layers and less than half as
#: much with the other methods; float16 has three bits more.
BOUNDS = {torch.bfloat16: 0.05, torch.float16: 0.05 / 8}


@pytest.fixture(params=ENHANCERS, ids=lambda name: name.replace(', ', '-'))
def net(request) -> nn.Module:
    """With PyTorch's weights: the methods' own would hardly do anything."""
    with DefaultScope.overwrite_default_scope('mmsdag'):
        net = MODELS.build(dict(ENHANCERS[request.param]))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return net.eval()


@pytest.mark.parametrize('size', SIZES)
def test_a_batch_equals_its_images_one_by_one_at_any_size(net, size):
    x = torch.rand(3, 3, *size)
    with torch.no_grad():
        enhanced = net.enhance(x)
        singly = torch.cat([net.enhance(image[None]) for image in x])
    assert enhanced.shape == x.shape
    assert (enhanced - x).abs().mean() > 0.01
    torch.testing.assert_close(enhanced, singly, atol=1e-5, rtol=0)


@pytest.mark.parametrize('dtype', BOUNDS, ids=str)
def test_half_precision_stays_near_float32(net, dtype):
    x = torch.rand(2, 3, 33, 50)
    with torch.no_grad():
        expected = net.enhance(x)
        with torch.autocast('cpu', dtype):
            mixed = net.enhance(x)
        half = net.to(dtype).enhance(x.to(dtype))
    # Curves, quotients and sums are taken in float32 in either case.
    assert mixed.dtype == half.dtype == torch.float32
    for enhanced in (mixed, half):
        assert enhanced.isfinite().all()
        error = (enhanced - expected).abs()
        assert error.mean() < BOUNDS[dtype] / 5
        assert error.max() < BOUNDS[dtype]


def test_gradients_pass_the_check_in_double_precision(net):
    # Of the image and all weights, along random directions. Normalization
    # takes the statistics of evaluation. Steps so short hit no kink of the
    # activations, clamps and maxima.
    net = net.double()
    x = torch.rand(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda *_: net.enhance(x), (x, *net.parameters()), eps=1e-8, fast_mode=True
    )


@pytest.mark.slow
@pytest.mark.parametrize('grad', [False, True], ids=['infers', 'learns'])
def test_compiled_it_gives_the_same(net, grad):
    # All that inductor compiles, without the C++ compiler's time.
    torch.compiler.reset()
    compiled = torch.compile(net.enhance, backend='aot_eager', fullgraph=True, dynamic=False)
    images = [torch.rand(2, 3, 17, 23, requires_grad=grad)]
    images.append(images[0].detach().clone().requires_grad_(grad))
    with torch.set_grad_enabled(grad):
        pairs = [[f(x)] for f, x in zip((net.enhance, compiled), images)]
    if grad:
        for (enhanced,), x, pair in zip(pairs, images, pairs):
            enhanced.square().mean().backward()
            pair.append(x.grad)
    for expected, own in zip(*pairs):
        torch.testing.assert_close(own, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(shutil.which('c++') is None, reason='inductor needs a C++ compiler')
def test_compiled_to_machine_code_it_gives_the_same():
    from torch._inductor import config

    net = MODELS.build(dict(type='mmsdag.SCINet')).eval()
    x = torch.rand(2, 3, 17, 23)
    torch.compiler.reset()
    # Without vector instructions, whose search takes half a minute.
    with (
        torch.no_grad(),
        config.patch({'cpp.vec_isa_ok': False, 'cpp_cache_precompile_headers': False}),
    ):
        compiled = torch.compile(net.enhance, fullgraph=True)(x)
        torch.testing.assert_close(compiled, net.enhance(x), atol=1e-5, rtol=0)


def test_its_onnx_file_gives_the_same_at_another_size(net, tmp_path):
    runtime = pytest.importorskip('onnxruntime')
    path = tmp_path / 'net.onnx'
    assert export_onnx(net, path) <= 1e-4
    session = runtime.InferenceSession(str(path), providers=['CPUExecutionProvider'])
    for shape in ((1, 3, 16, 16), (4, 3, 29, 70)):
        x = torch.rand(shape)
        (enhanced,) = session.run(None, {'image': x.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(
                torch.from_numpy(enhanced), net.enhance(x), atol=1e-4, rtol=0
            )
