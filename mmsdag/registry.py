"""Registries of mmsdag: children of MMEngine's, with the scope ``mmsdag``.

``locations`` makes them import their modules at the first lookup, so that
``import mmsdag`` stays cheap and any OpenMMLab config can say
``type='mmsdag.X'``. What extends mmdet, mmseg or mmpretrain is imported at the
lookup of its own name: none of them is needed for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import (
    EVALUATOR,
    LOG_PROCESSORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    VISBACKENDS,
    WEIGHT_INITIALIZERS,
    Registry,
)
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS

from ._stack import remedy_for

SCOPE = 'mmsdag'


class DeferringRegistry(Registry):
    """A registry that imports some of its modules when they are looked up.

    Args:
        *args: See :class:`mmengine.Registry`.
        deferred: Package by package, the names that need it and the module
            of each.
        **kwargs: See :class:`mmengine.Registry`.
    """

    def __init__(
        self, *args: Any, deferred: Mapping[str, Mapping[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._deferred = {
            name: (package, module)
            for package, modules in deferred.items()
            for name, module in modules.items()
        }

    @property
    def deferred(self) -> list[str]:
        """Return the names whose modules are not imported yet."""
        return sorted(self._deferred)

    def get(self, key: str) -> type | None:
        """Return the class of a name; see :meth:`mmengine.Registry.get`.

        Raises:
            ImportError: If the name needs a package that is not installed.
        """
        scope, name = self.split_scope_key(key)
        if scope in (None, self.scope) and name in self._deferred and name not in self.module_dict:
            package, module = self._deferred[name]
            if find_spec(package) is None:
                raise ImportError(
                    f'{self.scope}.{name} needs {package}, which is not '
                    f'installed: {remedy_for(package)}'
                )
            import_module(module)
        return super().get(key)

    def attribute_of(self, module: str, name: str) -> type:
        """Return a deferred class as an attribute of its package.

        For the ``__getattr__`` of ``module``.

        Raises:
            AttributeError: If ``name`` is none of the deferred ones.
            ImportError: See :meth:`get`.
        """
        found = self.get(name) if name in self._deferred else None
        if found is None:
            raise AttributeError(f'module {module!r} has no attribute {name!r}')
        return found


MODELS = DeferringRegistry(
    'model',
    parent=MMENGINE_MODELS,
    scope=SCOPE,
    locations=['mmsdag.models'],
    deferred=dict(
        mmdet=dict(EnhancedDetDataPreprocessor='mmsdag.models.data_preprocessors.enhanced_det'),
        mmseg=dict(EnhancedSegDataPreprocessor='mmsdag.models.data_preprocessors.enhanced_seg'),
        mmpretrain=dict(
            EnhancedClsDataPreprocessor='mmsdag.models.data_preprocessors.enhanced_cls'
        ),
    ),
)
TRANSFORMS = Registry(
    'transform', parent=MMENGINE_TRANSFORMS, scope=SCOPE, locations=['mmsdag.datasets.transforms']
)
DATASETS = DeferringRegistry(
    'dataset',
    parent=MMENGINE_DATASETS,
    scope=SCOPE,
    locations=['mmsdag.datasets'],
    deferred=dict(
        mmdet=dict(
            CocoSubsetDataset='mmsdag.datasets.coco_subset',
            DarkFaceDataset='mmsdag.datasets.dark_face',
            ExDarkDataset='mmsdag.datasets.exdark',
            ExposureBracketDataset='mmsdag.datasets.exposure_bracket',
        ),
        mmseg=dict(
            ACDCNightDataset='mmsdag.datasets.acdc',
            BDD100KNightDataset='mmsdag.datasets.bdd100k_night',
            DarkZurichDataset='mmsdag.datasets.dark_zurich',
            CamVidDataset='mmsdag.datasets.camvid',
            NightCityDataset='mmsdag.datasets.night_city',
        ),
        mmpretrain=dict(CODaNDataset='mmsdag.datasets.codan', GTSRBDataset='mmsdag.datasets.gtsrb'),
    ),
)
DATA_SAMPLERS = Registry(
    'data sampler', parent=MMENGINE_DATA_SAMPLERS, scope=SCOPE, locations=['mmsdag.datasets']
)
HOOKS = Registry('hook', parent=MMENGINE_HOOKS, scope=SCOPE, locations=['mmsdag.engine'])
LOOPS = Registry('loop', parent=MMENGINE_LOOPS, scope=SCOPE, locations=['mmsdag.engine'])
MODEL_WRAPPERS = Registry(
    'model_wrapper', parent=MMENGINE_MODEL_WRAPPERS, scope=SCOPE, locations=['mmsdag.engine']
)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    scope=SCOPE,
    locations=['mmsdag.engine'],
)
METRICS = Registry('metric', parent=MMENGINE_METRICS, scope=SCOPE, locations=['mmsdag.evaluation'])
VISUALIZERS = DeferringRegistry(
    'visualizer',
    parent=MMENGINE_VISUALIZERS,
    scope=SCOPE,
    locations=['mmsdag.visualization'],
    deferred=dict(
        mmdet=dict(EnhancedDetLocalVisualizer='mmsdag.visualization.enhanced_det'),
        mmseg=dict(EnhancedSegLocalVisualizer='mmsdag.visualization.enhanced_seg'),
    ),
)

# Nothing of ours is in these: with a child of its own in each, MMEngine does
# not warn, at every lookup, that the scope is missing there.
for _parent in (
    EVALUATOR,
    LOG_PROCESSORS,
    OPTIM_WRAPPERS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    VISBACKENDS,
    WEIGHT_INITIALIZERS,
):
    Registry(_parent.name, parent=_parent, scope=SCOPE, locations=['mmsdag.registry'])
