"""Registries of mmsdag: children of MMEngine's, with the scope ``mmsdag``.

``locations`` makes them import their modules at the first lookup, so that
``import mmsdag`` stays cheap and any OpenMMLab config can say
``type='mmsdag.X'``.
"""
from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import (
    EVALUATOR,
    LOG_PROCESSORS,
    MODEL_WRAPPERS,
    OPTIM_WRAPPER_CONSTRUCTORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    VISBACKENDS,
    VISUALIZERS,
    WEIGHT_INITIALIZERS,
    Registry,
)
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS

SCOPE = 'mmsdag'

MODELS = Registry(
    'model', parent=MMENGINE_MODELS, scope=SCOPE, locations=['mmsdag.models'])
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    scope=SCOPE,
    locations=['mmsdag.datasets.transforms'])
DATASETS = Registry(
    'dataset',
    parent=MMENGINE_DATASETS,
    scope=SCOPE,
    locations=['mmsdag.datasets'])
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=MMENGINE_DATA_SAMPLERS,
    scope=SCOPE,
    locations=['mmsdag.datasets'])
HOOKS = Registry(
    'hook', parent=MMENGINE_HOOKS, scope=SCOPE, locations=['mmsdag.engine'])
LOOPS = Registry(
    'loop', parent=MMENGINE_LOOPS, scope=SCOPE, locations=['mmsdag.engine'])
METRICS = Registry(
    'metric',
    parent=MMENGINE_METRICS,
    scope=SCOPE,
    locations=['mmsdag.evaluation'])

# Nothing of ours is in these: with a child of its own in each, MMEngine does
# not warn, at every lookup, that the scope is missing there.
for _parent in (EVALUATOR, LOG_PROCESSORS, MODEL_WRAPPERS,
                OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS,
                PARAM_SCHEDULERS, VISBACKENDS, VISUALIZERS,
                WEIGHT_INITIALIZERS):
    Registry(
        _parent.name,
        parent=_parent,
        scope=SCOPE,
        locations=['mmsdag.registry'])
