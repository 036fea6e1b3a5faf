"""Commands that run a script of ``tools/`` with the same arguments."""
from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

#: Scripts of the commands, and their lines in the help.
SCRIPTS = {
    'benchmark': ('benchmark_downstream.py',
                  'measure enhancers by what detectors and segmentors find'),
}


def run_script(command: str, arguments: Sequence[str]) -> int:
    """Run the script of a command and return its exit status.

    Args:
        command: Name in :data:`SCRIPTS`.
        arguments: The arguments of the script.
    """
    package = Path(__file__).resolve().parents[1]
    # In an installed package, or beside it in a clone.
    folders = (package / '.mim' / 'tools', package.parent / 'tools')
    folder = next((f for f in folders if f.is_dir()), folders[1])
    return subprocess.call(
        [sys.executable, str(folder / SCRIPTS[command][0]), *arguments])
