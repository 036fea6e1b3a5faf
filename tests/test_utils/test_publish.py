"""Published checkpoints hold weights and nothing of the run's state."""

import hashlib

import pytest
import torch

from mmsdag.cli import publish
from mmsdag.utils import conversion


def test_weights_stay_and_the_rest_goes(tmp_path, capsys):
    weights = {'generator.w': torch.arange(3.0)}
    torch.save(
        dict(
            state_dict=weights,
            optimizer=dict(state={}),
            meta=dict(iter=7, seed=3, cfg='work_dir = "/home/me"'),
        ),
        tmp_path / 'iter_7.pth',
    )
    target = tmp_path / 'small.pth'
    publish.main([str(tmp_path / 'iter_7.pth'), str(target)])
    small = torch.load(target, weights_only=True)
    assert small['meta'] == dict(iter=7, seed=3)
    assert set(small) == {'state_dict', 'meta'}
    torch.testing.assert_close(small['state_dict']['generator.w'], weights['generator.w'])
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    assert digest in capsys.readouterr().out


def test_weights_in_half_precision_take_half_the_size(tmp_path):
    torch.save(
        dict(
            state_dict={
                'a.w': torch.tensor([0.1, 2.0]),
                'a.num_batches_tracked': torch.tensor(70000),
            }
        ),
        tmp_path / 'epoch_1.pth',
    )
    target = tmp_path / 'small.pth'
    publish.main([str(tmp_path / 'epoch_1.pth'), str(target), '--half'])
    weights = torch.load(target, weights_only=True)['state_dict']
    torch.testing.assert_close(weights['a.w'], torch.tensor([0.1, 2.0], dtype=torch.float16))
    assert weights['a.num_batches_tracked'] == 70000


def test_file_without_weights_is_refused(tmp_path):
    torch.save(dict(params={}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='other.pth.*params'):
        conversion.publish(tmp_path / 'other.pth', tmp_path / 'small.pth')
