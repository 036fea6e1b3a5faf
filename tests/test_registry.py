"""Names that wait for mmagic, mmdet or mmseg until they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mmsdag.datasets
import mmsdag.models
from mmsdag.registry import DATASETS, MODELS

#: What runs where one package is there and the others are not. It prints, and
#: the tests read, what it got for each name and what it imported on the way.
SCRIPT = """
import sys
for package in {missing!r}:
    sys.modules[package] = None
from mmengine.registry import DATASETS, MODELS, TRANSFORMS
import mmsdag.registry
for registry, names in ((MODELS, {models!r}), (DATASETS, {datasets!r}),
                        (TRANSFORMS, {transforms!r})):
    for name in names:
        try:
            print(name, registry.get('mmsdag.' + name).__name__, sep='|')
        except ImportError as error:
            print(name, error, sep='|')
print('imported', [package for package in ('mmagic', 'mmdet', 'mmseg')
                   if sys.modules.get(package)], sep='|')
"""
NEED_NOTHING = (
    'ZeroDCENet',
    'SDAGNet',
    'VGGExtractor',
    'BackboneExtractor',
    'SDAGGuidanceLoss',
    'ExposureControlLoss',
    'GammaEnhancer',
    'CLAHEEnhancer',
    'HistogramEqualizationEnhancer',
    'LIMEEnhancer',
    'MultiScaleRetinexEnhancer',
    'EnhancerWrapper',
    'ZeroDCE',
    'ZeroDCEPP',
    'SCI',
    'RUAS',
    'EnlightenGAN',
    'SDAG',
    'UnsupervisedEnhancer',
)


def run(missing: tuple, models: tuple, datasets: tuple, transforms: tuple = ()) -> dict[str, str]:
    done = subprocess.run(
        [
            sys.executable,
            '-W',
            'ignore',
            '-c',
            SCRIPT.format(missing=missing, models=models, datasets=datasets, transforms=transforms),
        ],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split('|', 1) for line in done.stdout.splitlines() if '|' in line)


@pytest.mark.slow
def test_without_any_of_them_the_rest_works_and_the_remedy_is_named():
    said = run(
        ('mmagic', 'mmcv', 'mmdet', 'mmseg'),
        (*NEED_NOTHING, 'EnhancedSegDataPreprocessor'),
        ('ExposureFolderDataset', 'ExDarkDataset'),
        ('EnhanceImage',),
    )
    for name in (*NEED_NOTHING, 'ExposureFolderDataset', 'EnhanceImage'):
        assert said[name] == name
    assert said['EnhancedSegDataPreprocessor'] == (
        'mmsdag.EnhancedSegDataPreprocessor needs mmseg, which is not '
        "installed: pip install 'mmsdag[seg]' for mmsegmentation, or "
        "'mmsdag[onedl]' for onedl-mmsegmentation"
    )
    assert said['ExDarkDataset'].startswith(
        'mmsdag.ExDarkDataset needs mmdet, which is not installed: '
    )
    assert said['imported'] == '[]'


@pytest.mark.slow
def test_a_detector_needs_mmdet_alone():
    said = run(
        ('mmagic', 'mmseg'), ('EnhancedDetDataPreprocessor', *NEED_NOTHING), ('ExDarkDataset',)
    )
    assert said['EnhancedDetDataPreprocessor'] == ('EnhancedDetDataPreprocessor')
    assert said['ExDarkDataset'] == 'ExDarkDataset'
    assert said['imported'] == "['mmdet']"


@pytest.mark.parametrize(
    'registry, package', [(MODELS, mmsdag.models), (DATASETS, mmsdag.datasets)]
)
def test_every_name_that_waits_is_what_its_module_has(registry, package):
    assert registry.deferred
    for name in registry.deferred:
        found = registry.get(f'mmsdag.{name}')
        assert found.__name__ == name
        assert getattr(package, name) is found


def test_a_name_that_is_nowhere_is_no_attribute():
    with pytest.raises(AttributeError, match="'mmsdag.models' has no attrib"):
        mmsdag.models.Nowhere  # noqa: B018
