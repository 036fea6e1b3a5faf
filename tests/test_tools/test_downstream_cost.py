"""The cost of enhancement is measured for what it is said to be."""

from __future__ import annotations

import json
import time

import downstream_cost as tool
import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_an_enhancer_that_takes_long_shows(tmp_path, monkeypatch):
    gamma = tool.load_enhancer

    def slow(*args, **kwargs):
        network = gamma(*args, **kwargs)
        enhance = network.enhance
        network.enhance = lambda x: (time.sleep(0.05 * len(x)), enhance(x))[1]
        return network

    monkeypatch.setattr('mmsdag.models.data_preprocessors.enhancement.load_enhancer', slow)
    monkeypatch.setattr(tool, 'load_enhancer', slow)
    path = tmp_path / 'cost.json'
    tool.main(
        [
            '--quick',
            '--no-memory',
            '--recognizers',
            'yolox-nano',
            '--enhancers',
            'fixed_gamma',
            '--json',
            str(path),
        ]
    )
    none, with_gamma = json.loads(path.read_text())['rows']
    assert (none['enhancer'], with_gamma['enhancer']) == ('none', 'fixed_gamma')
    assert min(with_gamma['step']) >= 0.05
    assert min(with_gamma['alone']) >= 0.05
    assert min(with_gamma['added']) >= 0.04
    assert none['added'] == []


@pytest.mark.slow
def test_memory_is_that_of_the_step():
    row = tool.Row('yolox-nano', 'zero_dce')
    # In a process of its own: this one keeps memory that others have freed.
    tool.measure_memory([row], (256, 256), 'cpu')
    # Three maps of 32 channels in float32 are there at once, of each of the
    # eight images that YOLOX tests together; not a gigabyte.
    # Memory that was freed before, and is taken again, does not count.
    assert 8 * 2 * 32 * 256 * 256 * 4 <= row.memory < 2**30


def test_a_device_that_is_not_there_is_refused(capsys):
    if torch.cuda.is_available():
        pytest.skip('there is one')
    with pytest.raises(SystemExit):
        tool.main(['--device', 'cuda'])
    assert 'no CUDA device' in capsys.readouterr().err
