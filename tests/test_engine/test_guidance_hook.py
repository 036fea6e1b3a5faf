"""What every guidance hook checks, and how several share one training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.guided_training import (
    DATA_SAMPLE,
    ZERO_DCE,
    Photographs,
    Recorder,
    frozen_net,
    guidance,
    train,
)
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, Sampler

from mmsdag.registry import DATA_SAMPLERS, HOOKS, MODELS


class Enhancer(BaseModel):
    """A 1x1 convolution; the tests change how it is run."""

    def __init__(self, **kwargs) -> None:
        super().__init__(data_preprocessor=dict(type='mmsdag.ImageDataPreprocessor'))
        self.generator = nn.Conv2d(3, 3, 1)
        self.options = kwargs

    def forward(self, inputs: Tensor, data_samples=None, mode: str = 'tensor') -> dict:
        return dict(loss_own=self.generator(inputs).square().mean())


class ModelWithItsOwnSDAG(Enhancer):
    def forward(self, inputs, data_samples=None, mode='tensor') -> dict:
        return dict(loss_sdag=super().forward(inputs)['loss_own'])


class CallsForward(Enhancer):
    def train_step(self, data, optim_wrapper) -> dict:
        data = self.data_preprocessor(data, True)
        losses = self.forward(data['inputs'], mode='loss')
        total, log = self.parse_losses(losses)
        optim_wrapper.update_params(total)
        return log


class SometimesLoss(CallsForward):
    """Calls the model with mode='loss' in its second iteration only."""

    steps = 0

    def train_step(self, data, optim_wrapper) -> dict:
        self.steps += 1
        parent = CallsForward if self.steps != 2 else BaseModel
        return parent.train_step(self, data, optim_wrapper)


class NeedsBothKinds(Enhancer):
    """Needs a labeled and an unlabeled image in each batch."""

    def forward(self, inputs, data_samples=None, mode='tensor') -> dict:
        kinds = {sample.is_labeled for sample in data_samples}
        assert kinds == {True, False}, 'a batch must mix both kinds'
        return super().forward(inputs)


class Mixed(Photographs):
    """The first two images are labeled."""

    def __getitem__(self, index: int) -> dict:
        sample = super().__getitem__(index)
        sample['data_samples'] = DATA_SAMPLE(is_labeled=index < 2)
        return sample


class MixingSampler(Sampler):
    """Draws a labeled and an unlabeled image in turn."""

    def __init__(self, dataset, shuffle: bool = True, seed=None) -> None:
        pass

    def __iter__(self):
        while True:
            yield from (0, 2, 1, 3)

    def __len__(self) -> int:
        return 4


class Stream(IterableDataset):
    """Has a length, but no items that can be indexed."""

    def __iter__(self):
        yield from map(Photographs().__getitem__, [0, 1, 2, 3])

    def __len__(self) -> int:
        return 4


class SignedNet(nn.Module):
    """Puts out images in [-1, 1]."""

    def __init__(self, gain: float = 4.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(self.gain * self.conv(x) - 1)


class Nested(nn.Module):
    """Returns its images in a list in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> dict:
        return dict(outs=[self.conv(x), x.mean()])


class Variant(Enhancer):
    """An enhancer with the generator of the options."""

    def __init__(self, network: str, **kwargs) -> None:
        super().__init__()
        self.generator = dict(signed=SignedNet, nested=Nested)[network](**kwargs)

    def forward(self, inputs, data_samples=None, mode='tensor') -> dict:
        out = self.generator(inputs)
        if isinstance(out, dict):
            out = out['outs'][0]
        return dict(loss_own=(out - 0.5).square().mean())


