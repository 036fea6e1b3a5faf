"""Export to ONNX: what is refused. Networks: see
tests/test_models/test_every_enhancer.py."""

from __future__ import annotations

import importlib.util
import math

import pytest
import torch
from torch import Tensor, nn

from mmsdag.apis.export import export_onnx
from mmsdag.models import CLAHEEnhancer, GammaEnhancer, SCINet


class Enhancer(nn.Module):
    """An enhancer made of a function."""

    def __init__(self, enhance) -> None:
        super().__init__()
        self.enhance = enhance


def test_a_folder_is_made_and_nothing_but_the_file_left(tmp_path):
    export_onnx(GammaEnhancer(), tmp_path / 'new' / 'gamma.onnx')
    assert [f.name for f in (tmp_path / 'new').iterdir()] == ['gamma.onnx']


def test_batch_height_and_width_are_free_and_all_is_float32(tmp_path):
    onnx = pytest.importorskip('onnx')
    export_onnx(SCINet(), tmp_path / 'sci.onnx')
    model = onnx.load(tmp_path / 'sci.onnx')
    onnx.checker.check_model(model, full_check=True)
    for (value,), name in ((model.graph.input, 'image'), (model.graph.output, 'enhanced')):
        assert value.name == name
        assert value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        sizes = value.type.tensor_type.shape.dim
        assert all(sizes[i].dim_param for i in (0, 2, 3))
    # Two 3x3 convolutions of the stem and block, and the head; the
    # calibration serves the training alone.
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count('Conv') == 3


def test_a_network_in_training_or_half_precision_is_exported_and_left_so(tmp_path):
    net = SCINet().to(torch.bfloat16)
    before = net.illumination.block[1].running_mean.clone()
    export_onnx(net, tmp_path / 'sci.onnx')
    assert net.training and net.illumination.head.weight.dtype is (torch.bfloat16)
    assert torch.equal(net.illumination.block[1].running_mean, before)


def by_size(x: Tensor) -> Tensor:
    return x * math.log(x.shape[-1])


def of_one_size(x: Tensor) -> Tensor:
    return x + torch.zeros(int(x.shape[2]), int(x.shape[3]))


def by_frequency(x: Tensor) -> Tensor:
    return x * torch.fft.fftfreq(x.shape[-1])


@pytest.mark.parametrize(
    'enhancer, message',
    [
        (CLAHEEnhancer(), 'CLAHEEnhancer .* outside of PyTorch'),
        (Enhancer(by_size), 'differs from Enhancer in PyTorch by .*1e-04'),
        (Enhancer(of_one_size), 'fails at images .1, 3, 33, 50.'),
        (Enhancer(by_frequency), 'cannot be exported .*fft_fftfreq'),
    ],
)
def test_what_onnx_cannot_say_is_refused_and_not_written(enhancer, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        export_onnx(enhancer, tmp_path / 'a.onnx')
    assert list(tmp_path.iterdir()) == []


def test_the_shape_is_fixed_where_asked(tmp_path):
    onnx = pytest.importorskip('onnx')
    assert export_onnx(Enhancer(by_size), tmp_path / 'a.onnx', (2, 9, 7)) < (1e-6)
    model = onnx.load(tmp_path / 'a.onnx')
    for (value,) in (model.graph.input, model.graph.output):
        assert [d.dim_value for d in value.type.tensor_type.shape.dim] == [2, 3, 9, 7]
    with pytest.raises(ValueError, match=r'static=\(9, 7\): .*\(N, H, W\)'):
        export_onnx(SCINet(), tmp_path / 'b.onnx', (9, 7))


@pytest.mark.parametrize('missing', ['onnx', 'onnxruntime'])
def test_a_missing_package_is_named_with_the_remedy(monkeypatch, tmp_path, missing):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        'mmsdag.apis.onnx_file.find_spec', lambda name: None if name == missing else find(name)
    )
    with pytest.raises(ImportError, match=rf'package {missing}: .*mmsdag\[onnx\]'):
        export_onnx(GammaEnhancer(), tmp_path / 'gamma.onnx')
