"""Markdown tables."""

from __future__ import annotations

from mmsdag.utils.tables import markdown_head, markdown_row, markdown_table


def test_a_table_has_a_head_a_rule_and_rows():
    assert markdown_table(['a', 'b'], [[1, 'x'], [2.5, 'y']]) == (
        '| a | b |\n| --- | --- |\n| 1 | x |\n| 2.5 | y |'
    )


def test_the_last_alignment_named_holds_for_further_columns():
    assert markdown_head('abcd', 'lcr').splitlines()[1] == ('| --- | :---: | ---: | ---: |')


def test_cells_are_padded_to_the_widths_of_their_columns():
    assert markdown_row(['a', 'bc', 'd'], [3, 2]) == '| a   | bc | d |'


def test_a_cell_cannot_end_its_column_or_its_row():
    assert markdown_row(['a|b', 'c\nd']) == r'| a\|b | c d |'
