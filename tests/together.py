"""mmagic, mmdet and mmseg in one process: what ``test_together.py`` starts.

The process imports what the three have in common, then forks for each order
of import, which is much quicker than to start anew.
"""

from __future__ import annotations

import itertools
import multiprocessing
from importlib import import_module
from importlib.util import find_spec

import mmcv.ops  # noqa: F401
import torch
from mmengine.registry import DATASETS, MODELS, TRANSFORMS, init_default_scope

PACKAGES = tuple(name for name in ('mmagic', 'mmdet', 'mmseg') if find_spec(name))
if 'mmagic' in PACKAGES:  # it takes longest to import what these are
    import diffusers  # noqa: F401
    import transformers  # noqa: F401
GAMMA = dict(type='mmsdag.GammaEnhancer', gamma=2.0)
#: A component of each package, by the name that its own configs use.
OWN = dict(
    mmagic=dict(type='DataPreprocessor'),
    mmdet=dict(type='DetDataPreprocessor'),
    mmseg=dict(type='SegDataPreProcessor'),
)
OWN = {name: OWN[name] for name in PACKAGES}


def check(order: tuple[str, ...]) -> None:
    for name in order:
        import_module(name)
    image = torch.full((3, 8, 8), 64, dtype=torch.uint8)
    expected = (64 / 255) ** 0.5 * 255
    for scope in order:
        init_default_scope(scope)
        for package, config in OWN.items():
            named = dict(config, type=f'{package}.{config["type"]}')
            built = MODELS.build(named)
            assert type(built).__module__.startswith(package)
            if scope == package:
                assert type(MODELS.build(dict(config))) is type(built)
        for kind in ('Det', 'Seg'):
            preprocessor = MODELS.build(
                dict(
                    type=f'mmsdag.Enhanced{kind}DataPreprocessor',
                    enhancer=GAMMA,
                    round_to_uint8=False,
                )
            )
            inputs = preprocessor(
                dict(inputs=[image], data_samples=[None]) if kind == 'Seg' else dict(inputs=[image])
            )
            assert torch.allclose(inputs['inputs'], torch.tensor(expected))
        model = MODELS.build(
            dict(
                type='mmsdag.ZeroDCE',
                generator=dict(type='mmsdag.ZeroDCENet'),
                data_preprocessor=dict(
                    type='mmagic.DataPreprocessor'
                    if 'mmagic' in PACKAGES
                    else 'mmsdag.ImageDataPreprocessor'
                ),
            )
        )
        assert model.generator.enhance(torch.rand(1, 3, 8, 8)).shape[1] == 3
        for name in ('ExDarkDataset', 'ACDCNightDataset'):
            assert DATASETS.get(f'mmsdag.{name}').__name__ == name
        TRANSFORMS.build(dict(type='mmsdag.EnhanceImage', enhancer=GAMMA))


if __name__ == '__main__':
    torch.set_num_threads(1)
    # mmsdag comes first in half of them, as by custom_imports, or last.
    orders = [
        ('mmsdag', *order) if order[0] < order[-1] else (*order, 'mmsdag')
        for order in itertools.permutations(PACKAGES)
    ]
    with multiprocessing.get_context('fork').Pool(2, maxtasksperchild=1) as pool:
        pool.map(check, orders, chunksize=1)
    print(f'{len(orders)} orders work')
