"""Private parts of other packages: each in one module, each still there."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import torch
from mmengine.hooks import CheckpointHook
from mmengine.model import ImgDataPreprocessor
from mmengine.optim import OneCycleParamScheduler
from test_structure import PACKAGE, ROOT, python_files
from torch import nn
from torch.nn.modules import module

from mmsdag.functional import _hooks, _onednn


class Part(NamedTuple):
    """Private names of another package.

    Attributes:
        names: They.
        home: The module of mmsdag that may use them.
        moved: What stops working without them.
        check: Fails, or returns False, unless they are as the module expects.
    """

    names: tuple[str, ...]
    home: str
    moved: str
    check: Callable[[], object]


def fused_convolutions() -> bool:
    x = torch.rand(1, 4, 5, 6).to(memory_format=torch.channels_last)
    weight, bias = torch.rand(3, 4, 3, 3) - 0.5, torch.rand(3)
    y = nn.functional.conv2d(x, weight, bias, padding=1)
    leaky = _onednn.convolution(x, weight, bias, (1, 1), activation='leaky_relu', scalars=[0.2])
    torch.testing.assert_close(leaky, nn.functional.leaky_relu(y, 0.2))
    plain = _onednn.convolution(x, weight, bias, (1, 1))
    _onednn.add_convolution_(plain, x, weight, (1, 1), relu=True)
    torch.testing.assert_close(plain, (y + nn.functional.conv2d(x, weight, padding=1)).relu())
    return isinstance(torch.ops.mkldnn._is_mkldnn_bf16_supported(), bool)


def tables_of_hooks() -> bool:
    conv = nn.Conv2d(1, 1, 1)

    def found(register: Callable) -> bool:
        handle = register(lambda *call: None)
        try:
            return _hooks.has_hooks(conv)
        finally:
            handle.remove()

    kinds = ('forward_hook', 'forward_pre_hook', 'full_backward_hook', 'full_backward_pre_hook')
    return not _hooks.has_hooks(conv) and all(
        found(getattr(conv, f'register_{kind}'))
        and found(getattr(module, f'register_module_{kind}'))
        for kind in kinds
    )


def checkpoint_method() -> bool:
    return list(inspect.signature(CheckpointHook._save_checkpoint_with_step).parameters) == [
        'self',
        'runner',
        'step',
        'meta',
    ] and ('._save_checkpoint_with_step(' in inspect.getsource(CheckpointHook))


def ground_truth_of_coco() -> bool:
    metrics = pytest.importorskip('mmdet.evaluation', reason='needs mmdet')
    return hasattr(metrics.CocoMetric(), '_coco_api')


def conversion_to_rgb() -> bool:
    return all(
        ImgDataPreprocessor(bgr_to_rgb=to_rgb)._channel_conversion is to_rgb
        for to_rgb in (True, False)
    )


def load_hook() -> bool:
    seen, linear = [], nn.Linear(1, 1)
    linear._register_load_state_dict_pre_hook(lambda state, prefix, *rest: seen.append(prefix))
    nn.Sequential(linear).load_state_dict({'0.weight': torch.ones(1, 1), '0.bias': torch.ones(1)})
    return seen == ['0.']


def decoding_of_heads() -> bool:
    heads = pytest.importorskip('mmdet.models.dense_heads', reason='needs mmdet')
    # RetinaNet's decodes as the base, GFL's otherwise.
    own = [vars(kind).get('_predict_by_feat_single') for kind in (heads.RetinaHead, heads.GFLHead)]
    return own[0] is None and callable(own[1])


PARTS = [
    Part(
        ('_convolution_pointwise', '_convolution_pointwise_', '_is_mkldnn_bf16_supported'),
        'functional/_onednn.py',
        'convolutions on a CPU would not be fused',
        fused_convolutions,
    ),
    Part(
        (*_hooks._GLOBAL, *_hooks._OWN),
        'functional/_hooks.py',
        "fused paths would pass over users' hooks",
        tables_of_hooks,
    ),
    Part(
        ('_is_amx_tile_supported', '_is_avx512_bf16_supported'),
        'models/precision.py',
        "amp_dtype='auto' on a CPU would be float32",
        lambda: (
            isinstance(torch.cpu._is_avx512_bf16_supported(), bool)
            and isinstance(torch.cpu._is_amx_tile_supported(), bool)
        ),
    ),
    Part(
        ('_annealing_cos', '_annealing_linear'),
        'utils/checkpoint.py',
        'trainings with OneCycleLR would not resume',
        lambda: (
            callable(OneCycleParamScheduler._annealing_cos)
            and callable(OneCycleParamScheduler._annealing_linear)
        ),
    ),
    Part(
        ('_save_checkpoint_with_step',),
        'engine/hooks/atomic_checkpoint_hook.py',
        'checkpoints would be written in place',
        checkpoint_method,
    ),
    Part(
        ('_coco_api',),
        'benchmark/collect.py',
        "the benchmark would not find CocoMetric's ground truth",
        ground_truth_of_coco,
    ),
    Part(
        ('_channel_conversion',),
        'models/recognizer.py',
        'a recognizer would get BGR for RGB',
        conversion_to_rgb,
    ),
    Part(
        ('_register_load_state_dict_pre_hook',),
        'models/enhancers/wrapper.py',
        'a wrapped network would not load its own checkpoint',
        load_hook,
    ),
    Part(
        ('_predict_by_feat_single',),
        'models/dense_detections.py',
        'boxes of some detectors would be decoded wrongly for ONNX',
        decoding_of_heads,
    ),
]


@pytest.mark.parametrize('part', PARTS, ids=lambda part: part.names[0])
def test_private_parts_of_others_are_where_they_were(part):
    advice = (
        f'{", ".join(part.names)} moved or changed in this version of '
        f'its package: {part.moved}. Adapt mmsdag/{part.home}'
    )
    try:
        assert part.check(), advice
    except (AttributeError, TypeError, RuntimeError) as error:
        pytest.fail(f'{advice} ({error})')


def test_a_part_that_moved_fails_with_a_sentence(monkeypatch):
    monkeypatch.delattr(torch.cpu, '_is_amx_tile_supported')
    part = next(part for part in PARTS if 'precision' in part.home)
    with pytest.raises(pytest.fail.Exception, match='Adapt mmsdag/models/pre'):
        test_private_parts_of_others_are_where_they_were(part)


def own_names(tree: ast.AST) -> Iterator[str]:
    """Names that a file defines, as functions, classes or attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def uses(tree: ast.AST) -> Iterator[str]:
    """Attributes that a file reads, its strings, and its methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def test_each_private_part_is_used_in_its_module_alone():
    known = {name: part.home for part in PARTS for name in part.names}
    found: dict[str, set[str]] = {name: set() for name in known}
    for path in python_files():
        for name in uses(ast.parse(path.read_text())):
            if name in known:
                found[name].add(str(path.relative_to(ROOT)))
    assert found == {n: {f'mmsdag/{home}'} for n, home in known.items()}


#: Documented, in spite of their names.
PUBLIC = {'_replace', '_asdict', '_fields'}


def test_no_other_private_part_is_used():
    trees = {path: ast.parse(path.read_text()) for path in python_files()}
    ours = {name for tree in trees.values() for name in own_names(tree)}
    known = {name for part in PARTS for name in part.names}
    private = {
        f'{path.relative_to(ROOT)}:{node.lineno}: {node.attr}'
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith('_')
        and not node.attr.startswith('__')
        and node.attr not in ours | known | PUBLIC
    }
    assert private == set()


def test_operators_of_onednn_are_called_by_one_module():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob('*.py')
        if 'ops.mkldnn' in path.read_text()
    }
    assert found == {'functional/_onednn.py'}
