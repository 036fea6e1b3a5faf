"""Packaging of mmsdag."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.egg_info import egg_info

ROOT = Path(__file__).resolve().parent

# Upstream's packages and OneDL's forks have the same import names: an
# environment holds one of them, and neither is a plain requirement.
# MMEngine itself finds configs by pkg_resources, which setuptools 82 lacks.
UPSTREAM = ['mmengine>=0.10.0,<1.0.0', 'setuptools<82']
TEXT = ['ftfy', 'regex']
DETECTION = UPSTREAM + ['mmdet>=3.0.0,<4.0.0']
SEGMENTATION = UPSTREAM + ['mmsegmentation>=1.0.0,<2.0.0', *TEXT]
CLASSIFICATION = UPSTREAM + ['mmpretrain>=1.0.0,<2.0.0']
# MMagic's models, guided. The newest versions of what it declares do not fit
# together; the bounds are those with which it can be imported.
EDITING = UPSTREAM + [
    'mmagic>=1.0.0,<2.0.0',
    'albumentations',
    'safetensors',
    'numpy<2',
    'opencv-python<4.12',
    'diffusers>=0.23,<0.25',
    'transformers<4.39',
    'huggingface-hub<0.26',
]
ONEDL = [
    'onedl-mmengine>=0.10.0,<1.0.0',
    'onedl-mmcv>=2.3.0,<3.0.0',
    'onedl-mmdetection>=3.4.0,<4.0.0',
    'onedl-mmsegmentation>=1.3.0,<2.0.0',
    'onedl-mmpretrain>=1.3.0,<2.0.0',
    *TEXT,
]


def read(name: str) -> str:
    """Text of a file of the project."""
    return (ROOT / name).read_text(encoding='utf-8')


def requirements(name: str) -> list:
    """Lines of a file in ``requirements/``, without the comments."""
    return [
        line
        for line in read(f'requirements/{name}.txt').splitlines()
        if line and not line.startswith('#')
    ]


class EggInfo(egg_info):
    """Lets MMEngine find the configs of an editable installation.

    It looks for ``mmsdag::`` configs in the folder that it composes of where
    the metadata lie, in site-packages, and of what ``top_level.txt`` says.
    """

    def run(self) -> None:
        """Write the metadata; ``top_level.txt`` names the checkout."""
        super().run()
        if 'editable_wheel' in self.distribution.commands:
            Path(self.egg_info, 'top_level.txt').write_text(
                f'{ROOT / "mmsdag"}\n', encoding='utf-8'
            )


setup(
    name='mmsdag',
    version=re.findall(r"'(.+)'", read('mmsdag/version.py'))[0],
    description='Semantic degradation-aware guidance: low-light image '
    'enhancement that serves detection and segmentation, for OpenMMLab',
    long_description=read('README.md') if (ROOT / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords='low-light image enhancement, detection, segmentation, OpenMMLab',
    classifiers=[
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Image Processing',
    ],
    packages=find_packages(include=['mmsdag', 'mmsdag.*']),
    # Lets setuptools write a plain path entry for an editable installation.
    # Its other way, an import hook, comes after all path entries, so that a
    # clone called `mmsdag` in the current folder would hide the package.
    package_dir={'': '.'},
    # mmsdag/.mim holds links to configs/, checkpoints/, tools/ and
    # model-index.yml: an editable installation follows them, a wheel gets
    # copies.
    package_data={
        'mmsdag': [
            'py.typed',
            '*/*.html',
            '.mim/model-index.yml',
            '.mim/configs/**/*.py',
            '.mim/configs/**/*.yml',
            '.mim/configs/**/*.md',
            '.mim/checkpoints/*.pth',
            '.mim/tools/**/*.py',
            '.mim/tools/**/*.sh',
        ]
    },
    python_requires='>=3.10',
    install_requires=requirements('runtime'),
    extras_require={
        'edit': EDITING,
        'det': DETECTION,
        'seg': SEGMENTATION,
        'cls': CLASSIFICATION,
        'all': EDITING + DETECTION + SEGMENTATION + CLASSIFICATION,
        'onedl': ONEDL,
        # For the metrics NIQE and LPIPS.
        'metrics': ['scipy', 'lpips==0.1.4'],
        # Later ml_dtypes, which onnx asks for, would replace numpy by 2.
        'onnx': ['onnx', 'onnxruntime', 'ml_dtypes<0.6'],
        # For `mmsdag enhance` of videos.
        'video': ['av>=13'],
        'dev': requirements('dev'),
        # `mim install` reads this one: it gets mmcv from OpenMMLab's wheels.
        'mim': ['mmcv>=2.0.0,<2.2.0', 'mmengine>=0.10.0,<1.0.0'],
    },
    entry_points={'console_scripts': ['mmsdag = mmsdag.cli:main']},
    cmdclass={'egg_info': EggInfo},
    zip_safe=False,
)
