import logging
import os

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from PIL import Image
from torch.utils.data import DataLoader

from mmsdag.datasets import LowLightFolderDataset, ResumableSampler
from mmsdag.registry import DATASETS
from mmsdag.utils.image_io import BrokenImageError

LOAD = [dict(type='mmsdag.LoadLowLightImage')]


class RandomCrop:
    """8x8, at a place that NumPy draws, flipped in place as mmagic's Flip."""

    def __call__(self, results):
        image = results['img']
        y, x = (np.random.randint(side - 7) for side in image.shape[:2])
        crop = image[y : y + 8, x : x + 8]
        crop[:] = 255 - crop
        return dict(img=crop.copy(), name=results['img_path'][-5:])


def save(path, value=100, size=(16, 12)):
    """Save an image of one gray; size is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, (value,) * 3).save(path)


def truncate(path, keep=0.5):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


@pytest.fixture
def folder(tmp_path):
    for i in range(5):
        save(tmp_path / f'{i}.png', value=i * 40)
    return tmp_path


@pytest.fixture
def warnings():
    """What is logged while the test runs."""
    logger = MMLogger.get_current_instance()
    lines = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    yield lines
    logger.removeHandler(handler)


def names(dataset):
    return [
        os.path.relpath(dataset.get_data_info(i)['img_path'], str(dataset.folder))
        for i in range(len(dataset))
    ]


# --- finding ------------------------------------------------------------


def test_all_images_below_the_folder_are_found_in_order(folder):
    save(folder / 'b' / 'c' / 'X.JPG')
    save(folder / 'a' / 'y.webp')
    (folder / 'notes.txt').write_text('no image')
    assert names(LowLightFolderDataset(str(folder))) == [
        '0.png',
        '1.png',
        '2.png',
        '3.png',
        '4.png',
        'a/y.webp',
        'b/c/X.JPG',
    ]


def test_hidden_files_are_passed_over(folder):
    (folder / '._0.png').write_bytes(b'macOS leaves these')
    save(folder / '.cache' / 'z.png')
    assert len(LowLightFolderDataset(str(folder))) == 5


def test_linked_folders_are_entered_once(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp('elsewhere')
    save(elsewhere / 'z.png')
    (folder / 'link').symlink_to(elsewhere)
    (folder / 'loop').symlink_to(folder)
    assert names(LowLightFolderDataset(str(folder)))[-1] == 'link/z.png'
    assert len(LowLightFolderDataset(str(folder))) == 6


def test_pattern_chooses_by_file_name(folder):
    save(folder / 'a' / 'x_low.png')
    dataset = LowLightFolderDataset(str(folder), pattern='*_low.png')
    assert names(dataset) == ['a/x_low.png']


def test_a_list_chooses_and_orders(folder):
    (folder / 'train.txt').write_text('3.png\n\n1.png\n')
    dataset = LowLightFolderDataset(str(folder), ann_file='train.txt')
    assert names(dataset) == ['3.png', '1.png']


def test_images_may_be_in_a_folder_inside_the_root(folder):
    save(folder / 'dark' / 'x.png')
    dataset = LowLightFolderDataset(str(folder), data_prefix=dict(img_path='dark'))
    assert names(dataset) == ['x.png']


def test_indices_take_the_first_images(folder):
    assert len(LowLightFolderDataset(str(folder), indices=2)) == 2


def test_sizes_are_those_of_the_upright_image(folder):
    save(folder / '0.png', size=(16, 12))
    info = LowLightFolderDataset(str(folder)).get_data_info(0)
    assert (info['height'], info['width']) == (12, 16)


# --- guards -------------------------------------------------------------


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder .*nowhere.*check data_root='):
        LowLightFolderDataset(str(tmp_path / 'nowhere'))


def test_an_empty_root_is_not_the_working_folder():
    with pytest.raises(FileNotFoundError, match="data_root=''"):
        LowLightFolderDataset('')


def test_a_prefix_without_img_path_is_refused(folder):
    with pytest.raises(ValueError, match="no 'img_path'"):
        LowLightFolderDataset(str(folder), data_prefix=dict(img=''))


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / 'notes.txt').write_text('no image')
    with pytest.raises(FileNotFoundError, match='no images .*data_root'):
        LowLightFolderDataset(str(tmp_path))


def test_a_missing_list_is_named(folder):
    with pytest.raises(FileNotFoundError, match='ann_file=.*train.txt'):
        LowLightFolderDataset(str(folder), ann_file='train.txt')


def test_listed_files_that_are_missing_are_named(folder):
    (folder / 'train.txt').write_text('3.png\n7.png\n8.png\n')
    with pytest.raises(FileNotFoundError, match='2 of the 3 .*\n  7.png\n'):
        LowLightFolderDataset(str(folder), ann_file='train.txt')


def test_broken_files_are_left_out_named_and_counted(folder, warnings):
    truncate(folder / '1.png')
    (folder / '2.png').write_bytes(b'')
    (folder / '3.png').write_text('<html>404</html>')
    assert names(LowLightFolderDataset(str(folder))) == ['0.png', '4.png']
    (warning,) = warnings
    assert '3 of 5 images' in warning
    assert '2.png: empty file (0 bytes)' in warning
    assert '3.png: not an image' in warning


def test_many_broken_files_are_counted_after_the_first_ten(folder, warnings):
    for i in range(25):
        (folder / f'broken{i}.jpg').write_bytes(b'')
    LowLightFolderDataset(str(folder))
    assert '25 of 30' in warnings[0] and 'and 15 more' in warnings[0]
    assert warnings[0].count('empty file') == 10


def test_a_folder_of_broken_files_is_refused(folder):
    for path in folder.iterdir():
        path.write_bytes(b'')
    with pytest.raises(ValueError, match='none of the 5 images .*\n.*0.png'):
        LowLightFolderDataset(str(folder))


def test_images_smaller_than_the_crop_are_refused_by_name(folder):
    save(folder / '2.png', size=(16, 7))
    with pytest.raises(ValueError) as error:
        LowLightFolderDataset(str(folder), min_size=8)
    assert '1 of 5 images' in str(error.value)
    assert '2.png: 7x16' in str(error.value)
    assert 'small=skip' in str(error.value)


def test_images_smaller_than_the_crop_can_be_left_out(folder, warnings):
    save(folder / '2.png', size=(7, 16))
    dataset = LowLightFolderDataset(str(folder), min_size=(12, 16), small='skip')
    assert names(dataset) == ['0.png', '1.png', '3.png', '4.png']
    assert '1 of 5' in warnings[0] and '2.png: 16x7' in warnings[0]


def test_a_folder_of_small_images_is_refused_whatever_small_says(folder):
    with pytest.raises(ValueError, match='5 of 5'):
        LowLightFolderDataset(str(folder), min_size=64, small='skip')


@pytest.mark.parametrize('wrong', [dict(small='resize'), dict(min_size=(1, 2, 3))])
def test_impossible_options_are_refused(folder, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LowLightFolderDataset(str(folder), **wrong)


def test_a_big_folder_shows_progress(folder, monkeypatch):
    module = 'mmsdag.datasets.low_light_folder'
    shown = []

    def bar(tasks):
        shown.append(tasks[1])
        return tasks[0]

    monkeypatch.setattr(f'{module}.track_iter_progress', bar)
    assert len(LowLightFolderDataset(str(folder))) == 5 and not shown
    monkeypatch.setattr(f'{module}._BIG_FOLDER', 5)
    assert len(LowLightFolderDataset(str(folder))) == 5 and shown == [5]


# --- training -----------------------------------------------------------


def breaking_later(folder, **kwargs):
    """A dataset of which 1.png breaks after the check."""
    dataset = LowLightFolderDataset(str(folder), pipeline=LOAD + [RandomCrop()], **kwargs)
    truncate(folder / '1.png')
    return dataset


def test_a_file_that_breaks_later_is_replaced_and_named_once(folder, warnings):
    dataset = breaking_later(folder)
    drawn = {dataset[1]['name'] for _ in range(20)}
    assert drawn and '1.png' not in drawn
    (warning,) = warnings
    assert '1.png: ' in warning and 'broken files in' in warning


def test_the_replacement_depends_on_the_draw_alone(folder):
    dataset = breaking_later(folder)

    def drawn(num_workers):
        loader = DataLoader(
            dataset,
            sampler=ResumableSampler(dataset, seed=3),
            batch_size=4,
            num_workers=num_workers,
        )
        batches = iter(loader)
        return [next(batches) for _ in range(6)]

    alone = drawn(0)
    for num_workers in (1, 3):
        for batch, other in zip(alone, drawn(num_workers)):
            assert batch['name'] == other['name']
            assert torch.equal(batch['img'], other['img'])


def test_a_broken_file_is_an_error_in_test_mode(folder):
    dataset = breaking_later(folder, test_mode=True)
    with pytest.raises(BrokenImageError, match='1.png'):
        dataset[1]


def test_the_search_for_a_replacement_ends(folder):
    dataset = breaking_later(folder, max_refetch=7)
    for path in folder.iterdir():
        path.write_bytes(b'')
    with pytest.raises(Exception, match='after 7'):
        dataset[0]


def test_bugs_of_a_transform_are_not_taken_for_broken_files(folder):

    def transform(results):
        raise ValueError('bug')

    dataset = LowLightFolderDataset(str(folder), pipeline=[transform])
    with pytest.raises(ValueError, match='bug'):
        dataset[0]


def test_images_in_memory_are_those_of_the_files(folder):
    stored = LowLightFolderDataset(str(folder), pipeline=LOAD, in_memory=True)
    read = LowLightFolderDataset(str(folder), pipeline=LOAD)
    for path in folder.iterdir():
        if path.name != '1.png':
            path.rename(folder / f'gone{path.name}')
    assert stored[3]['img'][0, 0].tolist() == [120] * 3
    assert stored[1].keys() == read[1].keys()
    np.testing.assert_array_equal(stored[1]['img'], read[1]['img'])


def test_transforms_in_place_leave_the_images_in_memory_alone(folder):
    dataset = LowLightFolderDataset(str(folder), pipeline=LOAD + [RandomCrop()], in_memory=True)
    assert dataset[1]['img'].max() == 255 - 40
    assert (dataset.get_data_info(1)['img'] == 40).all()


def test_a_file_that_breaks_while_loading_is_replaced(folder, monkeypatch):
    read_image = 'mmsdag.datasets.low_light_folder.inspect_image'
    monkeypatch.setattr(read_image, lambda path: (12, 16))
    truncate(folder / '1.png')
    dataset = LowLightFolderDataset(str(folder), pipeline=LOAD + [RandomCrop()], in_memory=True)
    assert len(dataset) == 5
    assert dataset[1]['name'] != '1.png'


def test_loaded_images_carry_what_mmcv_and_mmagic_ask_for(folder):
    results = LowLightFolderDataset(str(folder), pipeline=LOAD)[2]
    assert results['img'].shape == (12, 16, 3)
    assert results['img'].dtype == np.uint8
    assert results['img_shape'] == results['ori_shape'] == (12, 16)
    assert results['ori_img_shape'] == (12, 16, 3)
    assert results['img_channel_order'] == 'bgr'
    assert results['img_path'] == str(folder / '2.png')


def test_it_is_built_from_a_config(folder):
    config = dict(
        type='mmsdag.LowLightFolderDataset', data_root=str(folder), pipeline=LOAD, min_size=8
    )
    assert len(DATASETS.build(config)) == 5
