"""Options with a default, and options that take key=value pairs."""

from __future__ import annotations

import argparse

import pytest

from mmsdag.cli import benchmark, demo
from mmsdag.utils.options import add_option


def test_an_option_has_the_type_of_its_default_which_the_help_names():
    parser = argparse.ArgumentParser()
    add_option(parser, '--side', 240, 'pixels', metavar='PIXELS')
    assert parser.parse_args([]).side == 240
    assert parser.parse_args(['--side', '12']).side == 12
    assert '--side PIXELS  pixels (default: 240)' in parser.format_help()


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
