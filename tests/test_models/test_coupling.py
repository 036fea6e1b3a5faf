"""The coupling block can be undone."""

import pytest
import torch

from mmsdag.models.sdag import CouplingBlock


def test_inverse_recovers_the_input():
    block = CouplingBlock(8).double()
    x = torch.randn(2, 8, 9, 7, dtype=torch.float64)
    with torch.no_grad():
        y = block(x)
        torch.testing.assert_close(block.inverse(y), x)
    assert (y - x).abs().max() > 0.1


def test_channels_that_do_not_halve_twice_are_named():
    with pytest.raises(ValueError, match='channels=6'):
        CouplingBlock(6)
