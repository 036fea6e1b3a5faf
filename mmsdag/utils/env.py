"""The environment report for a bug report: ``mmsdag env``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from mmengine.utils.dl_utils import collect_env

#: Distributions in the order of the report.
PACKAGES = (
    'mmsdag',
    'torch',
    'torchvision',
    'mmengine',
    'mmcv',
    'mmagic',
    'mmdet',
    'mmsegmentation',
    'mmpretrain',
    'onedl-mmengine',
    'onedl-mmcv',
    'onedl-mmdetection',
    'onedl-mmsegmentation',
    'onedl-mmpretrain',
    'numpy',
    'opencv-python',
)


def package_versions() -> dict[str, str]:
    """Return the versions of the installed packages among :data:`PACKAGES`."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def environment_report() -> str:
    """Return versions, devices and compilers, one per line."""
    lines = {**package_versions(), **collect_env()}
    return '\n'.join(f'{name}: {value}' for name, value in lines.items())


if __name__ == '__main__':
    print(environment_report())
