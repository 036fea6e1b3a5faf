"""Find config files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mmengine.config import Config

from .suggestions import similar

_PACKAGE = Path(__file__).resolve().parents[1]

#: Suffixes of the files that ``Config.fromfile`` reads.
CONFIG_SUFFIXES = ('.py', '.json', '.yaml', '.yml')


def config_folder() -> Path:
    """Return the folder of the configs of this package."""
    # In an installed package, or beside it in a clone.
    folders = (_PACKAGE / '.mim' / 'configs', _PACKAGE.parent / 'configs')
    return next((f for f in folders if f.is_dir()), folders[1])


def find_config(name: str | os.PathLike) -> Path:
    """Find a config file.

    Args:
        name: Path of a file, or the name of a config of this package, with
            or without folder and suffix: ``'zero_dce/zero-dce_brackets'``,
            or ``'mmsdag::zero_dce/zero-dce_brackets.py'``.

    Raises:
        FileNotFoundError: If it is neither; names similar ones.
        ValueError: If several configs have that name.
    """
    if os.path.isfile(name):
        return Path(name)
    folder = config_folder()
    wanted = Path(str(name).removeprefix('mmsdag::'))
    if wanted.suffix == '.py':
        wanted = wanted.with_suffix('')
    known = {
        path.relative_to(folder).with_suffix(''): path
        for path in sorted(folder.rglob('*.py'))
        if '_base_' not in path.relative_to(folder).parts
    }
    if wanted in known:
        return known[wanted]
    found = [key for key in known if key.name == str(wanted)]
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise ValueError(
            f'config {str(name)!r} is ambiguous: {", ".join(key.as_posix() for key in found)}'
        )
    names = [key.as_posix() for key in known]
    close = similar(wanted.as_posix(), names)
    raise FileNotFoundError(
        f'config {str(name)!r} is neither a file nor a config of mmsdag'
        + (f'; did you mean {" or ".join(close)}?' if close else '')
    )


def environment_hint(config: str | os.PathLike, message: str) -> str:
    """Name the environment variables that would change a message's paths.

    Args:
        config: Config file, whose values may be ``{{$VARIABLE:default}}``.
        message: Error message. A default that stands in it, because its
            variable is not set, is explained.

    Returns:
        A line for each such variable, or an empty text.
    """
    try:
        text = Config.fromfile(config).text
    except Exception:  # the error is about the config itself
        return ''
    defaults = dict.fromkeys(re.findall(r'{{\s*\$(\w+):([^}]+?)\s*}}', text))
    return '\n'.join(
        f'{default} is the default of the environment variable {name}: set '
        f'it, as in {name}=/path/to/it'
        for name, default in defaults
        if name not in os.environ and default in message
    )
