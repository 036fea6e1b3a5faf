"""The talk of other packages is suppressed, and comes back afterwards."""

from __future__ import annotations

import logging

import pytest

from mmsdag.utils.quiet import quiet


def test_messages_and_output_are_suppressed_until_the_end(capsys, caplog):
    with pytest.raises(ValueError, match='wrong'), quiet():
        print('loud')
        logging.warning('loud')
        logging.error('kept')
        raise ValueError('wrong')
    print('after')
    logging.warning('after')
    assert capsys.readouterr().out == 'after\n'
    assert caplog.messages == ['kept', 'after']


def test_output_can_be_kept(capsys):
    with quiet(logging.INFO, stdout=False):
        print('kept')
    assert capsys.readouterr().out == 'kept\n'
