"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
from mmengine.fileio import get_file_backend

from mmsdag.utils import write_atomically
from mmsdag.utils.files import walk_files


def test_content_and_folders_are_written(tmp_path):
    path = tmp_path / 'a' / 'b'
    write_atomically(path, b'one')
    write_atomically(path, b'two')
    assert path.read_bytes() == b'two'
    assert os.listdir(path.parent) == ['b']


def test_a_failed_write_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / 'a'
    write_atomically(path, b'old')

    def full(descriptor):
        raise OSError('No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space'):
        write_atomically(path, b'new')
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['a']


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_kills_at_random_moments_leave_a_whole_file(tmp_path):
    path = tmp_path / 'a'
    contents = [bytes([i]) * 8_000_000 for i in range(2)]
    write_atomically(path, contents[0])
    left = tmp_path / '.a.tmp'
    cut_off = 0
    # On a busy machine most kills fall into other moments than the writing
    # of bytes: as many as it takes, within reason.
    delays = np.random.default_rng(0).uniform(0, 0.05, 500)
    for kills, delay in enumerate(delays):
        if kills >= 15 and cut_off:
            break
        begun, begin = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(begin, b'.')
            while True:
                for content in contents:
                    write_atomically(path, content)
        # Else reading would wait for ever if the child did not begin.
        os.close(begin)
        assert os.read(begun, 1)
        os.close(begun)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert path.read_bytes() in contents
        cut_off += left.exists() and left.stat().st_size < len(contents[0])
    assert cut_off > 0, f'none of {kills} kills fell into writing'


def test_mmengine_knows_the_backend(tmp_path):
    backend = get_file_backend(backend_args=dict(backend='atomic'))
    backend.put(b'bytes', tmp_path / 'a')
    backend.put_text('grün', tmp_path / 'b')
    assert (tmp_path / 'a').read_bytes() == b'bytes'
    assert (tmp_path / 'b').read_text('utf-8') == 'grün'


def test_files_are_walked_through_links_but_never_twice(tmp_path):
    (tmp_path / 'a' / '.b').mkdir(parents=True)
    (tmp_path / 'a' / 'x').touch()
    (tmp_path / 'a' / '.b' / 'y').touch()
    (tmp_path / 'a' / 'up').symlink_to(tmp_path)
    found = [os.path.relpath(path, tmp_path) for path in walk_files(tmp_path)]
    assert found == ['a/x', 'a/.b/y']
    assert len(list(walk_files(tmp_path, hidden=False))) == 1
