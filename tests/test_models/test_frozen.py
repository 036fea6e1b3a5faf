"""Frozen networks stay as they are, whatever the training around them."""

from __future__ import annotations

import copy
import pickle

import torch
from torch import nn

from mmsdag.models.frozen import KeepsFrozen, freeze, hide


class Model(KeepsFrozen):
    def __init__(self) -> None:
        super().__init__()
        self.guide = freeze(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))
        self.head = nn.BatchNorm2d(3)


def test_frozen_parts_stay_in_eval_mode_and_the_rest_trains():
    for model in (Model(), copy.deepcopy(Model()), pickle.loads(pickle.dumps(Model()))):
        model.train()
        assert model.training and model.head.training
        assert not any(part.training for part in model.guide.modules())
        assert not any(p.requires_grad for p in model.guide.parameters())
        assert not model.eval().head.training


def test_a_frozen_part_inside_of_another_module_stays_in_eval_mode():
    model = nn.Sequential(Model()).train()
    assert not model[0].guide[1].training


def test_a_module_that_is_frozen_as_a_whole_stays_in_eval_mode():
    model = freeze(Model()).train()
    assert not any(part.training for part in model.modules())


def test_what_was_frozen_may_train_again():
    model = Model()
    freeze(model.guide, False)
    assert all(p.requires_grad for p in model.guide.parameters())
    assert model.train().guide[1].training


def test_a_hidden_network_is_no_part_of_its_owner():
    owner, network = nn.Linear(2, 2), nn.Linear(1, 1)
    hide(owner, 'network', network)
    assert owner.network is network
    assert not any('network' in name for name in owner.state_dict())
    assert len(list(owner.parameters())) == 2
    owner.eval().to(torch.float64)
    assert network.training and network.weight.dtype == torch.float32
