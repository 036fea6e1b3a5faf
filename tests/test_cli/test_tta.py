"""An enhancer that test-time augmentation would lose is noticed."""

from __future__ import annotations

import pytest
from mmengine.config import Config

from mmsdag.cli.test import augment

LOAD = dict(type='LoadImageFromFile')
ENHANCE = dict(type='mmsdag.EnhanceImage', enhancer='gamma')
FLIPS = dict(type='TestTimeAug', transforms=[[dict(type='RandomFlip')]])
NESTED = dict(type='TestTimeAug', transforms=[[ENHANCE], [FLIPS]])


def config_of(test: list, tta: list) -> Config:
    return Config(
        dict(
            model=dict(type='A'),
            tta_model=dict(type='B'),
            tta_pipeline=tta,
            test_dataloader=dict(dataset=dict(type='RepeatDataset', dataset=dict(pipeline=test))),
        )
    )


def test_enhancer_of_the_test_pipeline_alone_is_refused():
    cfg = config_of([LOAD, ENHANCE], [LOAD, FLIPS])
    with pytest.raises(ValueError, match="'x.py' has EnhanceImage, its tta"):
        augment(cfg, 'x.py')


@pytest.mark.parametrize(
    'test, tta',
    [
        ([LOAD, ENHANCE], [LOAD, ENHANCE, FLIPS]),
        ([LOAD, ENHANCE], [NESTED]),
        ([LOAD], [LOAD, FLIPS]),
    ],
)
def test_other_pipelines_are_taken(test, tta):
    cfg = config_of(test, tta)
    augment(cfg, 'x.py')
    assert cfg.test_dataloader.dataset.dataset.pipeline == tta
