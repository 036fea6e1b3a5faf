"""The loop resumes at once, and exactly."""

from __future__ import annotations

import pytest
import torch


def train_loader(runner, sampler: dict) -> dict:
    return dict(
        batch_size=2,
        num_workers=0,
        dataset=runner.samples,
        collate_fn=lambda batch: dict(inputs=batch),
        sampler=sampler,
    )


def resumed_from(make_runner, iteration: int, folder, **changes):
    return make_runner(
        folder, resume=True, load_from=str(folder / f'iter_{iteration}.pth'), **changes
    )


def test_a_resumed_run_ends_like_an_uninterrupted_one(make_runner, tmp_path):
    whole = make_runner()
    whole.train()
    resumed = resumed_from(make_runner, 4, tmp_path)
    resumed.train()
    assert torch.equal(resumed.model.layer.weight, whole.model.layer.weight)
    assert resumed.model.noise == whole.model.noise[4:]


def test_it_loads_nothing_that_was_seen_before(make_runner, tmp_path):
    whole = make_runner()
    whole.train()
    assert whole.samples.draws == list(range(12))
    resumed = resumed_from(make_runner, 4, tmp_path)
    resumed.train()
    assert resumed.samples.draws == [8, 9, 10, 11]
    assert resumed.samples.asked == whole.samples.asked[8:]


def test_a_random_seed_is_kept_over_a_resume(make_runner, tmp_path):
    whole = make_runner(randomness=dict(seed=None))
    whole.train()
    resumed = resumed_from(make_runner, 4, tmp_path, randomness=dict(seed=None))
    resumed.train()
    assert resumed.samples.asked == whole.samples.asked[8:]
    assert torch.equal(resumed.model.layer.weight, whole.model.layer.weight)


def test_weights_alone_start_a_new_run(make_runner, tmp_path):
    make_runner().train()
    fresh = make_runner(tmp_path / 'fresh', load_from=str(tmp_path / 'iter_6.pth'))
    fresh.train()
    assert fresh.samples.draws == list(range(12))


@pytest.mark.parametrize('sampler', ['InfiniteSampler', 'DefaultSampler'])
def test_samplers_of_mmengine_go_on_where_they_were(make_runner, tmp_path, sampler, monkeypatch):
    # Between two passes MMEngine sleeps.
    monkeypatch.setattr('time.sleep', lambda seconds: None)
    asked = []
    for resume in (False, True):
        runner = make_runner()
        changes = dict(train_dataloader=train_loader(runner, dict(type=sampler)))
        samples = runner.samples
        runner = (
            resumed_from(make_runner, 4, tmp_path, **changes) if resume else make_runner(**changes)
        )
        runner.train()
        asked.append(samples.asked)
    # Upstream's MMEngine loads what was seen again, OneDL's does not.
    assert asked[1] and asked[1] == asked[0][-len(asked[1]) :]


def test_a_batch_too_small_for_the_model_is_refused_before_the_first(make_runner):
    runner = make_runner()
    asked = []

    def refuse(size: int) -> None:
        asked.append(size)
        raise ValueError('raise train_dataloader.batch_size')

    runner.model.check_batch_size = refuse
    with pytest.raises(ValueError, match='train_dataloader.batch_size'):
        runner.train()
    assert asked == [2]
    assert runner.samples.asked == []
