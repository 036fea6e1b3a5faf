"""The test config of a run, and the digest that identifies it."""

from __future__ import annotations

import copy
import os
from typing import Any

from mmengine.config import Config

from mmsdag.datasets.transforms import beside_original, darkened, with_meta_keys
from mmsdag.utils.env import package_versions
from mmsdag.utils.hashing import digest, with_file_digests

from .sources import Enhancer, EvaluationSet, Recognizer, inner_dataset, label_table

#: Format of the files of results; others are not read.
FORMAT = 1
#: Test-time augmentation of a detector whose config has none.
TTA_MODEL = dict(
    type='DetTTAModel', tta_cfg=dict(nms=dict(type='nms', iou_threshold=0.65), max_per_img=100)
)
#: Stock data preprocessors by task, and those that enhance.
PREPROCESSORS = dict(
    det=('DetDataPreprocessor', 'mmsdag.EnhancedDetDataPreprocessor'),
    seg=('SegDataPreProcessor', 'mmsdag.EnhancedSegDataPreprocessor'),
    cls=('ClsDataPreprocessor', 'mmsdag.EnhancedClsDataPreprocessor'),
)


def run_config(
    enhancer: Enhancer, seed: int, plug_in: str, recognizer: Recognizer, data: EvaluationSet
) -> Config:
    """Return the recognizer's test config with another test set and enhancer.

    Args:
        enhancer: The enhancer.
        seed: Index of its checkpoint.
        plug_in: ``'preprocessor'`` or ``'transform'``.
        recognizer: The recognizer.
        data: The test set.

    Raises:
        ValueError: If the config has no place for the enhancer.
    """
    cfg = copy.deepcopy(recognizer.cfg)
    pipeline = _pipeline(data, cfg)
    if enhancer.config is not None:
        if plug_in == 'preprocessor':
            _plug_into_model(cfg, enhancer, seed, recognizer)
        else:
            pipeline = _plug_into_pipeline(pipeline, enhancer, seed, recognizer)
    if enhancer.with_original:
        cfg.model = dict(cfg.get('tta_model') or TTA_MODEL, module=cfg.model)
    scope = cfg.get('default_scope')
    evaluators = copy.deepcopy(data.evaluators)
    dataset = copy.deepcopy(data.dataset)
    # Prefixed, as a dataset's config may have another scope.
    if data.scope and data.scope != scope:
        for node in [dataset, *evaluators]:
            if '.' not in node['type']:
                node['type'] = f'{data.scope}.{node["type"]}'
    imports = set(cfg.get('custom_imports', {}).get('imports', ()))
    return Config(
        dict(
            default_scope=scope,
            custom_imports=dict(imports=sorted(imports | {'mmsdag'}), allow_failed_imports=False),
            model=cfg.model,
            test_dataloader=dict(
                batch_size=data.entry.batch_size,
                num_workers=data.entry.num_workers,
                persistent_workers=False,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(dataset, pipeline=pipeline, test_mode=True),
            ),
            test_evaluator=evaluators,
            test_cfg=dict(type='TestLoop'),
            load_from=recognizer.checkpoint,
        )
    )


def _pipeline(data: EvaluationSet, cfg: Config) -> list[dict]:
    """Return a copy of the pipeline that a test set asks for."""
    pipeline: Any = data.entry.pipeline
    if pipeline == 'dataset':
        pipeline = data.dataset.get('pipeline')
    elif isinstance(pipeline, str):
        pipeline = inner_dataset(cfg).pipeline
    pipeline = [dict(step) for step in pipeline or ()]
    if data.entry.darken:
        pipeline = darkened(pipeline, **data.entry.darken)
    if data.task == 'det':
        # The boxes, for evaluators that have no annotation file.
        pipeline = with_meta_keys(pipeline, 'instances')
    return pipeline


def _plug_into_model(cfg: Config, item: Enhancer, seed: int, base: Recognizer) -> None:
    stock, ours = PREPROCESSORS[base.task]
    present = cfg.model.get('data_preprocessor') or cfg.get('data_preprocessor')
    # mmpretrain's classifiers have a default type.
    kind = None if present is None else present.get('type', stock)
    if _short(kind) != stock:
        raise ValueError(
            f'recognizers.{base.name}: its data_preprocessor is {kind!r}, not {stock}, so that no '
            "enhancer can be put there; use plug_in='transform'"
        )
    cfg.model.data_preprocessor = dict(
        present,
        type=ours,
        enhancer=item.config,
        checkpoint=item.checkpoints[seed],
        amp_dtype=item.amp_dtype,
    )


def _plug_into_pipeline(
    pipeline: list[dict], item: Enhancer, seed: int, base: Recognizer
) -> list[dict]:
    types = [_short(step['type']) for step in pipeline]
    place = next((i for i, name in enumerate(types) if name.startswith('LoadImage')), None)
    if place is None:
        raise ValueError(
            f'recognizers.{base.name}: its test pipeline has no LoadImageFromFile, after which an '
            "enhancer could be put; use plug_in='preprocessor'"
        )
    place += 1
    # An image that the dataset darkens is enhanced afterwards.
    while types[place : place + 1] == ['Darken']:
        place += 1
    step = dict(
        type='mmsdag.EnhanceImage',
        enhancer=item.config,
        checkpoint=item.checkpoints[seed],
        amp_dtype=item.amp_dtype,
    )
    before, after = pipeline[:place], pipeline[place:]
    return [*before, *(beside_original(step, after) if item.with_original else [step, *after])]


def _short(name: Any) -> str:
    return str(name).rpartition('.')[-1]


def run_key(
    enhancer: Enhancer, seed: int, plug_in: str, recognizer: Recognizer, data: EvaluationSet
) -> str:
    """Return a digest of everything that the metrics of a run depend on."""
    cfg = run_config(enhancer, seed, plug_in, recognizer, data)
    settings = cfg.to_dict()
    # The content of the data counts, not their place.
    dataset = settings['test_dataloader'].pop('dataset')
    return digest(
        [
            FORMAT,
            package_versions(),
            with_file_digests(settings, _is_file),
            with_file_digests(dataset['pipeline'], _is_file),
            dataset['type'],
            data.digest,
            label_table(recognizer, data),
        ]
    )[:20]


def _is_file(text: str) -> bool:
    return '/' in text and os.path.isfile(text)
