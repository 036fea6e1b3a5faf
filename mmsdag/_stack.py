"""Find which OpenMMLab packages are installed: upstream's or OneDL's.

Both have the same import names and lie in the same folders, so that an
environment holds one of them. No package of either is a plain requirement of
this one, since pip would put upstream's over a fork; they are checked here.
"""

from __future__ import annotations

import warnings
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

#: Distributions that have to fit, if they are installed: the lowest version,
#: the first that does not fit any more, and how to get one that does.
_BOUNDS = {
    'mmengine': ('0.10.0', '1.0.0', "pip install 'mmengine>=0.10.0,<1.0.0'"),
    'onedl-mmengine': ('0.10.0', '1.0.0', "pip install 'onedl-mmengine>=0.10.0,<1.0.0'"),
    'mmcv': ('2.0.0', '2.2.0', "mim install 'mmcv>=2.0.0,<2.2.0'"),
    'mmcv-lite': ('2.0.0', '2.2.0', "mim install 'mmcv>=2.0.0,<2.2.0'"),
    'onedl-mmcv': ('2.3.0', '3.0.0', "pip install 'onedl-mmcv>=2.3.0,<3.0.0'"),
}
#: OneDL's distributions, and those of upstream in whose place they are, by
#: the name under which both are imported.
_FORKS = {
    'mmengine': ('onedl-mmengine', 'mmengine'),
    'mmcv': ('onedl-mmcv', 'mmcv'),
    'mmdet': ('onedl-mmdetection', 'mmdet'),
    'mmseg': ('onedl-mmsegmentation', 'mmsegmentation'),
    'mmpretrain': ('onedl-mmpretrain', 'mmpretrain'),
}


def installed(distribution: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def check_stack(owner: str) -> None:
    """Check that the installed packages fit.

    Args:
        owner: Name and version of this package, for messages.

    Raises:
        ImportError: If MMEngine is missing, or a package is too old or too
            new; names both versions and the remedy.
    """
    if find_spec('mmengine') is None:
        raise ImportError(
            f"{owner} needs MMEngine: pip install 'mmengine>=0.10.0,<1.0.0', or, for numpy 2 and "
            "Python 3.12 or later, 'onedl-mmengine>=0.10.0,<1.0.0'"
        )
    from mmengine.utils import digit_version

    for name, (lowest, limit, remedy) in _BOUNDS.items():
        found = installed(name)
        if found and not (digit_version(lowest) <= digit_version(found) < digit_version(limit)):
            raise ImportError(
                f'{owner} needs {name} >= {lowest}, < {limit}, but {found} is installed: {remedy}'
            )
    for fork, upstream in _FORKS.values():
        if installed(fork) and installed(upstream):
            warnings.warn(
                f'{upstream} and {fork} are both installed, in the same '
                f'folder: pip uninstall both, then install one of them',
                stacklevel=3,
            )
    if installed('mmengine') and find_spec('pkg_resources') is None:
        warnings.warn(
            'MMEngine looks for configs such as mmdet::… by pkg_resources, '
            "which setuptools 82 and later lack: pip install 'setuptools<82'",
            stacklevel=3,
        )


def name_packages(names: dict[str, str]) -> None:
    """Tell MMEngine under which names the packages are installed.

    Args:
        names: MMEngine's table of the distribution of each module, which is
            completed: it knows upstream's alone.
    """
    for module, (fork, upstream) in _FORKS.items():
        # MMEngine and mmcv are not in it: they have no configs.
        if module in names and installed(fork) and not installed(upstream):
            names[module] = fork


def remedy_for(module: str) -> str:
    """Return how to get a package that some names need."""
    fork, upstream = _FORKS[module]
    extra = dict(mmdet='det', mmseg='seg', mmpretrain='cls')[module]
    return f"pip install 'mmsdag[{extra}]' for {upstream}, or 'mmsdag[onedl]' for {fork}"
