"""MMagic's parts go into our configs, and ours give the values of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import METRICS, MODELS, OPTIM_WRAPPER_CONSTRUCTORS, TRANSFORMS
from mmengine.runner import Runner

import mmsdag.registry  # noqa: F401

pytestmark = pytest.mark.slow

mmagic = pytest.importorskip('mmagic.models')
ROOT = Path(__file__).resolve().parent.parent


def image(height: int = 40, width: int = 56, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), np.uint8)


def sample_of(pack: dict, *images: np.ndarray) -> dict:
    """Return a batch of images and ground truths, packed."""
    step = TRANSFORMS.build(pack)
    return pseudo_collate(
        [
            step(
                dict(
                    img=x,
                    gt=x // 2,
                    img_channel_order='bgr',
                    img_path='a.png',
                    ori_shape=x.shape[:2],
                )
            )
            for x in images
        ]
    )


MMAGIC_PACK = dict(type='mmagic.PackInputs', keys=['img'])
OWN_PACK = dict(type='mmsdag.PackImages')
MMAGIC_PREPROCESSOR = dict(
    type='mmagic.DataPreprocessor',
    mean=[0.0] * 3,
    std=[255.0] * 3,
    output_channel_order='RGB',
    data_keys=[],
)
OWN_PREPROCESSOR = dict(type='mmsdag.ImageDataPreprocessor')


@pytest.mark.parametrize(
    'own, theirs',
    [
        (
            dict(type='mmsdag.RandomCrop', crop_size=(24, 20)),
            dict(type='mmagic.FixedCrop', keys=['img'], crop_size=(24, 20)),
        ),
        (
            dict(type='mmsdag.RandomFlip', direction='horizontal'),
            dict(type='mmagic.Flip', keys=['img'], direction='horizontal'),
        ),
        (
            dict(type='mmsdag.RandomFlip', direction='vertical'),
            dict(type='mmagic.Flip', keys=['img'], direction='vertical'),
        ),
        (dict(type='mmsdag.RandomTranspose'), dict(type='mmagic.RandomTransposeHW', keys=['img'])),
    ],
)
def test_transforms_draw_and_do_what_mmagics_do(own, theirs):
    own, theirs = TRANSFORMS.build(own), TRANSFORMS.build(theirs)
    for seed in range(8):
        results = []
        for transform in (own, theirs):
            np.random.seed(seed)
            results.append(transform(dict(img=image()))['img'])
        np.testing.assert_array_equal(*results)


@pytest.mark.parametrize(
    'preprocessor, sizes',
    [
        (MMAGIC_PREPROCESSOR, ((40, 56), (40, 56))),
        (OWN_PREPROCESSOR, ((40, 56), (40, 56))),
        # Padded; of such a list mmagic's makes no batch.
        (OWN_PREPROCESSOR, ((40, 30), (32, 56))),
    ],
)
def test_batches_are_those_of_mmagics_data_preprocessor(preprocessor, sizes):
    images = [image(*size, seed) for seed, size in enumerate(sizes)]
    batch = MODELS.build(preprocessor)(sample_of(MMAGIC_PACK, *images))
    expected = torch.zeros(2, 3, 40, 56)
    for target, x in zip(expected, images):
        rgb = torch.from_numpy(x[..., ::-1].copy()).permute(2, 0, 1) / 255
        target[:, : x.shape[0], : x.shape[1]] = rgb
    torch.testing.assert_close(batch['inputs'], expected, atol=0, rtol=1e-6)


def zero_dce(preprocessor: dict) -> torch.nn.Module:
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='mmsdag.ZeroDCE',
            generator=dict(type='mmsdag.ZeroDCENet'),
            data_preprocessor=preprocessor,
        )
    ).eval()


@pytest.mark.parametrize(
    'pack, preprocessor', [(MMAGIC_PACK, MMAGIC_PREPROCESSOR), (MMAGIC_PACK, OWN_PREPROCESSOR)]
)
def test_predictions_do_not_depend_on_whose_pipeline_it_is(pack, preprocessor):
    images = [image(seed=seed) for seed in range(2)]
    with torch.no_grad():
        expected = zero_dce(OWN_PREPROCESSOR).test_step(sample_of(OWN_PACK, *images))
        found = zero_dce(preprocessor).test_step(sample_of(pack, *images))
    for a, b, x in zip(expected, found, images):
        torch.testing.assert_close(a.output.pred_img, b.output.pred_img, atol=1e-3, rtol=0)
        for sample in (a, b):
            # The input and the ground truth come back as they were read.
            np.testing.assert_allclose(sample.input.permute(1, 2, 0).numpy(), x, atol=1e-4)
            np.testing.assert_array_equal(sample.gt_img.permute(1, 2, 0).numpy(), x // 2)
            assert sample.metainfo['img_path'] == 'a.png'


@pytest.mark.parametrize('is_disc', [False, True])
@pytest.mark.parametrize('is_real', [False, True])
def test_adversarial_loss_has_mmagics_value(is_real, is_disc):
    own = MODELS.build(dict(type='mmsdag.LeastSquaresGANLoss', loss_weight=0.3))
    theirs = MODELS.build(dict(type='mmagic.GANLoss', gan_type='lsgan', loss_weight=0.3))
    scores = torch.randn(2, 1, 5, 5)
    torch.testing.assert_close(own(scores, is_real, is_disc), theirs(scores, is_real, is_disc))


def test_pixelwise_loss_has_mmagics_value():
    own, theirs = (
        MODELS.build(dict(type=f'{scope}.MSELoss', loss_weight=2.0))
        for scope in ('mmsdag', 'mmagic')
    )
    a, b = torch.rand(2, 2, 3, 8, 8)
    torch.testing.assert_close(own(a, b), theirs(a, b))


def test_discriminator_loads_weights_that_were_saved_on_top_of_mmagics():
    own = MODELS.build(dict(type='mmsdag.NormFreePatchDiscriminator', num_conv=4))
    # Instance norm has no parameters and leaves biases to the convolutions.
    theirs = MODELS.build(
        dict(type='mmagic.PatchDiscriminator', in_channels=3, num_conv=4, norm_cfg=dict(type='IN'))
    )
    own.load_state_dict(theirs.state_dict())
    shapes = {name: w.shape for name, w in theirs.state_dict().items()}
    assert shapes == {name: w.shape for name, w in own.state_dict().items()}


def test_optimizers_hold_the_parameters_in_mmagics_order():
    model = MODELS.build(
        dict(
            type='mmsdag.EnlightenGAN',
            generator=dict(type='mmsdag.EnlightenGANNet'),
            feature_loss=dict(type='mmsdag.MSELoss'),
        )
    )
    schedule = Config.fromfile(ROOT / 'configs' / '_base_' / 'schedules' / 'enlighten_gan_6k.py')
    config = schedule.optim_wrapper
    config.pop('constructor')
    own, theirs = (
        OPTIM_WRAPPER_CONSTRUCTORS.build(
            dict(type=f'{scope}.MultiOptimWrapperConstructor', optim_wrapper_cfg=config)
        )(model)
        for scope in ('mmsdag', 'mmagic')
    )
    for name in ('generator', 'discriminators'):
        a, b = (wrappers[name].optimizer.param_groups for wrappers in (own, theirs))
        assert [id(p) for g in a for p in g['params']] == [id(p) for g in b for p in g['params']]
        assert a[0]['lr'] == b[0]['lr'] == 1e-4


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / 'photographs'
    folder.mkdir()
    for seed in range(3):
        cv2.imwrite(str(folder / f'{seed}.png'), image(seed=seed) // 4)
    return folder


CONFIG_IN_MMAGICS_MANNER = """
default_scope = 'mmagic'
custom_imports = dict(imports=['mmsdag'])
model = dict(
    type='mmsdag.UnsupervisedEnhancer',
    generator=dict(type='mmsdag.ZeroDCENet'),
    losses=dict(near=dict(type='mmagic.MSELoss')),
    data_preprocessor=dict(
        type='DataPreprocessor', mean=[0.] * 3, std=[255.] * 3,
        output_channel_order='RGB', data_keys=[]))
