"""Crops, flips and transpositions act alike on all images of a sample."""

import numpy as np
import pytest
from mmengine.registry import TRANSFORMS

import mmsdag.registry  # noqa: F401


def transform(name: str, **options):
    return TRANSFORMS.build(dict(type=f'mmsdag.{name}', **options))


def pair(height: int = 6, width: int = 9) -> dict:
    """An image whose pixels are all different, and twice its values."""
    image = np.arange(height * width * 3).reshape(height, width, 3)
    return dict(img=image, gt=2 * image)


@pytest.mark.parametrize(
    'name, options',
    [
        ('RandomCrop', dict(crop_size=(3, 4))),
        ('RandomFlip', dict(direction='vertical')),
        ('RandomTranspose', dict()),
    ],
)
def test_images_stay_aligned(name, options):
    step = transform(name, keys=('img', 'gt'), **options)
    for _ in range(8):
        results = step(pair())
        np.testing.assert_array_equal(2 * results['img'], results['gt'])


def test_a_crop_is_a_part_of_the_image_and_notes_its_size():
    image = pair()['img']
    seen = set()
    for _ in range(60):
        results = transform('RandomCrop', crop_size=(3, 4))(dict(img=image))
        top, left = np.argwhere(image[..., 0] == results['img'][0, 0, 0])[0]
        np.testing.assert_array_equal(results['img'], image[top : top + 3, left : left + 4])
        assert results['img_shape'] == (3, 4)
        seen.add((top, left))
    assert {top for top, _ in seen} == {0, 1, 2, 3}
    assert {left for _, left in seen} == {0, 1, 2, 3, 4, 5}


def test_an_image_smaller_than_the_crop_keeps_its_size():
    results = transform('RandomCrop', crop_size=8)(pair())
    assert results['img'].shape == (6, 8, 3)


@pytest.mark.parametrize(
    'direction, expected', [('horizontal', [[2, 1], [4, 3]]), ('vertical', [[3, 4], [1, 2]])]
)
def test_a_flip_of_probability_one_mirrors(direction, expected):
    image = np.array([[1, 2], [3, 4]])[..., None]
    results = transform('RandomFlip', direction=direction, prob=1.0)(dict(img=image))
    assert results['img'][..., 0].tolist() == expected
    assert image[..., 0].tolist() == [[1, 2], [3, 4]]  # the source is kept


def test_a_probability_of_zero_changes_nothing():
    for name in ('RandomFlip', 'RandomTranspose'):
        results = transform(name, prob=0.0)(pair())
        np.testing.assert_array_equal(results['img'], pair()['img'])


@pytest.mark.parametrize(
    'name, options, message',
    [
        ('RandomCrop', dict(crop_size=0), 'crop_size=0 of RandomCrop'),
        ('RandomCrop', dict(crop_size=(3,)), r'crop_size=\(3,\) of RandomCrop'),
        ('RandomFlip', dict(direction='diagonal'), "direction='diagonal'"),
        ('RandomFlip', dict(prob=2), 'prob=2 of RandomFlip'),
        ('RandomTranspose', dict(prob=-1), 'prob=-1 of RandomTranspose'),
    ],
)
def test_options_out_of_range_are_named(name, options, message):
    with pytest.raises(ValueError, match=message):
        transform(name, **options)


def test_missing_and_differing_images_are_named():
    step = transform('RandomCrop', crop_size=3, keys=('img', 'gt'))
    with pytest.raises(KeyError, match="RandomCrop: no 'gt' among the keys"):
        step(dict(img=np.zeros((4, 4, 3))))
    with pytest.raises(ValueError, match=r'\(4, 4\), \(4, 5\)'):
        step(dict(img=np.zeros((4, 4, 3)), gt=np.zeros((4, 5, 3))))


@pytest.mark.parametrize(
    'name, options',
    [('RandomCrop', dict(crop_size=3)), ('RandomFlip', {}), ('RandomTranspose', {})],
)
@pytest.mark.parametrize('key', ['gt_bboxes', 'gt_seg_map'])
def test_annotations_that_would_stay_behind_are_refused(name, options, key):
    # Unscoped, the name means ours where the default scope is mmsdag.
    sample = {'img': np.zeros((4, 4, 3)), key: np.zeros((4, 4))}
    with pytest.raises(ValueError, match=f"has '{key}'.*'mmdet.{name}'"):
        transform(name, **options)(sample)


def test_packing_makes_tensors_and_keeps_what_is_known():
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    packed = transform('PackImages')(dict(img=image, gt=image[:, ::-1], img_path='a.png', other=1))
    assert packed['inputs'].shape == (3, 2, 4)
    assert packed['inputs'].dtype.is_floating_point is False
    np.testing.assert_array_equal(packed['inputs'].permute(1, 2, 0).numpy(), image)
    np.testing.assert_array_equal(
        packed['data_samples'].gt_img.permute(1, 2, 0).numpy(), image[:, ::-1]
    )
    assert packed['data_samples'].metainfo == dict(img_path='a.png')
    several = transform('PackImages', keys=('img', 'gt'))(dict(img=image, gt=image))
    assert list(several['inputs']) == ['img', 'gt']
