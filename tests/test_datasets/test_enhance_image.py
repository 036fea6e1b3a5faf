"""Enhancement in a pipeline: exact, in any process, cached safely."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path

import cv2
import mmcv
import numpy as np
import pytest
import torch
from helpers.weights import save_weights
from mmengine.config import Config
from torch.utils.data import DataLoader, Dataset

from mmsdag.apis import LowLightInferencer
from mmsdag.datasets.transforms import EnhanceImage
from mmsdag.models import ZeroDCENet
from mmsdag.registry import TRANSFORMS
from mmsdag.utils.model_index import model_names

GAMMA = dict(type='mmsdag.GammaEnhancer')
ZERO_DCE = dict(type='mmsdag.ZeroDCENet', channels=4)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def photo() -> np.ndarray:
    """(24, 32, 3), BGR, uint8, dark."""
    return photograph(0)


def photograph(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 90, (24, 32, 3)).astype(np.uint8)


def by_hand(image: np.ndarray) -> np.ndarray:
    return np.rint((image / 255) ** (1 / 2.2) * 255).astype(np.uint8)


def save(path: Path, seed: int = 0) -> str:
    torch.manual_seed(seed)
    save_weights(ZeroDCENet(channels=4), path, scale=4)
    return str(path)


def enhance(transform: EnhanceImage, image: np.ndarray) -> np.ndarray:
    return transform(dict(img=image))['img']


def cached(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob('*') if path.is_file())


def test_it_follows_loading_in_a_stock_pipeline(photo, tmp_path):
    mmcv.imwrite(photo, str(tmp_path / 'a.png'))
    pipeline = [
        TRANSFORMS.build(dict(type='LoadImageFromFile')),
        TRANSFORMS.build(dict(type='mmsdag.EnhanceImage', enhancer=GAMMA)),
    ]
    results: dict = dict(img_path=str(tmp_path / 'a.png'))
    for transform in pipeline:
        results = transform(results)
    np.testing.assert_array_equal(results['img'], by_hand(photo))
    assert results['img'].dtype == np.uint8
    assert results['ori_shape'] == results['img_shape'] == (24, 32)


def test_albumentations_may_follow_it(photo):
    pytest.importorskip('albumentations')
    from mmdet.datasets.transforms import Albu

    flip = Albu(
        transforms=[dict(type='HorizontalFlip', p=1.0)],
        bbox_params=dict(
            type='BboxParams',
            format='pascal_voc',
            label_fields=['gt_bboxes_labels', 'gt_ignore_flags'],
        ),
        keymap=dict(img='image', gt_bboxes='bboxes'),
    )
    results = flip(
        dict(
            img=enhance(EnhanceImage(GAMMA), photo),
            gt_bboxes=np.array([[2, 5, 12, 15]], np.float32),
            gt_bboxes_labels=np.array([3]),
            gt_ignore_flags=np.array([False]),
        )
    )
    np.testing.assert_array_equal(results['img'], by_hand(photo)[:, ::-1])
    # The photograph is 32 pixels wide.
    assert results['gt_bboxes'].tolist() == [[20, 5, 30, 15]]


def test_it_gives_what_the_inferencer_gives(photo, tmp_path):
    checkpoint = save(tmp_path / 'a.pth')
    expected = LowLightInferencer(ZERO_DCE, checkpoint, 'cpu').enhance(photo)
    found = enhance(EnhanceImage(ZERO_DCE, checkpoint), photo)
    np.testing.assert_array_equal(found, expected)
    assert (found != photo).any()


def test_a_config_file_with_a_generator_is_an_enhancer(photo, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(Config(dict(model=dict(generator=GAMMA))).pretty_text)
    np.testing.assert_array_equal(enhance(EnhanceImage(str(path)), photo), by_hand(photo))


def test_a_trained_model_is_called_by_its_name(photo, tmp_path):
    model = model_names()['zero_dce.sdag']
    named = EnhanceImage('zero_dce.sdag', cache_dir=tmp_path)
    by_files = EnhanceImage(model.config, model.checkpoint, cache_dir=tmp_path)
    out = enhance(named, photo)
    np.testing.assert_array_equal(out, enhance(by_files, photo))
    assert out.mean() > photo.mean()
    assert len(cached(tmp_path)) == 1


def test_floating_point_stays_so_and_is_not_cached(photo, tmp_path):
    transform = EnhanceImage(GAMMA, cache_dir=tmp_path)
    found = enhance(transform, photo.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (photo / 255) ** (1 / 2.2) * 255, atol=1e-3)
    assert cached(tmp_path) == []


def test_a_second_time_comes_from_the_cache(photo, tmp_path, monkeypatch):
    first = enhance(EnhanceImage(GAMMA, cache_dir=tmp_path), photo)
    monkeypatch.setattr(EnhanceImage, '_enhance', None)
    second = enhance(EnhanceImage(GAMMA, cache_dir=tmp_path), photo)
    np.testing.assert_array_equal(first, by_hand(photo))
    np.testing.assert_array_equal(second, first)


def test_a_cached_file_is_a_png_that_others_read(photo, tmp_path):
    enhance(EnhanceImage(GAMMA, cache_dir=tmp_path), photo)
    (path,) = cached(tmp_path)
    assert path.suffix == '.png'
    np.testing.assert_array_equal(cv2.imread(str(path)), by_hand(photo))


def test_other_pixels_are_another_entry(photo, tmp_path):
    transform = EnhanceImage(GAMMA, cache_dir=tmp_path)
    changed = photo.copy()
    changed[0, 0, 0] += 1
    for image in (photo, changed, photo.reshape(32, 24, 3), photo[:, ::-1]):
        np.testing.assert_array_equal(enhance(transform, image), by_hand(image))
    assert len(cached(tmp_path)) == 4


@pytest.mark.parametrize(
    'other',
    [
        dict(enhancer=dict(type='mmsdag.GammaEnhancer', gamma=1.5)),
        dict(enhancer=dict(type='mmsdag.HistogramEqualizationEnhancer')),
        dict(enhancer=GAMMA, amp_dtype='bfloat16'),
    ],
)
def test_another_enhancer_does_not_share_entries(photo, tmp_path, other):
    enhance(EnhanceImage(GAMMA, cache_dir=tmp_path), photo)
    enhance(EnhanceImage(cache_dir=tmp_path, **other), photo)
    assert len(cached(tmp_path)) == 2


def test_a_network_that_is_built_is_told_apart_by_its_weights(photo, tmp_path):
    network = torch.nn.Conv2d(3, 3, 1)
    enhancer = dict(type='mmsdag.EnhancerWrapper', module=network)
    for bias in (0.25, 0.75):
        torch.nn.init.zeros_(network.weight)
        torch.nn.init.constant_(network.bias, bias)
        out = enhance(EnhanceImage(enhancer, cache_dir=tmp_path), photo)
        assert (out == round(255 * bias)).all()


def test_the_content_of_the_checkpoint_counts_not_its_name(photo, tmp_path):
    cache, path = tmp_path / 'cache', tmp_path / 'a.pth'
    results = []
    for seed in (0, 1, 0):
        save(path, seed)
        results.append(enhance(EnhanceImage(ZERO_DCE, path, cache_dir=cache), photo))
    assert (results[0] != results[1]).any()
    np.testing.assert_array_equal(results[0], results[2])
    copy = Path(save(tmp_path / 'b.pth', 0))
    copy.write_bytes(path.read_bytes())
    enhance(EnhanceImage(ZERO_DCE, copy, cache_dir=cache), photo)
    assert len(cached(cache)) == 2


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize('damage', [cut, flipped, lambda content: b''])
def test_a_damaged_entry_is_made_anew(photo, tmp_path, damage):
    transform = EnhanceImage(GAMMA, cache_dir=tmp_path)
    enhance(transform, photo)
    (path,) = cached(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    np.testing.assert_array_equal(enhance(transform, photo), by_hand(photo))
    assert path.read_bytes() == whole


def test_an_interrupted_write_leaves_nothing(photo, tmp_path, monkeypatch):
    transform = EnhanceImage(GAMMA, cache_dir=tmp_path)

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr('os.replace', interrupt)
    with pytest.raises(KeyboardInterrupt):
        enhance(transform, photo)
    assert cached(tmp_path) == []


@pytest.mark.parametrize('used', [False, True])
def test_it_is_pickled_before_and_after_use(photo, tmp_path, used):
    transform = EnhanceImage(ZERO_DCE, save(tmp_path / 'a.pth'))
    expected = enhance(EnhanceImage(ZERO_DCE, save(tmp_path / 'b.pth')), photo)
    if used:
        enhance(transform, photo)
    content = pickle.dumps(transform)
    assert len(content) < 2000  # without the network
    np.testing.assert_array_equal(enhance(pickle.loads(content), photo), expected)


class Photographs(Dataset):
    """Six photographs through the transform, each twice."""

    def __init__(self, transform: EnhanceImage) -> None:
        self.transform = transform

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(enhance(self.transform, photograph(index % 6)))


def test_workers_share_a_cache(tmp_path):
    dataset = Photographs(EnhanceImage(GAMMA, cache_dir=tmp_path))
    dataset[0]  # the parent has built an enhancer before it forks
    loader = DataLoader(
        dataset, batch_size=2, num_workers=2, multiprocessing_context='fork', timeout=60
    )
    images = torch.cat(list(loader)).numpy()
    for index, image in enumerate(images):
        np.testing.assert_array_equal(image, by_hand(photograph(index % 6)))
    assert len(cached(tmp_path)) == 6


def enhance_all(folder: str, barrier, failures) -> None:
    """In a process of its own: every photograph, ten times over."""
    torch.set_num_threads(1)
    transform = EnhanceImage(GAMMA, cache_dir=folder)
    barrier.wait(60)
    for _ in range(10):
        for seed in range(6):
            image = photograph(seed)
            if (enhance(transform, image) != by_hand(image)).any():
                failures.put(seed)
            # Both write the same names again and again.
            transform._cache_path(image).unlink(missing_ok=True)


def test_two_processes_may_write_the_same_entries_at_once(tmp_path):
    context = multiprocessing.get_context('fork')
    barrier, failures = context.Barrier(2), context.SimpleQueue()
    processes = [
        context.Process(target=enhance_all, args=(str(tmp_path), barrier, failures))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert failures.empty()
    assert cached(tmp_path) == []  # nor any left-overs


@pytest.mark.parametrize(
    'options, error, message',
    [
        (dict(enhancer=ZERO_DCE, checkpoint='nowhere.pth'), FileNotFoundError, 'nowhere.pth'),
        (dict(enhancer='nowhere/at_all'), FileNotFoundError, 'nowhere/at_all'),
        (dict(enhancer=None), TypeError, 'enhancer=None'),
        (dict(enhancer=dict(gamma=2)), ValueError, 'no model.generator'),
        (dict(enhancer=GAMMA, amp_dtype='int8'), ValueError, 'int8'),
        (
            dict(enhancer=GAMMA, cache_dir=__file__),
            ValueError,
            'cache_dir=.* is a file; name a folder',
        ),
    ],
)
def test_a_wrong_argument_is_refused_at_once(options, error, message):
    with pytest.raises(error, match=message):
        EnhanceImage(**options)


@pytest.mark.parametrize(
    'results, message',
    [
        (dict(img_path='a.jpg'), 'put it after LoadImageFromFile'),
        (dict(img=np.zeros((4, 4, 3), np.int32)), 'an image of int32'),
        (dict(img=np.full((4, 4, 3), 0.5)), 'look like \\[0, 1\\]'),
        (dict(img=np.linspace(-2, 2, 48).reshape(4, 4, 3)), 'look normalized'),
        (dict(img=np.ones((4, 4, 3)), img_norm_cfg={}), 'before Normalize'),
    ],
)
def test_a_wrong_image_is_refused(results, message):
    with pytest.raises(ValueError, match=message):
        EnhanceImage(GAMMA)(results)


def test_16_bit_images_are_enhanced_as_such():
    image = np.full((4, 4, 3), 6554, np.uint16)
    enhanced = EnhanceImage(GAMMA)(dict(img=image))['img']
    # 65535 * (6554 / 65535) ** (1 / 2.2) = 23011.4
    assert enhanced.dtype == np.uint16
    assert abs(int(enhanced[0, 0, 0]) - 23011.4) < 1


def test_the_older_name_of_the_checkpoint_is_known():
    with pytest.raises(FileNotFoundError, match='none.pth'):
        EnhanceImage(dict(type='mmsdag.ZeroDCENet'), enhancer_checkpoint='none.pth')


def test_what_is_no_enhancer_is_refused_at_the_first_image(photo):
    with pytest.raises(ValueError, match='SDAGNet has no enhance'):
        enhance(EnhanceImage(dict(type='mmsdag.SDAGNet')), photo)


def test_it_names_its_settings():
    text = repr(EnhanceImage(GAMMA, cache_dir='cache'))
    assert text.startswith('EnhanceImage(') and 'GammaEnhancer' in text
    assert 'cache_dir=cache' in text