pipeline = [
    dict(type='LoadImageFromFile', key='img'),
    dict(type='SetValues', dictionary=dict(scale=1)),
    dict(type='FixedCrop', keys=['img'], crop_size=(32, 32)),
    dict(type='Flip', keys=['img'], direction='horizontal'),
    dict(type='PackInputs', keys=['img'])]
train_dataloader = dict(
    batch_size=2, num_workers=0,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='BasicImageDataset', data_root={folder!r},
                 data_prefix=dict(img=''), pipeline=pipeline))
train_cfg = dict(by_epoch=False, max_iters=2)
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-4))
default_hooks = dict(checkpoint=dict(
    type='CheckpointHook', interval=2, by_epoch=False))
test_dataloader = dict(
    batch_size=1, num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='BasicImageDataset', data_root={folder!r},
        data_prefix=dict(img='', gt=''),
        pipeline=[dict(type='LoadImageFromFile', key='img'),
                  dict(type='LoadImageFromFile', key='gt'),
                  dict(type='PackInputs')]))
test_cfg = dict(type='MultiTestLoop')
test_evaluator = dict(type='Evaluator', metrics=[
    dict(type='PSNR'), dict(type='mmsdag.PSNR', prefix='own')])
work_dir = {work_dir!r}
"""


@pytest.fixture
def config(photographs: Path, tmp_path: Path) -> Path:
    path = tmp_path / 'config.py'
    path.write_text(
        CONFIG_IN_MMAGICS_MANNER.format(folder=str(photographs), work_dir=str(tmp_path / 'work'))
    )
    return path


def test_config_in_mmagics_manner_trains_and_is_tested_by_its_metrics(config, tmp_path):
    runner = Runner.from_cfg(Config.fromfile(config))
    runner.train()
    saved = torch.load(tmp_path / 'work' / 'iter_2.pth', 'cpu', weights_only=False)
    assert all(key.startswith('generator.') for key in saved['state_dict'])
    runner.test()
    theirs, own = (
        runner.message_hub.get_scalar(f'test/{name}').current() for name in ('PSNR', 'own/PSNR')
    )
    assert own == pytest.approx(theirs, abs=1e-6)


def test_mmagics_training_tool_runs_our_config(photographs, tmp_path):
    import mmagic

    tool = Path(mmagic.__file__).parent / '.mim' / 'tools' / 'train.py'
    done = subprocess.run(
        [
            sys.executable,
            tool,
            ROOT / 'configs' / 'zero_dce' / 'zero-dce_1xb8-50k_folder.py',
            '--work-dir',
            tmp_path / 'work',
            '--cfg-options',
            f'train_dataloader.dataset.data_root={photographs}',
            'train_dataloader.dataset.min_size=32',
            'train_cfg.max_iters=2',
            'train_dataloader.num_workers=0',
            'train_dataloader.batch_size=2',
            'train_dataloader.persistent_workers=False',
            'default_hooks.checkpoint.interval=2',
        ],
        env=dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1'),
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / 'work' / 'iter_2.pth').exists()


def test_mmagics_metrics_read_our_predictions():
    with torch.no_grad():
        samples = zero_dce(OWN_PREPROCESSOR).test_step(sample_of(OWN_PACK, image()))
    metric = METRICS.build(dict(type='mmagic.PSNR'))
    metric.process(None, [sample.to_dict() for sample in samples])
    metric.size = 1
    assert np.isfinite(metric.evaluate()['PSNR'])


@pytest.mark.parametrize('options', [dict(), dict(convert_to='Y'), dict(crop_border=4)])
@pytest.mark.parametrize('name', ['PSNR', 'SSIM'])
def test_fidelity_has_mmagics_values(name, options):
    good = torch.from_numpy(image(64, 80)).permute(2, 0, 1)
    made = (good * 0.7 + 20).float()
    sample = dict(gt_img=good, output=dict(pred_img=made))
    values = []
    for scope in ('mmsdag', 'mmagic'):
        metric = METRICS.build(dict(type=f'{scope}.{name}', **options))
        metric.size = 1
        metric.process(None, [sample])
        values.append(metric.evaluate()[name])
    assert values[0] == pytest.approx(values[1], rel=1e-5)


@pytest.mark.parametrize('convert_to', ['gray', 'y'])
def test_niqe_has_mmagics_values(convert_to):
    from mmagic.evaluation import niqe

    pixels = cv2.GaussianBlur(image(300, 410), (0, 0), 1.2)
    made = torch.from_numpy(pixels).permute(2, 0, 1).float()
    metric = METRICS.build(dict(type='mmsdag.NIQE', convert_to=convert_to))
    metric.process(None, [dict(input=made, output=dict(pred_img=made))])
    expected = niqe(pixels, crop_border=0, convert_to=convert_to)
    assert metric.evaluate(1)['NIQE'] == pytest.approx(expected, rel=1e-3)
