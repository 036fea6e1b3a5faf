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

import mmengine.registry as parents
from mmengine.registry import Registry

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


def _child(parent: Registry, location: str, **deferred: Mapping[str, str]) -> DeferringRegistry:
    """Create the child of one of MMEngine's registries.

    Args:
        parent: MMEngine's registry.
        location: Package to import at the first lookup.
        **deferred: See :class:`DeferringRegistry`.
    """
    return DeferringRegistry(
        parent.name, parent=parent, scope=SCOPE, locations=[location], deferred=deferred
    )


MODELS = _child(
    parents.MODELS,
    'mmsdag.models',
    mmdet=dict(EnhancedDetDataPreprocessor='mmsdag.models.data_preprocessors.enhanced_det'),
    mmseg=dict(EnhancedSegDataPreprocessor='mmsdag.models.data_preprocessors.enhanced_seg'),
    mmpretrain=dict(EnhancedClsDataPreprocessor='mmsdag.models.data_preprocessors.enhanced_cls'),
)
TRANSFORMS = _child(parents.TRANSFORMS, 'mmsdag.datasets.transforms')
DATASETS = _child(
    parents.DATASETS,
    'mmsdag.datasets',
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
)
DATA_SAMPLERS = _child(parents.DATA_SAMPLERS, 'mmsdag.datasets')
HOOKS = _child(parents.HOOKS, 'mmsdag.engine')
LOOPS = _child(parents.LOOPS, 'mmsdag.engine')
MODEL_WRAPPERS = _child(parents.MODEL_WRAPPERS, 'mmsdag.engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(parents.OPTIM_WRAPPER_CONSTRUCTORS, 'mmsdag.engine')
METRICS = _child(parents.METRICS, 'mmsdag.evaluation')
VISUALIZERS = _child(
    parents.VISUALIZERS,
    'mmsdag.visualization',
    mmdet=dict(EnhancedDetLocalVisualizer='mmsdag.visualization.enhanced_det'),
    mmseg=dict(EnhancedSegLocalVisualizer='mmsdag.visualization.enhanced_seg'),
)

# Nothing of ours is in these: with a child of its own in each, MMEngine does
# not warn, at every lookup, that the scope is missing there.
for _parent in (
    parents.EVALUATOR,
    parents.LOG_PROCESSORS,
    parents.OPTIM_WRAPPERS,
    parents.OPTIMIZERS,
    parents.PARAM_SCHEDULERS,
    parents.VISBACKENDS,
    parents.WEIGHT_INITIALIZERS,
):
    _child(_parent, 'mmsdag.registry')
