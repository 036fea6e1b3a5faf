"""Options that take key=value pairs."""

from __future__ import annotations

import pytest

from mmsdag.cli import benchmark, demo


@pytest.mark.parametrize(
    ('tool', 'arguments'),
    [
        (benchmark, ['spec.py', '--cfg-options', 'bootstrap.samples:200']),
        (demo, ['--scenes-options', 'train_cfg.max_iters']),
    ],
)
def test_what_is_no_pair_is_refused_by_every_tool(tool, arguments, capsys):
    with pytest.raises(SystemExit):
        tool.main(arguments)
    assert f"'{arguments[-1]}' is not of the form key=value" in capsys.readouterr().err
