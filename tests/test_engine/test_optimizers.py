"""Each part of a model gets the optimizer that the config names."""

import pytest
from mmengine.optim import build_optim_wrapper
from torch import nn

import mmsdag.registry  # noqa: F401

ADAM = dict(type='Adam', lr=0.1)


@pytest.fixture
def model() -> nn.Module:
    return nn.ModuleDict(
        dict(first=nn.Linear(2, 3), rest=nn.ModuleDict(dict(a=nn.Linear(3, 4), b=nn.Linear(4, 5))))
    )


def build(model: nn.Module, **config):
    return build_optim_wrapper(
        model, dict(constructor='mmsdag.MultiOptimWrapperConstructor', **config)
    )


def held(wrapper) -> list[tuple]:
    return [tuple(p.shape) for group in wrapper.optimizer.param_groups for p in group['params']]


def test_parts_go_by_the_optimizers_name_or_by_modules(model):
    wrappers = build(
        model,
        first=dict(optimizer=ADAM),
        others=dict(modules=['rest.b', 'rest.a'], optimizer=ADAM, clip_grad=dict(max_norm=5)),
    )
    assert held(wrappers['first']) == [(3, 2), (3,)]
    assert held(wrappers['others']) == [(5, 4), (5,), (4, 3), (4,)]
    assert wrappers['others'].clip_grad_kwargs == dict(max_norm=5)


def test_parameterwise_options_belong_to_one_optimizer(model):
    wrappers = build(model, first=dict(optimizer=ADAM, paramwise_cfg=dict(bias_lr_mult=2.0)))
    assert {group['lr'] for group in wrappers['first'].optimizer.param_groups} == {0.1, 0.2}
    with pytest.raises(ValueError, match='set it in the config of each'):
        build(model, first=dict(optimizer=ADAM), paramwise_cfg=dict(bias_lr_mult=2.0))


def test_a_part_that_is_not_there_is_named_with_those_that_are(model):
    with pytest.raises(
        ValueError, match=(r"optim_wrapper.g.modules='generator': .* it has first, rest")
    ):
        build(model, g=dict(modules='generator', optimizer=ADAM))


def test_an_optimizer_without_a_config_is_named(model):
    with pytest.raises(TypeError, match=r'optim_wrapper.first=\{\}'):
        build(model, first=dict())
