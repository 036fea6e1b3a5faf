from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmsdag.apis.paths import find_images, output_paths
from mmsdag.utils.image_writer import write_image


def test_images_are_found_in_sub_folders_and_sorted(tmp_path):
    for name in ('b.JPG', 'sub/a.tiff', 'notes.txt', '.hidden.png', '.cache/c.png', '._b.jpg'):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert find_images(tmp_path) == [Path('b.JPG'), Path('sub/a.tiff')]


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(ValueError, match='no images'):
        find_images(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        find_images(tmp_path / 'nowhere')


def test_results_keep_names_and_sub_folders():
    names = [Path('a.jpg'), Path('sub/b.c.png')]
    assert output_paths(names, [Path('in') / n for n in names], Path('out')) == [
        Path('out/a.png'),
        Path('out/sub/b.c.png'),
    ]


def test_two_images_of_one_name_are_refused():
    names = [Path('a.jpg'), Path('a.png')]
    with pytest.raises(ValueError, match=r'a\.jpg.*a\.png.*rename'):
        output_paths(names, names, Path('out'))


def test_a_result_never_replaces_an_input(tmp_path):
    with pytest.raises(ValueError, match='replace the input'):
        output_paths([Path('a.png')], [tmp_path / 'sub' / '..' / 'a.png'], tmp_path)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_written_png_holds_the_same_pixels(tmp_path, dtype):
    image = np.arange(2 * 3 * 3).reshape(2, 3, 3).astype(dtype) * 14
    write_image(tmp_path / 'new' / 'a.png', image)
    read = cv2.imread(str(tmp_path / 'new' / 'a.png'), cv2.IMREAD_UNCHANGED)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)
    assert [p.name for p in (tmp_path / 'new').iterdir()] == ['a.png']
