"""The command line of the renderer of night scenes."""

from __future__ import annotations

import json

import pytest

from mmsdag.cli import night_scenes as renderer


def test_the_renderer_says_what_it_made(tmp_path, capsys):
    arguments = [str(tmp_path / 'set'), '--train', '2', '--val', '1', '--test', '1', '--size', '64']
    renderer.main(arguments)
    shown = capsys.readouterr().out
    content = json.loads((tmp_path / 'set/annotations/train.json').read_text())
    assert f'train: 2 scenes, {len(content["annotations"])} objects' in shown
    assert (tmp_path / 'set/contact_sheet.jpg').is_file()
    renderer.main(arguments)
    assert 'done already' in capsys.readouterr().out


def test_the_renderer_names_a_wrong_option(tmp_path, capsys):
    with pytest.raises(SystemExit):
        renderer.main([str(tmp_path / 'set'), '--train', '0'])
    assert 'above 0' in capsys.readouterr().err
