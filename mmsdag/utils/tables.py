"""Markdown tables: whole, or row by row as results arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_RULES = {'l': '---', 'r': '---:', 'c': ':---:'}


def markdown_table(
    head: Sequence[object],
    rows: Iterable[Iterable[object]],
    align: str = '',
    widths: Sequence[int] = (),
) -> str:
    """Return a Markdown table, without a line break at its end.

    Args:
        head: Titles of the columns.
        rows: Cells of each row.
        align: ``'l'``, ``'r'`` or ``'c'`` for each column; columns beyond it
            are aligned as the last one named. By default to the left.
        widths: Characters to pad the cells of each column to.
    """
    return '\n'.join(
        [markdown_head(head, align, widths), *(markdown_row(row, widths) for row in rows)]
    )


def markdown_head(head: Sequence[object], align: str = '', widths: Sequence[int] = ()) -> str:
    """Return the first two lines of a table; see :func:`markdown_table`."""
    align = align or 'l'
    align += align[-1] * (len(head) - len(align))
    rules = [_RULES[side] for side in align[: len(head)]]
    return f'{markdown_row(head, widths)}\n{markdown_row(rules, widths)}'


def markdown_row(cells: Iterable[object], widths: Sequence[int] = ()) -> str:
    """Return one row of a table; see :func:`markdown_table`.

    A vertical bar in a cell is escaped, a line break becomes a blank.
    """
    texts = [' '.join(str(cell).replace('|', r'\|').split('\n')) for cell in cells]
    padded = (text.ljust(width) for text, width in zip(texts, widths))
    return f'| {" | ".join([*padded, *texts[len(widths) :]])} |'
