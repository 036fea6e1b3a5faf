"""A test leaves no trace in the registries."""

from __future__ import annotations

import pytest
from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import nn

from mmsdag.registry import MODELS


class _Registered(nn.Module):
    """Has nothing to do."""


@pytest.mark.parametrize('turn', ['first', 'second'])
def test_a_name_can_be_registered_by_one_test_after_the_other(turn):
    MODELS.register_module('RegisteredByATest', module=_Registered)
    assert MODELS.get('RegisteredByATest') is _Registered


@pytest.mark.parametrize('turn', ['first', 'second'])
def test_a_class_of_the_package_that_a_test_replaced_is_back(turn):
    own = MODELS.get('ZeroDCENet')
    assert own.__module__ == 'mmsdag.models.enhancers.zero_dce_net'
    MODELS.register_module('ZeroDCENet', force=True, module=nn.Identity)


@pytest.mark.parametrize('turn', ['first', 'second'])
def test_registries_above_the_package_are_restored_too(turn):
    MMENGINE_MODELS.register_module('RegisteredAbove', module=_Registered)
