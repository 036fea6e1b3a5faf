"""Misspelled names get suggestions."""

from __future__ import annotations

from mmsdag.utils.suggestions import did_you_mean, similar


def test_similar_names_come_closest_first_in_any_case():
    known = ['zero-dce', 'Zero-DCE++', 'gamma']
    assert similar('ZERO_DCE', known) == ['zero-dce', 'Zero-DCE++']
    assert similar('xyz', known) == []


def test_without_a_similar_name_all_are_listed():
    assert did_you_mean('gama', ['gamma', 'lime']) == "did you mean 'gamma'?"
    assert did_you_mean('xyz', ['gamma', 'lime']) == 'known: gamma, lime'
    assert did_you_mean('xyz', []) == 'known: none'
