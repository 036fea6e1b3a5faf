"""What a bug report needs to say about a machine.

Run ``python -m mmsdag.utils.env``, or a tool with ``--env``.
"""
from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from mmengine.utils.dl_utils import collect_env

#: Names of distributions, in the order of the report.
PACKAGES = ('mmsdag', 'torch', 'torchvision', 'mmengine', 'mmcv', 'mmagic',
            'mmdet', 'mmsegmentation', 'mmpretrain', 'onedl-mmengine',
            'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmsegmentation',
            'onedl-mmpretrain', 'numpy', 'opencv-python')


def package_versions() -> dict[str, str]:
    """Versions of the packages that matter, of those that are installed."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def environment_report() -> str:
    """Versions, devices and compilers, one a line."""
    lines = {**package_versions(), **collect_env()}
    return '\n'.join(f'{name}: {value}' for name, value in lines.items())


if __name__ == '__main__':
    print(environment_report())
