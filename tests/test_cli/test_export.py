"""tools/export_onnx.py."""

from __future__ import annotations

import pytest
from helpers.weights import save_weights

from mmsdag.cli import export
from mmsdag.models import ZeroDCENet

pytest.importorskip('onnxruntime')


def test_tool_exports_a_config_and_its_checkpoint(tmp_path, capsys):
    config = tmp_path / 'config.py'
    config.write_text(
        "model = dict(type='mmsdag.ZeroDCE', generator=dict(type='mmsdag.ZeroDCENet', channels=4))"
    )
    state = save_weights(ZeroDCENet(channels=4), tmp_path / 'a.pth')
    out = tmp_path / 'a.onnx'
    export.main([str(config), str(tmp_path / 'a.pth'), str(out)])
    assert out.stat().st_size > 4 * sum(v.numel() for v in state.values())
    assert 'differs from PyTorch by at most' in capsys.readouterr().out


def test_tool_exports_a_trained_model_by_its_name(tmp_path):
    export.main(['zero_dce.sdag', str(tmp_path / 'a.onnx')])
    assert (tmp_path / 'a.onnx').is_file()


def test_tool_names_a_config_that_is_not_there(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        export.main(['nowhere.py', 'a.pth', str(tmp_path / 'a.onnx')])
    assert stop.value.code == 2
    assert 'nowhere.py' in capsys.readouterr().err