class FrozenInsideNoGrad(Enhancer):
    """Runs its generator without gradients, and trains the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, 3, 1)

    def forward(self, inputs, data_samples=None, mode='tensor') -> dict:
        with torch.no_grad():
            enhanced = self.generator(inputs)
        return dict(loss_own=self.head(enhanced).square().mean())


@pytest.fixture(autouse=True)
def registered_models():
    for model in (
        Enhancer,
        ModelWithItsOwnSDAG,
        CallsForward,
        SometimesLoss,
        NeedsBothKinds,
        Variant,
        FrozenInsideNoGrad,
    ):
        MODELS.register_module(module=model, force=True)
    DATA_SAMPLERS.register_module(module=MixingSampler, force=True)


def warnings_in(folder: Path) -> str:
    """Return the warnings that the log files in a folder hold."""
    lines = [
        line for path in sorted(folder.rglob('*.log')) for line in path.read_text().splitlines()
    ]
    return '\n'.join(line for line in lines if ' - WARNING - ' in line)


def test_two_hooks_both_count_under_names_of_their_own(tmp_path, checkpoint):
    seen = Recorder()
    train(
        tmp_path,
        ZERO_DCE,
        [guidance(checkpoint, loss_weight=7.0), guidance(checkpoint, loss_weight=2.0), seen],
    )
    enhanced = seen.images[0][0].detach()
    error = (enhanced - frozen_net(checkpoint)(enhanced)).abs().mean()
    torch.testing.assert_close(seen.losses[0]['loss_sdag'], 7 * error)
    torch.testing.assert_close(seen.losses[0]['loss_sdag_2'], 2 * error)
    parts = [value for key, value in seen.losses[0].items() if key != 'loss']
    torch.testing.assert_close(seen.losses[0]['loss'], sum(parts))


def test_names_do_not_change_while_a_hook_waits_for_its_beginning(tmp_path, checkpoint):
    seen = Recorder()
    train(
        tmp_path,
        ZERO_DCE,
        [
            guidance(checkpoint, loss_weight=7.0, begin=1),
            guidance(checkpoint, loss_weight=2.0),
            seen,
        ],
    )
    assert 'loss_sdag' not in seen.losses[0]
    assert {'loss_sdag', 'loss_sdag_2'} <= seen.losses[1].keys()


def test_a_name_of_the_config_is_the_key_of_the_term(tmp_path, checkpoint):
    seen = Recorder()
    train(tmp_path, ZERO_DCE, [guidance(checkpoint, name='loss_dusk'), seen], iters=1)
    assert 'loss_dusk' in seen.losses[0]
    assert 'loss_sdag' not in seen.losses[0]


def test_a_models_own_loss_sdag_counts_too(tmp_path, checkpoint):
    seen = Recorder()
    train(tmp_path, dict(type='ModelWithItsOwnSDAG'), [guidance(checkpoint), seen], iters=1)
    losses = seen.losses[0]
    own = seen.images[0].square().mean()
    torch.testing.assert_close(losses['loss_sdag'], own)
    torch.testing.assert_close(losses['loss'], losses['loss_sdag'] + losses['loss_sdag_2'])


def test_a_train_step_that_bypasses_the_losses_ends_the_run(tmp_path, checkpoint):
    seen = Recorder()
    with pytest.raises(
        RuntimeError, match='CallsForward.*not guided.*mmsdag.SDAGGuidanceLoss in train_step'
    ):
        train(tmp_path, dict(type='CallsForward'), [guidance(checkpoint), seen], iters=3)
    assert len(seen.images) == 1  # it did not go on


def test_nothing_of_a_bypassing_training_is_saved(tmp_path, checkpoint):
    hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=False))
    with pytest.raises(RuntimeError, match='not guided'):
        train(tmp_path, dict(type='CallsForward'), [guidance(checkpoint)], default_hooks=hooks)
    assert not list(tmp_path.glob('*.pth'))


def test_rehearsal_can_be_switched_off(tmp_path, checkpoint):
    seen = Recorder()
    train(
        tmp_path, dict(type='SometimesLoss'), [guidance(checkpoint, rehearse=False), seen], iters=3
    )
    assert ['loss_sdag' in losses for losses in seen.losses] == [False, True, False]


def test_without_rehearsal_a_training_that_was_never_guided_is_reported(tmp_path, checkpoint):
    train(tmp_path, dict(type='CallsForward'), [guidance(checkpoint, rehearse=False)])
    assert 'the training is not guided' in warnings_in(tmp_path)


def test_rehearsal_uses_a_batch_of_the_sampler(tmp_path, checkpoint):
    seen = Recorder()
    loader = dict(
        batch_size=2,
        num_workers=0,
        dataset=Mixed(),
        collate_fn=dict(type='pseudo_collate'),
        sampler=dict(type='MixingSampler'),
    )
    train(
        tmp_path, dict(type='NeedsBothKinds'), [guidance(checkpoint), seen], train_dataloader=loader
    )
    assert len(seen.losses) == 2


def test_an_iterable_dataset_with_a_length_is_trained_on(tmp_path, checkpoint):
    seen = Recorder()
    loader = DataLoader(Stream(), batch_size=2, collate_fn=list_of_dicts)
    train(tmp_path, ZERO_DCE, [guidance(checkpoint), seen], train_dataloader=loader)
    assert 'loss_sdag' in seen.losses[1]


def list_of_dicts(samples: list) -> dict:
    return {key: [sample[key] for sample in samples] for key in samples[0]}


def test_rehearsal_before_the_beginning_leaves_no_trace(tmp_path, checkpoint):
    """A loss that draws random numbers is run, but takes none."""
    drawn = []

    class Draw(Hook):
        priority = 'LOWEST'

        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
            drawn.append(torch.rand(1).item())

    late = guidance(checkpoint, begin=9, form='degraded_similarity')
    train(tmp_path / 'a', ZERO_DCE, [Draw()], iters=1)
    train(tmp_path / 'b', ZERO_DCE, [late, Draw()], iters=1)
    assert drawn[0] == drawn[1]


def test_a_late_beginning_is_rehearsed_in_the_first_iteration(tmp_path, checkpoint):
    seen = Recorder()
    with pytest.raises(ValueError, match='not an image tensor|shape'):
        train(tmp_path, ZERO_DCE, [guidance(checkpoint, begin=9, output=1), seen])
    assert not seen.losses


def test_an_error_detaches_the_hook(tmp_path, checkpoint):
    models = []

    class Keep(Hook):
        def before_train(self, runner: Runner) -> None:
            models.append(runner.model)

    with pytest.raises(ValueError, match='output=1'):
        train(tmp_path, ZERO_DCE, [Keep(), guidance(checkpoint, output=1)])
    assert not models[0]._forward_hooks
    assert not models[0].generator._forward_hooks


def test_a_target_without_gradients_is_called_frozen(tmp_path, checkpoint):
    with pytest.raises(ValueError, match="target='generator'.*is frozen"):
        train(tmp_path, dict(type='FrozenInsideNoGrad'), [guidance(checkpoint)])


def test_a_signed_output_with_the_default_range_is_warned_of(tmp_path, checkpoint):
    train(tmp_path, dict(type='Variant', network='signed'), [guidance(checkpoint)])
    found = warnings_in(tmp_path)
    assert found.count('Set value_range') == 1
    assert "target='generator'" in found


def test_a_signed_output_that_begins_near_black_is_noticed_later(tmp_path, checkpoint, monkeypatch):
    """The first output of a tanh may lie within the margin."""
    monkeypatch.setattr('mmsdag.engine.hooks.guidance_hook._RANGE_INTERVAL', 3)

    class Widen(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
            # tanh(1.5 - 1) is inside of [0, 1], tanh(-1) is not.
            runner.model.generator.conv.bias.data.fill_(1.5 if runner.iter < 2 else 0.0)
            runner.model.generator.conv.weight.data.zero_()

    model = dict(type='Variant', network='signed', gain=1.0)
    train(tmp_path / 'short', model, [guidance(checkpoint), Widen()], iters=3)
    assert 'Set value_range' not in warnings_in(tmp_path)
    train(tmp_path / 'long', model, [guidance(checkpoint), Widen()], iters=7)
    assert warnings_in(tmp_path).count('Set value_range') == 1


def test_a_signed_output_with_its_range_is_fine(tmp_path, checkpoint):
    train(
        tmp_path,
        dict(type='Variant', network='signed'),
        [guidance(checkpoint, value_range=(-1, 1))],
    )
    assert 'value_range' not in warnings_in(tmp_path)


def test_a_dotted_path_finds_an_image_in_a_list_in_a_dict(tmp_path, checkpoint):
    seen = Recorder()
    train(
        tmp_path,
        dict(type='Variant', network='nested'),
        [guidance(checkpoint, output='outs.0'), seen],
        iters=1,
    )
    enhanced = seen.images[0]['outs'][0].detach()
    error = (enhanced - frozen_net(checkpoint)(enhanced)).abs().mean()
    torch.testing.assert_close(seen.losses[0]['loss_sdag'], error)


@pytest.mark.parametrize(
    'output, message',
    [
        ('outs.2', "a list, which has no such item: '2'"),
        ('outs.1', r'has the shape \(\)'),
        ('out.0', r"\['outs'\], which has no such item: 'out'"),
        ('outs', 'is a list, not an image tensor'),
    ],
)
def test_a_wrong_path_is_named(tmp_path, checkpoint, output, message):
    with pytest.raises(ValueError, match=f"output='{output}'.*{message}"):
        train(
            tmp_path, dict(type='Variant', network='nested'), [guidance(checkpoint, output=output)]
        )


def test_a_name_that_is_not_summed_is_refused(checkpoint):
    with pytest.raises(ValueError, match="name='sdag'.*must contain 'loss'"):
        HOOKS.build(guidance(checkpoint, name='sdag'))
