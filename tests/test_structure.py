"""The structure of the code: imports point one way, files stay short."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / 'mmsdag'
#: Folders and modules of the package; each may import those of lower rank and
#: its own. Modules at the top of the package, such as registry, are rank 0.
RANKS = {
    'functional': 1,
    'utils': 2,
    'models': 3,
    'datasets': 4,  # a transform enhances images
    'synthetic': 5,
    'engine': 5,
    'evaluation': 5,
    'visualization': 5,
    'apis': 6,
    'report': 6,  # a base template and charts for the pages of others
    'benchmark': 7,
    'demo': 9,
    'cli': 10,
    '__main__': 11,
}
MAX_LINES, MAX_FUNCTION = 400, 60


def python_files() -> list[Path]:
    """Files that ship: the package, the tools, and the set-up."""
    files = [
        *PACKAGE.rglob('*.py'),
        *(ROOT / 'tools').rglob('*.py'),
        *(ROOT / 'requirements').rglob('*.py'),
        ROOT / 'setup.py',
    ]
    return sorted(f for f in files if '.mim' not in f.parts)


def module_of(path: Path) -> str:
    """Dotted name of a file of the package."""
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def imported(path: Path) -> Iterator[str]:
    """Modules of this package that a file imports, anywhere in it."""
    package = module_of(path).split('.')
    if path.name != '__init__.py':
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ([])
            module = '.'.join([*base, *filter(None, [node.module])])
            # `from package import module` may import a module.
            names = [f'{module}.{alias.name}' for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith('mmsdag.'))


def part_of(module: str) -> str:
    """Folder or module below ``mmsdag``."""
    return (module.split('.') + [''])[1]


@pytest.mark.parametrize(
    'path',
    [
        pytest.param(path, id=module_of(path))
        for path in sorted(PACKAGE.rglob('*.py'))
        if '.mim' not in path.parts
    ],
)
def test_imports_point_down(path):
    module = module_of(path)
    if module == 'mmsdag':
        return  # it prepares the process for all of them
    own, rank = part_of(module), RANKS.get(part_of(module), 0)
    upward = {
        part
        for part in map(part_of, imported(path))
        if part != own and RANKS.get(part, 0) >= max(rank, 1)
    }
    assert upward == set(), f'{module} imports {upward}'


def test_images_go_through_an_enhancer_by_the_runner_alone():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob('*.py')
        if re.search(r'(network|enhancer|generator)\.enhance\(', path.read_text())
    }
    assert found == {
        'models/runner.py',
        'models/tiling.py',  # measures how far the network looks
        'models/base.py',  # training
        'models/sdag/sdag.py',
        'models/enhancers/baselines.py',  # an enhancer of an enhancer
        'apis/export.py',  # a graph
    }


def test_networks_are_frozen_by_one_helper():
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob('*.py')
        if re.search(r'requires_grad_\(|object\.__setattr__', path.read_text())
    }
    assert found == {
        'models/frozen.py',
        # For a part of a training step.
        'models/enhancers/enlighten_gan.py',
        'models/enhancers/ruas.py',
    }


def test_parts_that_exist_have_a_rank():
    parts = {
        path.name
        for path in PACKAGE.iterdir()
        if path.is_dir() and (path / '__init__.py').is_file()
    }
    assert parts <= RANKS.keys()


def test_no_file_is_long():
    found = {
        str(path.relative_to(ROOT))
        for path in python_files()
        if len(path.read_text().splitlines()) > MAX_LINES
    }
    assert found == set()


def test_no_function_is_long():
    found = {
        f'{path.relative_to(ROOT)}::{node.name}'
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno >= MAX_FUNCTION
    }
    assert found == set()


def test_imports_are_found_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), 'ROOT', tmp_path)
    path = tmp_path / 'mmsdag' / 'apis' / 'a.py'
    path.parent.mkdir(parents=True)
    path.write_text(
        'import mmsdag.cli.main\nfrom ..models import sdag\ndef f():\n    from . import tiling\n'
    )
    assert list(imported(path)) == ['mmsdag.cli.main', 'mmsdag.models.sdag', 'mmsdag.apis.tiling']
