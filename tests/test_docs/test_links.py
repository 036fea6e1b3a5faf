"""Links lead to files and headings that exist, and rows have the columns of their table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ('configs', 'docs')
DOCUMENTS = sorted(
    [*ROOT.glob('*.md'), *(f for name in FOLDERS for f in (ROOT / name).rglob('*.md'))]
)


def prose(path: Path) -> str:
    """Text of a document without its code."""
    text = re.sub(r'^ *```.*?^ *```', '', path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r'`[^`\n]*`', lambda code: re.sub(r'[\[\]()]', '', code[0]), text)


def anchors(path: Path) -> set[str]:
    """Anchors that GitHub makes of the headings."""
    headings = re.findall(r'^#+ +(.+)$', prose(path), flags=re.MULTILINE)
    kept = (re.sub(r'[^\w\- ]', '', heading.strip().lower()) for heading in headings)
    return {heading.replace(' ', '-') for heading in kept}


def broken_links(path: Path) -> set[str]:
    """Relative links of a document whose file or heading does not exist."""
    broken = set()
    for link in re.findall(r'\]\(([^)\s]+)\)', prose(path)):
        if re.match(r'\w+:', link):
            continue
        file, _, anchor = link.partition('#')
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.add(link)
    return broken


def uneven_rows(path: Path) -> list[str]:
    """Rows of tables that have more or fewer cells than the row before."""
    lines = [re.sub(r'`[^`\n]*`|\\\|', '', line).strip() for line in path.read_text().splitlines()]
    return [
        row
        for before, row in zip(lines, lines[1:])
        if before[:1] == row[:1] == '|' and before.count('|') != row.count('|')
    ]


EACH = pytest.mark.parametrize(
    'path', [pytest.param(f, id=str(f.relative_to(ROOT))) for f in DOCUMENTS]
)


@EACH
def test_links_lead_somewhere(path):
    assert broken_links(path) == set()


@EACH
def test_rows_have_the_columns_of_their_table(path):
    assert uneven_rows(path) == []


def test_every_document_can_be_reached_from_the_readme():
    seen, todo = set(), [ROOT / 'README.md']
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        links = re.findall(r'\]\(([^)\s#]+\.md)', path.read_text())
        todo += [(path.parent / link).resolve() for link in links if not re.match(r'\w+:', link)]
    assert set((ROOT / 'docs').glob('*.md')) <= seen


def test_a_link_without_file_or_heading_is_found(tmp_path):
    (tmp_path / 'a.md').write_text(
        '# A (b), `c_d`\n[1](b.md) [2](a.md#a-b-c_d) [3](#gone) [4](gone.md) [5](https://x.org)\n'
        '`f[x](y)`\n```bash\n# no heading\n[6](code.md)\n```\n'
    )
    (tmp_path / 'b.md').write_text('')
    assert anchors(tmp_path / 'a.md') == {'a-b-c_d'}
    assert broken_links(tmp_path / 'a.md') == {'#gone', 'gone.md'}
