"""Digests depend on contents."""

from __future__ import annotations

import hashlib

import numpy as np

from mmsdag.utils.hashing import digest, file_digest, with_file_digests


def test_equal_contents_have_equal_digests():
    assert digest(dict(a=1, b=(2, 3))) == digest(dict(b=[2, 3], a=1))
    assert digest(np.arange(3)) == digest([0, 1, 2])
    assert digest([1]) != digest([2])
    # sha256 of the three characters [1].
    assert digest([1]) == hashlib.sha256(b'[1]').hexdigest()


def test_a_changed_file_has_another_digest(tmp_path):
    path = tmp_path / 'file'
    path.write_bytes(b'one')
    assert file_digest(path) == hashlib.sha256(b'one').hexdigest()
    path.write_bytes(b'three')
    assert file_digest(path) == hashlib.sha256(b'three').hexdigest()


def test_files_in_settings_count_by_their_content(tmp_path):
    path = tmp_path / 'a.pth'
    path.write_bytes(b'one')
    settings = dict(model=dict(init=(str(path), 1)), name='b')
    assert with_file_digests(settings, lambda text: text.endswith('.pth')) == dict(
        model=dict(init=[hashlib.sha256(b'one').hexdigest(), 1]), name='b'
    )
